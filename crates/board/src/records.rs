//! Records: the entries that were the fastest of their track and hardware class at the time of their sessions.
//!
//! A function of the rows alone, whatever their order, so that the history of a track can be drawn and listed alike.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::board::{Board, RankedTrack, Row, day};
use hlb_data::track::Track;

/// A ranked entry that was faster than every one before it in its hardware class.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The entry and where it stands now; `row.class` is the class it was a record of.
    pub row: &'a Row,
    /// Start of its session, as the session states it.
    pub at: DateTime<Utc>,
    /// Median time-to-accuracy in seconds.
    pub seconds: f64,
    /// The record until then, in seconds; `None` for the first of its class.
    pub previous_seconds: Option<f64>,
}

impl Record<'_> {
    /// How many times as fast as the record before, over 1; `None` for the first of its class.
    pub fn factor(&self) -> Option<f64> {
        self.previous_seconds.map(|previous| previous / self.seconds).filter(|factor| factor.is_finite())
    }

    /// Day of its session, YYYY-MM-DD.
    pub fn date(&self) -> String {
        day(self.at)
    }
}

/// The records of a track, by the names of their hardware classes and within one by date, so that the times of a class
/// strictly fall.
///
/// An entry that is not faster than an earlier one is not a record. Of two that started at the same time the faster one
/// counts. An entry without a calendar time of its session has no place in a history.
pub fn records(track: &RankedTrack) -> Vec<Record<'_>> {
    let marks = track.rows.iter().filter(|row| row.rank.is_some()).filter_map(Mark::of_row).collect();
    let record = |(mark, previous_seconds): (Mark<'_, _>, _)| Record {
        row: mark.of,
        at: mark.at,
        seconds: mark.seconds,
        previous_seconds,
    };
    progression(marks).into_iter().map(record).collect()
}

/// The records of all tracks, in the order of the board.
pub(crate) fn all_records(board: &Board) -> impl Iterator<Item = (&Track, Record<'_>)> {
    board.tracks.iter().flat_map(|track| records(track).into_iter().map(|record| (&track.track, record)))
}

/// What a change of the submissions does to the history of records: a maintainer has to look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewrittenRecord {
    /// Folder of the entry below the submissions.
    pub path: String,
    /// Hardware class of the record.
    pub class: String,
    /// Day of its session, YYYY-MM-DD.
    pub date: String,
    /// Whether it was a record before the change and is none after it; else it is a new record of a day before the newest one.
    pub is_lost: bool,
}

/// As a line of a summary.
impl fmt::Display for RewrittenRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, class, date, is_lost } = self;
        let what = if *is_lost { "is no longer a record" } else { "becomes a record in the past" };
        write!(f, "{path} of {date} {what} of {class}")
    }
}

/// Records of `base` that are none in `changed`, and new ones in `changed` that are older than the newest record of their
/// track and hardware class in `base`. Both are empty for an entry of today.
pub fn rewritten_records(base: &Board, changed: &Board) -> Vec<RewrittenRecord> {
    let known = |board: &Board, (track, record): &(&Track, Record<'_>)| {
        all_records(board).any(|(other, found)| other.id == track.id && found.row.path == record.row.path)
    };
    let is_old = |(track, record): &(&Track, Record<'_>)| {
        let mut alike = all_records(base).filter(|(other, _)| other.id == track.id);
        alike.any(|(_, newest)| newest.row.class == record.row.class && record.at <= newest.at)
    };
    let rewritten = |is_lost: bool| {
        move |(_, record): (&Track, Record<'_>)| RewrittenRecord {
            path: record.row.path.clone(),
            class: record.row.class.clone(),
            date: record.date(),
            is_lost,
        }
    };
    let lost = all_records(base).filter(|record| !known(changed, record)).map(rewritten(true));
    let inserted = all_records(changed).filter(|record| !known(base, record) && is_old(record)).map(rewritten(false));
    lost.chain(inserted).collect()
}

/// What decides whether something was a record.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mark<'a, T> {
    class: &'a str,
    at: DateTime<Utc>,
    seconds: f64,
    /// Decides between equals, so that the order is total.
    path: &'a str,
    of: T,
}

impl<'a> Mark<'a, &'a Row> {
    fn of_row(row: &'a Row) -> Option<Self> {
        let seconds = row.entry.result.derived.summary.time_to_accuracy_seconds.median?;
        Some(Self { class: &row.class, at: row.started_at()?, seconds, path: &row.path, of: row })
    }
}

/// Marks that were records, each with the one before it.
fn progression<T>(mut marks: Vec<Mark<'_, T>>) -> Vec<(Mark<'_, T>, Option<f64>)> {
    marks.sort_by(|a, b| {
        let by_date = a.class.cmp(b.class).then(a.at.cmp(&b.at));
        by_date.then(a.seconds.total_cmp(&b.seconds)).then_with(|| a.path.cmp(b.path))
    });
    let mut found: Vec<(Mark<'_, T>, Option<f64>)> = Vec::new();
    for mark in marks {
        let before = found.last().filter(|(last, _)| last.class == mark.class).map(|(last, _)| last.seconds);
        if before.is_none_or(|before| mark.seconds < before) {
            found.push((mark, before));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Given = (usize, i64, u32);

    const CLASSES: [&str; 3] = ["1x GPU", "2x CPU", "4x CPU"];

    /// Few moments and times, so that ties are common.
    fn given() -> impl Strategy<Value = Vec<Given>> {
        prop::collection::vec((0..CLASSES.len(), 0_i64..6, 1_u32..8), 0..24)
    }

    fn marks<'a>(given: &[Given], paths: &'a [String]) -> Vec<Mark<'a, ()>> {
        let mark = |(&(class, day, tenths), path): (&Given, &'a String)| Mark {
            class: CLASSES[class],
            at: DateTime::from_timestamp(86_400 * day, 0).expect("in range"),
            seconds: f64::from(tenths) / 10.0,
            path,
            of: (),
        };
        given.iter().zip(paths).map(mark).collect()
    }

    fn paths(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("shapes/{index:02}")).collect()
    }

    proptest! {
        #[test]
        fn records_fall_strictly_and_follow_each_other(given in given()) {
            let paths = paths(given.len());
            for pair in progression(marks(&given, &paths)).windows(2) {
                let ((first, _), (next, before)) = (&pair[0], &pair[1]);
                if first.class == next.class {
                    prop_assert!(next.seconds < first.seconds && first.at < next.at);
                    prop_assert_eq!(*before, Some(first.seconds));
                } else {
                    prop_assert_eq!(*before, None);
                }
            }
        }

        #[test]
        fn the_order_of_the_rows_does_not_matter(given in given(), shift in 0_usize..24) {
            let paths = paths(given.len());
            let expected = progression(marks(&given, &paths));
            let mut other = marks(&given, &paths);
            other.reverse();
            let length = other.len().max(1);
            other.rotate_left(shift % length);
            prop_assert_eq!(progression(other), expected);
        }

        /// By the definition, without sorting: nothing until then is as fast, or as fast and before it in name alone.
        #[test]
        fn a_record_is_what_nothing_earlier_in_its_class_equals(given in given()) {
            let paths = paths(given.len());
            let all = marks(&given, &paths);
            let beaten = |mark: &Mark<'_, ()>| all.iter().any(|other| {
                let earlier = other.at < mark.at || (other.at == mark.at && (other.seconds < mark.seconds || other.path < mark.path));
                other.class == mark.class && earlier && other.seconds <= mark.seconds
            });
            let mut expected: Vec<&str> = all.iter().filter(|mark| !beaten(mark)).map(|mark| mark.path).collect();
            let mut found: Vec<&str> = progression(all.clone()).iter().map(|(mark, _)| mark.path).collect();
            expected.sort_unstable();
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn an_equal_time_leaves_the_record_with_the_earlier_date() {
        let paths = paths(3);
        let found = progression(marks(&[(0, 4, 7), (0, 2, 7), (0, 5, 6)], &paths));
        let found: Vec<_> = found.iter().map(|(mark, before)| (mark.path, *before)).collect();
        assert_eq!(found, [("shapes/01", None), ("shapes/02", Some(0.7))]);
    }
}
