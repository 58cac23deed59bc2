//! Where the times of a session's runs lie: a mark for each run, the quartiles as a box.

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::site::charts::plot::{Axes, Frame, Scale, Tick, extent};
use hlb_core::stats::Spread;
use hlb_core::units::human_seconds;
use hlb_result::{Entry, RunFigures};

const FRAME: Frame = Frame::ROWS;

/// A drawing with a row for the variant and, if it is calibrated, one for the reference; `None` with fewer than two runs that
/// reached.
pub(crate) fn draw(entry: &Entry) -> Option<Value> {
    let derived = &entry.result.derived;
    let mut rows = vec![(derived.runs.as_slice(), &derived.summary.time_to_accuracy_seconds)];
    rows.extend(derived.calibration.as_ref().map(|found| (found.runs.as_slice(), &found.reference_seconds)));
    let times = || rows.iter().flat_map(|(runs, _)| *runs).filter_map(|run| run.time_to_accuracy_seconds);
    let (low, high) = extent(times())?;
    if times().count() < 2 {
        return None;
    }
    let x = Scale::around(low, high, 8, FRAME.left, FRAME.right);
    let height = (FRAME.bottom - FRAME.top) / if rows.len() > 1 { 2.0 } else { 1.0 };
    let middle = |index: u8| FRAME.top + height * (f64::from(index) + 0.5);
    let drawn = (0..).zip(&rows).map(|(index, (runs, spread))| row(middle(index), index > 0, runs, spread, &x));
    let names = (0..).zip(["variant", "reference"]).take(rows.len());
    let mut axes = Axes::new(FRAME, (&x, "time-to-accuracy in seconds"), (&x, ""));
    axes.y_ticks = names.map(|(index, name)| Tick { at: middle(index), label: name.to_owned() }).collect();
    Some(context! { axes => Serde(axes), rows => drawn.collect::<Value>() })
}

fn row(y: f64, reference: bool, runs: &[RunFigures], spread: &Spread, x: &Scale) -> Value {
    let mark = |run: &RunFigures| {
        let seconds = run.time_to_accuracy_seconds?;
        Some(context! { x => x.at(seconds), words => format!("run {}: {}", run.run, human_seconds(seconds)) })
    };
    let quartiles = spread.quartile_1.zip(spread.quartile_3);
    context! {
        y,
        reference,
        marks => runs.iter().filter_map(mark).collect::<Value>(),
        // Left and right edge of the middle half.
        quartiles => Serde(quartiles.map(|(first, third)| (x.at(first), x.at(third)))),
        median => spread.median.map(|at| x.at(at)),
    }
}
