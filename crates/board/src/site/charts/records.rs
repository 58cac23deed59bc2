//! The record of each hardware class as of each day, as steps.

use chrono::{Datelike as _, NaiveDate};
use serde::Serialize;

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

/// A drawing of steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RecordChart {
    axes: Axes,
    lines: Vec<Line>,
    points: Vec<Mark>,
    /// The fastest external result, as a line to compare with.
    published: Option<PublishedLine>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct PublishedLine {
    y: f64,
    words: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Line {
    label: String,
    color: usize,
    pattern: usize,
    points: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Mark {
    x: f64,
    y: f64,
    color: usize,
    words: String,
    page: String,
}

/// A record with its day as a number.
type Dated<'a> = (i64, &'a Record<'a>);

/// The drawing; `None` while all records are of one day.
pub(crate) fn draw(track: &RankedTrack) -> Option<RecordChart> {
    let all = records(track);
    let dated: Vec<Dated> = all.iter().map(|record| (day(record), record)).collect();
    let (first, last) = (dated.iter().map(|(day, _)| *day).min()?, dated.iter().map(|(day, _)| *day).max()?);
    if first == last {
        return None;
    }
    let published = Published::fastest(&track.track);
    let seconds = dated.iter().map(|(_, record)| record.seconds);
    let (fastest, slowest) = extent(seconds.chain(published.as_ref().map(Published::seconds)))?;
    let x = Scale::exact(0.0, number(last - first), 4, FRAME.left, FRAME.right - 12.0);
    let y = Scale::logarithmic(fastest, slowest, FRAME.bottom, FRAME.top);
    let at = |(day, record): &Dated| (x.at(number(day - first)), y.at(record.seconds));
    let (colors, most) = (ClassColors::new(track), classes(&dated));
    let classes = colors.of(|class| most.contains(&class));
    let of = |class: &str| dated.iter().filter(|(_, record)| record.row.class == class).collect::<Vec<_>>();
    let line = |class: &&str| Line {
        label: foreign(class),
        color: colors.color(class),
        pattern: colors.pattern(class),
        points: polyline(steps(&of(class).into_iter().map(at).collect::<Vec<_>>()).into_iter()),
    };
    let mark = |dated: &Dated| {
        let ((x, y), record) = (at(dated), dated.1);
        let color = colors.color(&record.row.class);
        Mark { x, y, color, words: words(record), page: entry_page(record.row) }
    };
    Some(RecordChart {
        axes: Axes::new(FRAME, (&x, "day"), (&y, "time to target in seconds")).with_x_ticks(days(first, last, &x)),
        lines: classes.iter().map(line).collect(),
        points: classes.iter().flat_map(|class| of(class)).map(mark).collect(),
        published: published.map(|fastest| PublishedLine { y: y.at(fastest.seconds()), words: fastest.words() }),
    })
}

fn words(record: &Record) -> String {
    let name = foreign(record.row.entry.result.variant.name.as_str());
    let (time, class) = (human_seconds(record.seconds), foreign(&record.row.class));
    format!("{}, {name}: {time} on {class}", record.date())
}

/// The classes with the most records, those with as many by name.
fn classes<'a>(dated: &[Dated<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = dated.iter().map(|(_, record)| record.row.class.as_str()).collect();
    names.sort_unstable();
    let mut counted: Vec<(usize, &str)> =
        names.chunk_by(|one, other| one == other).map(|same| (same.len(), same[0])).collect();
    counted.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
    counted.into_iter().take(MOST_CLASSES).map(|(_, class)| class).collect()
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
