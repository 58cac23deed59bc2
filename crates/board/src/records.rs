//! Records: the entries that were the fastest of their track and hardware class at the time of their sessions, and the candidates for
//! one.
//!
//! A function of the rows alone, whatever their order, so that the history of a track can be drawn and listed alike.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::board::{Board, RankedTrack, Row, day};
use crate::ranking::p_same;
use hlb_core::rules::SIGNIFICANCE;
use hlb_data::track::Track;
use hlb_result::signing::RERUN_NAMESPACE;

/// A ranked entry that was significantly faster than every record before it in its hardware class.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The entry and where it stands now; `row.class` is the class it was a record of.
    pub row: &'a Row,
    /// Start of its session, as the session states it.
    pub at: DateTime<Utc>,
    /// Seconds to the target on the typical host of its class.
    pub seconds: f64,
    /// The record until then, in seconds; `None` for the first of its class.
    pub previous_seconds: Option<f64>,
    /// Why it is only a candidate so far, and the record before stands; `None` for a record.
    pub candidate_because: Option<&'static str>,
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

    /// What it is: a record, or a candidate for one.
    pub fn status(&self) -> &'static str {
        if self.candidate_because.is_some() { "candidate" } else { "record" }
    }
}

/// The records of a track and the candidates, by the names of their hardware classes and within one by date, so that the times of a
/// class strictly fall among the records, and among the candidates after one.
///
/// An entry that is not significantly faster than an earlier one is not a record. Of two that started at the same time the faster one
/// counts. An entry without a calendar time of its session has no place in a history.
pub fn records(track: &RankedTrack) -> Vec<Record<'_>> {
    let ranked: Vec<&Row> = track.rows.iter().filter(|row| row.rank.is_some()).collect();
    let marks = ranked.iter().filter_map(|row| Mark::of_row(row, &ranked)).collect();
    let is_faster = |one: &Row, other: &Row| p_same(one, other) < SIGNIFICANCE;
    let record = |(mark, previous_seconds): (Mark<'_, _>, _)| Record {
        row: mark.of,
        at: mark.at,
        seconds: mark.seconds,
        previous_seconds,
        candidate_because: mark.candidate_because,
    };
    progression(marks, is_faster).into_iter().map(record).collect()
}

/// What a record lacks, if it lacks something. Nobody could choose what the runner ran; any other session has to be announced, and more
/// than one person's word has to stand for it: somebody reproduced it, or another person's entry of the same recipe does not differ.
fn candidate_because(row: &Row, ranked: &[&Row]) -> Option<&'static str> {
    if row.entry.trust.namespace() == Some(RERUN_NAMESPACE) {
        return None;
    }
    if !row.is_announced() {
        return Some("its session was not announced");
    }
    let signer = |row: &Row| row.entry.trust.signer().map(|signer| signer.principal.clone());
    let recipe = |row: &Row| row.entry.result.variant.recipe_sha256;
    let confirms = |other: &&&Row| {
        other.class == row.class
            && recipe(other) == recipe(row)
            && signer(other) != signer(row)
            && p_same(other, row) >= SIGNIFICANCE
    };
    let is_confirmed = row.entry.trust.level() >= 3 || ranked.iter().any(|other| confirms(&other));
    (!is_confirmed).then_some("nobody else has run it yet")
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
    candidate_because: Option<&'static str>,
    /// Decides between equals, so that the order is total.
    path: &'a str,
    of: T,
}

impl<'a> Mark<'a, &'a Row> {
    fn of_row(row: &'a Row, ranked: &[&Row]) -> Option<Self> {
        let (seconds, candidate_because) = (row.seconds()?, candidate_because(row, ranked));
        Some(Self { class: &row.class, at: row.started_at()?, seconds, candidate_because, path: &row.path, of: row })
    }
}

/// Marks that were records or candidates, each with the record before it. `differ` says whether two are significantly different.
fn progression<T: Copy>(mut marks: Vec<Mark<'_, T>>, differ: impl Fn(T, T) -> bool) -> Vec<(Mark<'_, T>, Option<f64>)> {
    marks.sort_by(|a, b| {
        let by_date = a.class.cmp(b.class).then(a.at.cmp(&b.at));
        by_date.then(a.seconds.total_cmp(&b.seconds)).then_with(|| a.path.cmp(b.path))
    });
    let mut found: Vec<(Mark<'_, T>, Option<f64>)> = Vec::new();
    for mark in marks {
        let before = || found.iter().rev().map(|(before, _)| before).filter(|before| before.class == mark.class);
        let record = before().find(|before| before.candidate_because.is_none());
        let beats = |before: Option<&Mark<'_, T>>| {
            before.is_none_or(|before| mark.seconds < before.seconds && differ(mark.of, before.of))
        };
        // A candidate has to beat the candidates since the record too; a record need not.
        if beats(record) && (mark.candidate_because.is_none() || beats(before().next())) {
            let previous = record.map(|record| record.seconds);
            found.push((mark, previous));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Given = (usize, i64, u32, bool);

    const CLASSES: [&str; 3] = ["1x GPU", "2x CPU", "4x CPU"];

    /// Few moments and times, so that ties are common.
    fn given() -> impl Strategy<Value = Vec<Given>> {
        prop::collection::vec((0..CLASSES.len(), 0_i64..6, 1_u32..8, any::<bool>()), 0..24)
    }

    fn marks<'a>(given: &[Given], paths: &'a [String]) -> Vec<Mark<'a, u32>> {
        let mark = |(&(class, day, tenths, is_confirmed), path): (&Given, &'a String)| Mark {
            class: CLASSES[class],
            at: DateTime::from_timestamp(86_400 * day, 0).expect("in range"),
            seconds: f64::from(tenths) / 10.0,
            candidate_because: (!is_confirmed).then_some("nobody else has run it yet"),
            path,
            of: tenths,
        };
        given.iter().zip(paths).map(mark).collect()
    }

    fn paths(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("shapes/{index:02}")).collect()
    }

    /// Two tenths of a second are a difference, one is none.
    fn differ(one: u32, other: u32) -> bool {
        one.abs_diff(other) >= 2
    }

    fn found(marks: Vec<Mark<'_, u32>>) -> Vec<(Mark<'_, u32>, Option<f64>)> {
        progression(marks, differ)
    }

    proptest! {
        #[test]
        fn records_fall_and_each_names_the_one_before(given in given()) {
            let paths = paths(given.len());
            let all = found(marks(&given, &paths));
            for class in CLASSES {
                let mut record: Option<&Mark<'_, u32>> = None;
                for (mark, before) in all.iter().filter(|(mark, _)| mark.class == class) {
                    prop_assert_eq!(*before, record.map(|record| record.seconds));
                    prop_assert!(record.is_none_or(|record| mark.of + 2 <= record.of && record.at <= mark.at));
                    record = if mark.candidate_because.is_none() { Some(mark) } else { record };
                }
            }
        }

        #[test]
        fn the_order_of_the_rows_does_not_matter(given in given(), shift in 0_usize..24) {
            let paths = paths(given.len());
            let expected = found(marks(&given, &paths));
            let mut other = marks(&given, &paths);
            other.reverse();
            let length = other.len().max(1);
            other.rotate_left(shift % length);
            prop_assert_eq!(found(other), expected);
        }

        /// Where all are confirmed and any difference counts, by the definition without sorting: nothing until then is as fast, or as
        /// fast and before it in name alone.
        #[test]
        fn a_record_is_what_nothing_earlier_in_its_class_equals(given in given()) {
            let paths = paths(given.len());
            let all: Vec<_> = marks(&given, &paths).into_iter().map(|mark| Mark { candidate_because: None, ..mark }).collect();
            let beaten = |mark: &Mark<'_, u32>| all.iter().any(|other| {
                let earlier = other.at < mark.at || (other.at == mark.at && (other.seconds < mark.seconds || other.path < mark.path));
                other.class == mark.class && earlier && other.seconds <= mark.seconds
            });
            let mut expected: Vec<&str> = all.iter().filter(|mark| !beaten(mark)).map(|mark| mark.path).collect();
            let progressed = progression(all.clone(), |_, _| true);
            let mut found: Vec<&str> = progressed.iter().map(|(mark, _)| mark.path).collect();
            expected.sort_unstable();
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_candidate_does_not_end_a_record() {
        let paths = paths(5);
        let given = [(0, 1, 9, true), (0, 2, 6, false), (0, 3, 5, false), (0, 4, 7, true), (0, 5, 2, false)];
        let all = found(marks(&given, &paths));
        let all: Vec<_> =
            all.iter().map(|(mark, before)| (mark.path, mark.candidate_because.is_none(), *before)).collect();
        let expected = [
            ("shapes/00", true, None),
            ("shapes/01", false, Some(0.9)),
            // The next is not different from that candidate; and this one beats the record, whatever candidates say.
            ("shapes/03", true, Some(0.9)),
            ("shapes/04", false, Some(0.7)),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn an_equal_time_leaves_the_record_with_the_earlier_date() {
        let paths = paths(3);
        let all = found(marks(&[(0, 4, 7, true), (0, 2, 7, true), (0, 5, 4, true)], &paths));
        let all: Vec<_> = all.iter().map(|(mark, before)| (mark.path, *before)).collect();
        assert_eq!(all, [("shapes/01", None), ("shapes/02", Some(0.7))]);
    }
}
