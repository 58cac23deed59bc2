//! The run of an entry that stands for it where a format takes one.

use hlb_core::hint::{Failure, Result};
use hlb_protocol::run_log::LoggedRun;
use hlb_result::{Entry, RunFigures};

/// The run of this number, or the median one: of an even number the slower of the two in the middle, so that nothing is
/// flattered. A run that did not reach is slower than any that did.
pub fn chosen(entry: &Entry, number: Option<u32>) -> Result<(&LoggedRun, &RunFigures)> {
    let (logged, figures) = (&entry.log.runs, &entry.result.derived.runs);
    let all: Vec<(&LoggedRun, &RunFigures)> = logged.iter().zip(figures).collect();
    let found = match number {
        Some(number) => all.iter().find(|(run, _)| run.run == number),
        None => median(&all),
    };
    found.copied().ok_or_else(|| {
        let (run, runs) = (number.unwrap_or(1), all.len());
        Failure::new(format!("there is no run {run}; the session has {runs}"))
            .with_hint("leave out --run for the median run")
    })
}

fn median<'a, 'b>(all: &'b [(&'a LoggedRun, &'a RunFigures)]) -> Option<&'b (&'a LoggedRun, &'a RunFigures)> {
    let seconds = |figures: &RunFigures| figures.time_to_accuracy_seconds.unwrap_or(f64::INFINITY);
    let mut order: Vec<_> = all.iter().collect();
    order.sort_by(|(_, a), (_, b)| seconds(a).total_cmp(&seconds(b)));
    order.get(order.len() / 2).copied()
}
