//! Readings of sensors over a session as coordinates: lines with gaps, and the segments in which runs ran. Pure
//! arithmetic; a line has a bounded number of points for any log.

use serde::Serialize;

use crate::sensors::Reading;
use crate::site::charts::plot::{Axes, Frame, Scale};
use hlb_protocol::run_log::{Arm, LoggedRun};

const FRAME: Frame = Frame::SENSOR;

/// Most points of one line. Each bucket of readings becomes its lowest and its highest.
const MOST_POINTS: usize = 600;

/// Readings beyond this are ignored.
const LARGEST: f64 = 1e12;

/// Readings between which more than this many usual intervals passed are not joined.
const GAP_INTERVALS: f64 = 4.0;

/// A drawing of readings over the seconds of a session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SensorChart {
    axes: Axes,
    bands: Vec<Band>,
    /// The lines, each as `x,y` pairs of its pieces: some readings may be missing.
    lines: Vec<Vec<String>>,
}

/// The segment of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Band {
    x: f64,
    width: f64,
    reference: bool,
}

/// Draws lines over the session's seconds up to `end`, from zero to `high` or to the highest reading. `None` without any.
pub(crate) fn draw(lines: &[Vec<Reading>], runs: &[&LoggedRun], end: f64, high: f64) -> Option<SensorChart> {
    let known = || lines.iter().flatten().filter_map(|(_, value)| usable(*value));
    let highest = known().reduce(f64::max)?;
    let lowest = known().fold(0.0, f64::min);
    let x = Scale::exact(0.0, end, 6, FRAME.left, FRAME.right);
    let y = Scale::around(lowest, highest.max(high), 4, FRAME.bottom, FRAME.top);
    Some(SensorChart {
        axes: Axes::new(FRAME, (&x, "seconds since the start of the session"), (&y, "")),
        bands: runs.iter().map(|run| band(run, &x)).collect(),
        lines: lines.iter().map(|line| pieces(line, &x, &y)).collect(),
    })
}

fn usable(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.abs() < LARGEST)
}

fn band(run: &LoggedRun, x: &Scale) -> Band {
    let begin = x.at(run.began_at_seconds);
    let end = x.at(run.began_at_seconds + run.supervised_seconds).min(FRAME.right);
    // Short runs stay visible, and coordinates have one decimal.
    let width = ((end - begin).max(0.5) * 10.0).round() / 10.0;
    Band { x: begin, width, reference: run.arm == Arm::Reference }
}

fn pieces(readings: &[Reading], x: &Scale, y: &Scale) -> Vec<String> {
    let size = readings.len().div_ceil(MOST_POINTS / 2).max(1);
    let gap = usual_interval(readings) * GAP_INTERVALS;
    let mut pieces: Vec<Vec<String>> = vec![Vec::new()];
    let mut before: Option<f64> = None;
    for bucket in readings.chunks(size) {
        if before.is_some_and(|before| bucket[0].0 - before > gap) {
            pieces.push(Vec::new());
        }
        let points = extremes(bucket).into_iter().map(|(at, value)| format!("{},{}", x.at(at), y.at(value)));
        pieces.last_mut().expect("it begins with one").extend(points);
        if bucket.iter().any(|(_, value)| usable(*value).is_none()) {
            pieces.push(Vec::new());
        }
        before = bucket.last().map(|(at, _)| *at);
    }
    pieces.into_iter().filter(|points| !points.is_empty()).map(joined).collect()
}

/// One point alone is drawn as a line of no length.
fn joined(mut points: Vec<String>) -> String {
    if points.len() == 1 {
        points.push(points[0].clone());
    }
    points.join(" ")
}

#[expect(clippy::cast_precision_loss, reason = "a session has far fewer than 2^52 samples")]
fn usual_interval(readings: &[Reading]) -> f64 {
    match readings {
        [first, .., last] => (last.0 - first.0) / (readings.len() - 1) as f64,
        _ => f64::INFINITY,
    }
}

/// The lowest and the highest reading of a bucket, in their order.
fn extremes(bucket: &[Reading]) -> Vec<(f64, f64)> {
    let known = || bucket.iter().filter_map(|(at, value)| Some((*at, usable(*value)?)));
    let lowest = known().min_by(|a, b| a.1.total_cmp(&b.1));
    let highest = known().max_by(|a, b| a.1.total_cmp(&b.1));
    let mut found: Vec<(f64, f64)> = lowest.into_iter().chain(highest).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(chart: &SensorChart) -> Vec<Vec<(f64, f64)>> {
        let number = |text: &str| text.parse::<f64>().expect("a number");
        let pair = |pair: &str| pair.split_once(',').map(|(x, y)| (number(x), number(y))).expect("a pair");
        chart.lines[0].iter().map(|piece| piece.split(' ').map(pair).collect()).collect()
    }

    fn every_second(values: &[Option<f64>]) -> Vec<Reading> {
        (0_u32..).map(f64::from).zip(values.iter().copied()).collect()
    }

    #[test]
    fn a_line_has_a_gap_where_nothing_was_read() {
        let readings = every_second(&[Some(1.0), Some(2.0), None, Some(3.0), None]);
        let drawn = points(&draw(&[readings], &[], 4.0, 0.0).expect("drawn"));
        assert_eq!(drawn.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2], "a lone point is a line of no length");
        assert_eq!(drawn[1][0], drawn[1][1]);
    }

    #[test]
    fn a_line_has_a_gap_where_nobody_looked() {
        let mut readings = every_second(&[Some(1.0); 20]);
        readings.extend(every_second(&[Some(1.0); 20]).into_iter().map(|(at, value)| (at + 100.0, value)));
        assert_eq!(points(&draw(&[readings], &[], 120.0, 0.0).expect("drawn")).len(), 2);
    }

    #[test]
    fn nothing_read_is_nothing_drawn() {
        assert_eq!(draw(&[every_second(&[None, None])], &[], 2.0, 100.0), None);
        assert_eq!(draw(&[Vec::new()], &[], 2.0, 100.0), None);
    }

    #[test]
    fn a_peak_of_one_sample_in_a_long_session_is_seen() {
        let mut values = vec![Some(10.0); 50_000];
        values[31_234] = Some(90.0);
        let chart = draw(&[every_second(&values)], &[], 50_000.0, 100.0).expect("drawn");
        let highest = points(&chart).concat().into_iter().map(|(_, y)| y).fold(FRAME.bottom, f64::min);
        assert!((highest - (FRAME.bottom - 0.9 * (FRAME.bottom - FRAME.top))).abs() < 0.1, "{highest}");
    }

    proptest! {
        #[test]
        fn every_point_lies_in_the_field_and_there_are_few(
            values in prop::collection::vec(prop::option::of(-1e12_f64..1e12), 1..2000), high in 0.0_f64..200.0
        ) {
            let end = f64::from(u32::try_from(values.len()).expect("few"));
            let Some(chart) = draw(&[every_second(&values)], &[], end, high) else {
                prop_assert!(values.iter().all(Option::is_none));
                return Ok(());
            };
            let points = points(&chart).concat();
            // A lone point counts twice, and then its bucket gave only one.
            prop_assert!(points.len() <= MOST_POINTS, "{}", points.len());
            prop_assert!(points.iter().all(|(x, y)| (FRAME.left..=FRAME.right).contains(x) && (FRAME.top..=FRAME.bottom).contains(y)));
            prop_assert!((2..=13).contains(&chart.axes.y_ticks.len()), "{:?}", chart.axes);
        }
    }
}
