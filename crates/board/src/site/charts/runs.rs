//! Accuracy over time of every run of a session. Pure arithmetic.

use serde::Serialize;

use crate::site::charts::plot::{Axes, Frame, Scale, extent, polyline};
use hlb_protocol::run_log::{LoggedRun, Outcome, RunLog};

const FRAME: Frame = Frame::SMALL;

/// How far the close view reaches below the target, in percentage points.
const NEAR_POINTS: f64 = 3.0;

/// A drawing of one curve per run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RunChart {
    axes: Axes,
    /// Height of the target line.
    target: f64,
    lines: Vec<Line>,
}

/// The curve of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Line {
    run: usize,
    /// `x,y` pairs of a polyline.
    points: String,
    /// Where it first met the target.
    reached: Option<(f64, f64)>,
}

/// Accuracy over time of one run: (seconds, percent) after each epoch.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    points: Vec<(f64, f64)>,
    reached: Option<usize>,
}

/// The curves of a session.
pub(crate) fn curves(log: &RunLog) -> Vec<Curve> {
    let target = log.start.target;
    let curve = |run: &LoggedRun| {
        let whole = run.stop.as_ref().is_some_and(|stop| stop.outcome == Outcome::Reached);
        let first = run.epochs.iter().position(|epoch| target.is_met_by(epoch.accuracy));
        let points = run.epochs.iter().map(|epoch| (epoch.train_seconds, epoch.accuracy.percent()));
        Curve { points: points.collect(), reached: first.filter(|_| whole) }
    };
    log.runs.iter().map(curve).collect()
}

/// The whole of all curves; `None` if nothing was ever evaluated.
pub(crate) fn whole(curves: &[Curve], target: f64) -> Option<RunChart> {
    let (low, high) = extent(points(curves).map(|(_, percent)| percent))?;
    let (_, end) = extent(points(curves).map(|(seconds, _)| seconds))?;
    let y = Scale::around(low.min(target), high.max(target), 6, FRAME.bottom, FRAME.top).capped(100.0);
    let x = Scale::exact(0.0, end, 8, FRAME.left, FRAME.right);
    Some(draw(curves, target, &x, &y))
}

/// The range around the target; `None` where the whole shows it as well, or no curve comes near.
pub(crate) fn near_target(curves: &[Curve], target: f64) -> Option<RunChart> {
    let low = target - NEAR_POINTS;
    let (lowest, highest) = extent(points(curves).map(|(_, percent)| percent))?;
    if highest < low || lowest > low - 4.0 {
        return None;
    }
    let begin = curves.iter().filter_map(|curve| before_crossing(curve, low)).reduce(f64::min)?;
    let (_, end) = extent(points(curves).map(|(seconds, _)| seconds))?;
    let y = Scale::exact(low, (highest.max(target) + 0.25).min(100.0), 6, FRAME.bottom, FRAME.top);
    let x = Scale::exact(begin, end, 8, FRAME.left, FRAME.right);
    (end > begin).then(|| draw(curves, target, &x, &y))
}

fn points(curves: &[Curve]) -> impl Iterator<Item = (f64, f64)> {
    curves.iter().flat_map(|curve| curve.points.iter().copied())
}

/// Time of the last evaluation before the curve first comes over `low`.
fn before_crossing(curve: &Curve, low: f64) -> Option<f64> {
    let over = curve.points.iter().position(|(_, percent)| *percent >= low)?;
    Some(curve.points[over.saturating_sub(1)].0)
}

fn draw(curves: &[Curve], target: f64, x: &Scale, y: &Scale) -> RunChart {
    let place = |(seconds, percent): &(f64, f64)| (x.at(*seconds), y.at(*percent));
    let line = |(index, curve): (usize, &Curve)| Line {
        run: index + 1,
        points: polyline(curve.points.iter().map(place)),
        reached: curve.reached.map(|index| place(&curve.points[index])),
    };
    RunChart {
        axes: Axes::new(FRAME, (x, "training time in seconds"), (y, "accuracy in percent")),
        target: y.at(target),
        lines: curves.iter().enumerate().filter(|(_, curve)| !curve.points.is_empty()).map(line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve(points: &[(f64, f64)]) -> Curve {
        Curve { points: points.to_vec(), reached: None }
    }

    #[test]
    fn nothing_evaluated_is_nothing_drawn() {
        assert_eq!(whole(&[curve(&[])], 92.0), None);
        assert_eq!(near_target(&[curve(&[])], 92.0), None);
    }

    #[test]
    fn a_line_is_drawn_for_each_run_that_was_evaluated() {
        let drawn = whole(&[curve(&[(1.0, 40.0), (2.0, 93.0)]), curve(&[]), curve(&[(1.5, 50.0)])], 92.0);
        let runs: Vec<usize> = drawn.expect("drawn").lines.iter().map(|line| line.run).collect();
        assert_eq!(runs, [1, 3]);
    }

    proptest! {
        #[test]
        fn every_point_of_the_whole_lies_in_the_field(
            points in prop::collection::vec((1e-3_f64..1e6, 0.0_f64..=100.0), 1..20), target in 1.0_f64..99.0
        ) {
            let drawn = whole(&[curve(&points)], target).expect("there are points");
            for pair in drawn.lines[0].points.split(' ') {
                let (x, y) = pair.split_once(',').expect("a pair");
                let (x, y): (f64, f64) = (x.parse().expect("a number"), y.parse().expect("a number"));
                prop_assert!((FRAME.left..=FRAME.right).contains(&x) && (FRAME.top..=FRAME.bottom).contains(&y), "{pair}");
            }
            prop_assert!((2..=13).contains(&drawn.axes.x_ticks.len()) && drawn.axes.y_ticks.len() >= 2, "{:?}", drawn);
        }
    }
}
