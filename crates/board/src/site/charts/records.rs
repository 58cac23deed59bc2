//! The record of each hardware class as of each day, as steps.

use std::cmp::Reverse;

use chrono::{Datelike as _, NaiveDate};
use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::board::RankedTrack;
use crate::records::{Record, records};
use crate::site::addresses::entry_page;
use crate::site::charts::class_colors::ClassColors;
use crate::site::charts::plot::{Axes, Frame, Scale, Tick, extent, polyline};
use crate::site::figure::foreign;
use crate::site::published::Published;
use hlb_core::units::human_seconds;

const FRAME: Frame = Frame::SMALL;

/// Classes that are drawn: those with the most records, because more lines cannot be distinguished.
const MOST_CLASSES: usize = 8;

/// Marks along the bottom.
const TICKS: i64 = 4;

/// The drawing; `None` while all records are of one day.
pub(crate) fn draw(track: &RankedTrack) -> Option<Value> {
    let all = records(track);
    let (first, last) = (all.iter().map(day).min()?, all.iter().map(day).max()?);
    if first == last {
        return None;
    }
    let published = Published::fastest(&track.track);
    let seconds = all.iter().map(|record| record.seconds);
    let (fastest, slowest) = extent(seconds.chain(published.as_ref().map(|fastest| fastest.number)))?;
    let x = Scale::exact(0.0, number(last - first), 4, FRAME.left, FRAME.right - 12.0);
    let y = Scale::logarithmic(fastest, slowest, FRAME.bottom, FRAME.top);
    let at = |record: &Record| (x.at(number(day(record) - first)), y.at(record.seconds));
    let colors = ClassColors::new(track);
    let classes = classes(&all, &colors);
    let mark = |record: &Record| {
        let ((x, y), color) = (at(record), colors.color(&record.row.class));
        context! { x, y, color, open => record.candidate_because.is_some(), words => words(record), page => entry_page(record.row) }
    };
    let mut axes = Axes::new(FRAME, (&x, "day"), (&y, "time to target in seconds"));
    axes.x_ticks = days(first, last, &x);
    Some(context! {
        axes => Serde(axes),
        lines => classes.iter().map(|records| line(records, at, &colors)).collect::<Value>(),
        points => classes.iter().copied().flatten().map(mark).collect::<Value>(),
        // The fastest external result, as a line to compare with.
        published => published.map(|fastest| context! { y => y.at(fastest.number), words => fastest.words() }),
    })
}

/// The steps of a hardware class, from record to record; candidates end none.
fn line(records: &[Record], at: impl Fn(&Record) -> (f64, f64), colors: &ClassColors) -> Value {
    let corners: Vec<_> = records.iter().filter(|record| record.candidate_because.is_none()).map(at).collect();
    let class = &records[0].row.class;
    context! {
        label => foreign(class),
        color => colors.color(class),
        pattern => colors.pattern(class),
        points => polyline(steps(&corners).into_iter()),
    }
}

fn words(record: &Record) -> String {
    let name = foreign(record.row.entry.result.variant.name.as_str());
    let (time, class) = (human_seconds(record.seconds), foreign(&record.row.class));
    format!("{}, {name}: {time} on {class}, {}", record.date(), record.status())
}

/// The records of each of the classes with the most records, in the order of the board; of classes with as many the first by
/// name.
fn classes<'a>(all: &'a [Record<'a>], colors: &ClassColors) -> Vec<&'a [Record<'a>]> {
    let mut classes: Vec<_> = all.chunk_by(|one, other| one.row.class == other.row.class).collect();
    classes.sort_by_key(|records| Reverse(records.len()));
    classes.truncate(MOST_CLASSES);
    classes.sort_by_key(|records| colors.place(&records[0].row.class));
    classes
}

/// A record stands until the next one, and the last one to the edge.
fn steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let ends = points.iter().skip(1).map(|(x, _)| *x).chain([FRAME.right]);
    points.iter().zip(ends).flat_map(|((x, y), end)| [(*x, *y), (end, *y)]).collect()
}

fn day(record: &Record) -> i64 {
    i64::from(record.at.date_naive().num_days_from_ce())
}

#[expect(clippy::cast_precision_loss, reason = "days fit into 52 bits")]
fn number(days: i64) -> f64 {
    days as f64
}

/// Days at even distances, the first and the last among them.
fn days(first: i64, last: i64, x: &Scale) -> Vec<Tick> {
    let parts = TICKS.min(last - first).max(1);
    let day = |part: i64| (last - first) * part / parts;
    let label = |day: i64| {
        let day = i32::try_from(first + day).ok().and_then(NaiveDate::from_num_days_from_ce_opt);
        day.map_or_else(String::new, |day| day.to_string())
    };
    let mut ticks: Vec<Tick> =
        (0..=parts).map(|part| Tick { at: x.at(number(day(part))), label: label(day(part)) }).collect();
    ticks.dedup_by(|one, other| one.label == other.label);
    ticks
}
