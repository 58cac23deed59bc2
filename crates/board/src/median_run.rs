//! The run in the middle of a session: what one curve of an entry is drawn from.

use hlb_protocol::run_log::{LoggedRun, RunLog};

/// Most points that are kept of a curve.
const MOST_POINTS: usize = 200;

/// (Seconds of training, accuracy in percent) after each epoch of the run whose time-to-accuracy is the median; with an even
/// number of runs the slower of the two in the middle, so that nothing is flattered. Runs that missed are slower than any.
pub(super) fn median_curve(log: &RunLog) -> Vec<(f64, f64)> {
    let target = log.start.target;
    let seconds = |run: &LoggedRun| {
        let first = run.epochs.iter().find(|epoch| target.is_met_by(epoch.accuracy));
        first.map_or(f64::INFINITY, |epoch| epoch.train_seconds)
    };
    let mut runs: Vec<&LoggedRun> = log.runs.iter().filter(|run| !run.epochs.is_empty()).collect();
    runs.sort_by(|a, b| seconds(a).total_cmp(&seconds(b)));
    let Some(median) = runs.get(runs.len() / 2) else { return Vec::new() };
    let every = median.epochs.len().div_ceil(MOST_POINTS).max(1);
    let last = median.epochs.len() - 1;
    let kept = median.epochs.iter().enumerate().filter(|(index, _)| index % every == 0 || *index == last);
    kept.map(|(_, epoch)| (epoch.train_seconds, epoch.accuracy.percent())).collect()
}
