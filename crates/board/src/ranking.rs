//! Which entries stand where. The rules are in `docs/reference/rules.md`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::board::{RankedTrack, Row, RowState, TiedWith};
use crate::class::{Class, classes};
use hlb_core::artifact::Sha256Hex;
use hlb_core::rules::{
    CLASS_RATE_FACTOR, CLOCK_TOLERANCE_SHARE, REACHED_SHARE, REPRODUCTION_TIME_FACTOR, RULES_VERSION, SIGNIFICANCE,
};
use hlb_core::stats::Measured;
use hlb_data::track::Track;
use hlb_result::{Entry, Warning, date_problem, too_many_restarts, unknown_gpu};

/// Rows by hardware class and ratio to the paired reference, then the others by date; equal ones by path, so that the order is total.
pub(crate) fn rank(track: Track, mut rows: Vec<Row>, now: DateTime<Utc>) -> RankedTrack {
    let classes = classes(rows.iter().filter(|row| row.retraction.is_none()).map(|row| &row.entry));
    for row in &mut rows {
        // What is known of a class was measured by the rules of today.
        let class = classes.get(&row.class).filter(|_| row.entry.result.rules_version == RULES_VERSION);
        relate(row, class);
        row.unranked_because = row.retraction.iter().map(ToString::to_string).collect();
        row.unranked_because.extend(ineligible_because(&row.entry, &track));
        row.unranked_because.extend(unrelated(row));
        row.unranked_because.extend(date_problem(&row.entry.log, now));
        row.unranked_because.extend(row.calendar_problem.clone());
        row.warnings = row.entry.result.warnings();
        row.warnings.extend(class.and_then(|class| slow_reference(&row.entry, class)));
    }
    mark_other_data(&mut rows);
    warn_of_rates(&mut rows);
    let mut fastest: BTreeMap<String, f64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_ranked()) {
        let best = fastest.entry(row.class.clone()).or_insert(f64::INFINITY);
        *best = best.min(row.seconds().unwrap_or(f64::INFINITY));
    }
    rows.sort_by(|a, b| order(a, &fastest).cmp(&order(b, &fastest)));
    note_states(&mut rows);
    let ranked = rows.iter().take_while(|row| row.is_ranked()).count();
    rows[..ranked].chunk_by_mut(|above, below| above.class == below.class).for_each(number);
    RankedTrack { track, rows, classes }
}

/// Notes how the row stands to the reference on any host of its class.
fn relate(row: &mut Row, class: Option<&Class>) {
    let reference = class.map(|class| class.reference_seconds);
    if row.entry.is_reference() {
        row.ratio = Some(Measured::ONE);
        let reached = row.entry.result.derived.summary.time_to_accuracy_seconds.median.is_some();
        row.on_typical_host = reference.filter(|_| reached);
        return;
    }
    let hosts = class.map(|class| class.hosts).unwrap_or_default();
    row.ratio = row.entry.ratio().map(|ratio| hosts.in_ratio(ratio));
    row.on_typical_host = row.ratio.zip(reference).map(|(ratio, seconds)| ratio.times(seconds.value).estimate());
}

/// Why the row does not compare with others of its class, if so.
fn unrelated(row: &Row) -> Option<String> {
    let version = &row.entry.result.rules_version;
    if version != RULES_VERSION {
        return Some(format!("it was measured by rules {version}, and rows of {RULES_VERSION} are ranked"));
    }
    let reason = if row.entry.result.reference.is_none() {
        "it has no paired reference, so its time does not compare with that of another host"
    } else {
        "too many runs, of it or of its paired reference, missed the target, so its ratio is unknown"
    };
    row.ratio.is_none().then(|| reason.to_owned())
}

/// Where a row stands: non-negative numbers order as their bits do.
fn order<'a>(row: &'a Row, fastest: &BTreeMap<String, f64>) -> (bool, u64, &'a str, u64, &'a str) {
    let best = fastest.get(&row.class).copied().filter(|_| row.is_ranked());
    match best.zip(row.ratio) {
        Some((best, ratio)) => (false, best.to_bits(), &row.class, ratio.value().to_bits(), &row.path),
        // Unranked rows stand by date, with which their paths begin.
        None => (true, 0, "", 0, &row.path),
    }
}

/// Ranks of the rows of a class. A row that is not significantly slower than the first with a rank shares that rank, so that a rank is a
/// difference that another host would show, too.
fn number(rows: &mut [Row]) {
    let mut first = 0;
    for index in 0..rows.len() {
        if p_same(&rows[first], &rows[index]) < SIGNIFICANCE {
            first = index;
        }
        rows[index].rank = Some(first + 1);
        if first < index {
            let with = TiedWith {
                name: rows[index].entry.result.variant.name.to_string(),
                p: p_same(&rows[index - 1], &rows[index]),
            };
            rows[index - 1].tied_with_next = Some(with);
            rows[index - 1].shares_rank = true;
            rows[index].shares_rank = true;
        }
    }
}

/// Notes which rows are ranked, and puts those that are only not proven before the other unranked ones.
fn note_states(rows: &mut [Row]) {
    for row in &mut *rows {
        row.state = match row.is_ranked() {
            true => RowState::Ranked,
            false if is_only_not_proven(row) => RowState::NotProven,
            false => RowState::Unranked,
        };
    }
    rows.sort_by_key(|row| row.state);
}

/// Whether the mean final accuracy is at or over the target, which is compared exactly, and its p-value alone keeps the row
/// from a rank.
fn is_only_not_proven(row: &Row) -> bool {
    let (result, images) = (&row.entry.result, |sum: u128, count: u32| sum + u128::from(count));
    let finals = || result.derived.runs.iter().filter_map(|run| run.final_accuracy);
    let correct = finals().map(|accuracy| accuracy.correct).fold(0, images);
    let total = finals().map(|accuracy| accuracy.total).fold(0, images);
    let reaches = correct * u128::from(result.target.of) >= total * u128::from(result.target.correct);
    let is_open = result.derived.summary.p_mean_over_target.is_some_and(|p| p >= SIGNIFICANCE);
    reaches && is_open && row.unranked_because.len() == 1
}

/// Two-sided p-value of two rows of a class taking the same share of the reference's time on any host.
pub(crate) fn p_same(one: &Row, other: &Row) -> f64 {
    one.ratio.zip(other.ratio).map_or(1.0, |(one, other)| one.over(other).p_is_one())
}

/// Data decoded in the same way are the same. Where no digest is published, others are compared with that of the first entry.
fn mark_other_data(rows: &mut [Row]) {
    let mut first: BTreeMap<Option<String>, (Sha256Hex, String)> = BTreeMap::new();
    for row in rows.iter_mut().filter(|row| row.entry.result.dataset.published) {
        let dataset = &row.entry.result.dataset;
        let decoder = dataset.decoder.as_ref().map(ToString::to_string);
        let (digest, path) = first.entry(decoder).or_insert((dataset.content_sha256, row.path.clone()));
        if *digest != dataset.content_sha256 {
            let reason = format!(
                "its data set has another content digest than that of {path}, although both were decoded in the same way"
            );
            row.unranked_because.push(reason);
        }
    }
}

/// Warns of a session that made far more operations a second than any other of its class: a better machine has another
/// name, and a better recipe makes fewer.
fn warn_of_rates(rows: &mut [Row]) {
    let rate = |row: &Row| row.entry.result.derived.effort.flop_per_second;
    let of_others = |index: usize| {
        let others = rows.iter().enumerate().filter(|(other, row)| *other != index && row.class == rows[index].class);
        others.filter_map(|(_, row)| rate(row)).max_by(f64::total_cmp)
    };
    let times = |index: usize| Some(rate(&rows[index])? / of_others(index)?);
    let found: Vec<Option<f64>> = (0..rows.len()).map(times).collect();
    for (row, times) in rows.iter_mut().zip(found) {
        let far = times.filter(|times| *times > CLASS_RATE_FACTOR);
        row.warnings.extend(far.map(|times| Warning::OverClass { times }));
    }
}

/// Warns of a session whose paired reference was slower than on nearly any other host, and by more than two sessions on one may differ:
/// whoever slows it down has a small ratio.
fn slow_reference(entry: &Entry, class: &Class) -> Option<Warning> {
    entry.result.reference.as_ref()?;
    let (seconds, typical) = (entry.reference_time()?.value(), class.reference_seconds);
    let times = seconds / typical.value;
    let is_far = typical.high.is_some_and(|high| seconds > high) && times > REPRODUCTION_TIME_FACTOR;
    is_far.then_some(Warning::SlowReference { times })
}

/// Why an entry cannot be ranked; the rules are in `docs/reference/rules.md`.
fn ineligible_because(entry: &Entry, track: &Track) -> Vec<String> {
    let (summary, session) = (&entry.result.derived.summary, &entry.result.session);
    let mut found = Vec::new();
    if !entry.result.dataset.published {
        let id = &entry.result.dataset.id;
        found.push(format!("it was trained on `{id}`, a data set of its authors, not on the published one"));
    }
    if entry.result.reproduces.is_some() {
        found.push("it reproduces another entry, so it belongs in the folder of that entry".to_owned());
    }
    if !session.is_complete() {
        found.push(format!("the session ended early: {}", session.stop_reason));
    }
    if session.stop_at_target {
        found.push("its runs stopped when they first met the target".to_owned());
    }
    if summary.runs < track.runs_to_rank {
        found.push(format!("{} runs, a rank requires {}", summary.runs, track.runs_to_rank));
    }
    if f64::from(summary.reached) < REACHED_SHARE * f64::from(summary.runs) || summary.runs == 0 {
        let (reached, runs, of_ten) = (summary.reached, summary.runs, 10.0 * REACHED_SHARE);
        found.push(format!("{reached} of {runs} runs reached the target, a rank requires {of_ten} of 10"));
    }
    if summary.p_mean_over_target.is_none_or(|p| p >= SIGNIFICANCE) {
        let p = summary.p_mean_over_target.map_or_else(|| "unknown".to_owned(), |p| format!("{p:.4}"));
        found.push(format!("the mean final accuracy is not above the target at p < {SIGNIFICANCE} (p = {p})"));
    }
    found.extend(unknown_gpu(&entry.result));
    found.extend(too_many_restarts(&entry.log));
    if !entry.result.derived.phases.clocks_agree {
        let percent = 100.0 * CLOCK_TOLERANCE_SHARE;
        found.push(format!("the clocks of its two programs differ by more than {percent} %"));
    }
    found
}
