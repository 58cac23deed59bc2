//! Curves as coordinates: scales, ticks and lines of an SVG that a template writes down. Pure arithmetic.

use serde::Serialize;

use crate::result::RunLog;
use crate::wire::Outcome;

/// Size of the drawing and the edges of the field inside it, in units of its view box.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 308.0;

/// How far the close view reaches below the target, in percentage points.
const NEAR_POINTS: f64 = 3.0;

/// A drawing of one curve per run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Chart {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    /// Height of the target line.
    target: f64,
    lines: Vec<Line>,
}

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Tick {
    at: f64,
    label: String,
}

/// The curve of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Line {
    run: usize,
    /// `x,y` pairs of a polyline.
    points: String,
    /// Where it first met the target.
    reached: Option<Point>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Point {
    x: f64,
    y: f64,
}

/// Accuracy over time of one run: (seconds, percent) after each epoch.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    points: Vec<(f64, f64)>,
    reached: Option<usize>,
}

/// The curves of a session.
pub(super) fn curves(log: &RunLog) -> Vec<Curve> {
    let target = log.start.target;
    let curve = |run: &crate::result::LoggedRun| {
        let whole = run.stop.as_ref().is_some_and(|stop| stop.outcome == Outcome::Reached);
        let first = run.epochs.iter().position(|epoch| target.is_met_by(epoch.accuracy));
        let points = run.epochs.iter().map(|epoch| (epoch.train_seconds, epoch.accuracy.percent()));
        Curve { points: points.collect(), reached: first.filter(|_| whole) }
    };
    log.runs.iter().map(curve).collect()
}

/// The whole of all curves; `None` if nothing was ever evaluated.
pub(super) fn whole(curves: &[Curve], target: f64) -> Option<Chart> {
    let (low, high) = extent(points(curves).map(|(_, percent)| percent))?;
    let (_, end) = extent(points(curves).map(|(seconds, _)| seconds))?;
    let y = Scale::around(low.min(target), high.max(target), 6, BOTTOM, TOP).capped(100.0);
    let x = Scale::exact(0.0, end, 8, LEFT, RIGHT);
    Some(draw(curves, target, &x, &y))
}

/// The stretch around the target; `None` where the whole shows it as well, or no curve comes near.
pub(super) fn near_target(curves: &[Curve], target: f64) -> Option<Chart> {
    let low = target - NEAR_POINTS;
    let (lowest, highest) = extent(points(curves).map(|(_, percent)| percent))?;
    if highest < low || lowest > low - 4.0 {
        return None;
    }
    let begin = curves.iter().filter_map(|curve| before_crossing(curve, low)).reduce(f64::min)?;
    let (_, end) = extent(points(curves).map(|(seconds, _)| seconds))?;
    let y = Scale::exact(low, (highest.max(target) + 0.25).min(100.0), 6, BOTTOM, TOP);
    let x = Scale::exact(begin, end, 8, LEFT, RIGHT);
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

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |found, value| {
        Some(found.map_or((value, value), |(low, high): (f64, f64)| (low.min(value), high.max(value))))
    })
}

fn draw(curves: &[Curve], target: f64, x: &Scale, y: &Scale) -> Chart {
    let place = |(seconds, percent): (f64, f64)| Point { x: x.at(seconds), y: y.at(percent) };
    let line = |(index, curve): (usize, &Curve)| Line {
        run: index + 1,
        points: curve
            .points
            .iter()
            .map(|point| place(*point))
            .map(|at| format!("{},{}", at.x, at.y))
            .collect::<Vec<_>>()
            .join(" "),
        reached: curve.reached.map(|index| place(curve.points[index])),
    };
    Chart {
        width: WIDTH,
        height: HEIGHT,
        left: LEFT,
        right: RIGHT,
        top: TOP,
        bottom: BOTTOM,
        x_ticks: x.ticks(),
        y_ticks: y.ticks(),
        target: y.at(target),
        lines: curves.iter().enumerate().filter(|(_, curve)| !curve.points.is_empty()).map(line).collect(),
    }
}

/// A linear scale from values to coordinates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    step: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// From `low` to `high` as they are; `from` and `to` are the coordinates of the ends.
    pub(crate) fn exact(low: f64, high: f64, ticks: u32, from: f64, to: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, step: nice_step(high - low, ticks), from, to }
    }

    /// From the tick below `low` to the tick above `high`.
    pub(crate) fn around(low: f64, high: f64, ticks: u32, from: f64, to: f64) -> Self {
        let exact = Self::exact(low, high, ticks, from, to);
        let step = exact.step;
        Self { low: (low / step).floor() * step, high: (exact.high / step).ceil() * step, ..exact }
    }

    /// The same, but to no more than `most`.
    pub(crate) fn capped(self, most: f64) -> Self {
        Self { high: self.high.min(most), ..self }
    }

    /// The coordinate of a value, to a tenth of a unit.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        ((self.from + share * (self.to - self.from)) * 10.0).round() / 10.0
    }

    /// Marks at round numbers.
    pub(crate) fn ticks(&self) -> Vec<Tick> {
        let first = (self.low / self.step - 1e-9).ceil();
        let decimals = if self.step < 0.1 { 2 } else { usize::from(self.step < 1.0) };
        // A count bounds the loop, whatever numbers a stranger's log holds.
        (0..=12)
            .map(|index| (first + f64::from(index)) * self.step)
            .take_while(|value| *value <= self.high + self.step * 1e-9)
            .map(|value| Tick { at: self.at(value), label: format!("{value:.decimals$}") })
            .collect()
    }
}

/// 1, 2 or 5 times a power of ten, so that `span` holds at most `ticks` steps.
fn nice_step(span: f64, ticks: u32) -> f64 {
    let least = span / f64::from(ticks);
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve(points: &[(f64, f64)]) -> Curve {
        Curve { points: points.to_vec(), reached: None }
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_field() {
        let labels = |low, high| {
            Scale::exact(low, high, 6, 0.0, 100.0).ticks().into_iter().map(|tick| tick.label).collect::<Vec<_>>()
        };
        assert_eq!(labels(0.0, 27.3), ["0", "5", "10", "15", "20", "25"]);
        assert_eq!(labels(89.0, 92.25), ["89", "90", "91", "92"]);
        assert_eq!(labels(0.0, 0.9), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
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
                prop_assert!((LEFT..=RIGHT).contains(&x) && (TOP..=BOTTOM).contains(&y), "{pair}");
            }
            prop_assert!((2..=13).contains(&drawn.x_ticks.len()) && drawn.y_ticks.len() >= 2, "{:?}", drawn);
        }
    }
}
