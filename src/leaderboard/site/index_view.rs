//! What the template of the front page is told.

use serde::Serialize;

use super::figure::{Figure, counted, dollars, foreign, percentage};
use super::row_folder;
use crate::dataset::Source;
use crate::ground::Ground;
use crate::leaderboard::board::{Board, RankedTrack, Rejected, Row};
use crate::result::{Entry, Trust, VARIANT_FILE};
use crate::stats::Spread;
use crate::text::show_capped;
use crate::track::{RULES_VERSION, Track};
use crate::units::human_seconds;

/// Most characters of the reason for a rejection: whole, since its author has to act on it.
const REASON_CAP: usize = 1000;

/// The front page.
#[derive(Debug, Serialize)]
pub(super) struct IndexPage {
    /// Path back to the site's root.
    root: &'static str,
    rules_version: &'static str,
    entries: String,
    has_signers: bool,
    tracks: Vec<TrackView>,
    rejected: Vec<RejectedView>,
}

/// A track and its tables.
#[derive(Debug, Serialize)]
struct TrackView {
    facts: TrackFacts,
    ranked: Vec<RowView>,
    unranked: Vec<RowView>,
}

/// What a track is, for the front page and for the pages of its entries.
#[derive(Debug, Serialize)]
pub(super) struct TrackFacts {
    id: String,
    title: String,
    target: String,
    rationale: String,
    reference: String,
    dataset: String,
    images: String,
    license: String,
    /// Data set to fetch first; `None` if the program makes it.
    fetch: Option<String>,
    /// What its rules forbid, in words; empty for nothing.
    forbids: String,
    runs_to_rank: u32,
}

impl TrackFacts {
    pub(super) fn new(track: &Track) -> Self {
        let Ground { manifest, shapes, .. } = Ground::published(track.clone());
        let how = track.resize.map_or_else(String::new, |resize| format!(", {resize}"));
        Self {
            id: track.id.clone(),
            title: track.title.clone(),
            target: percentage(track.target.percent()),
            rationale: track.target_rationale.clone(),
            reference: track.reference.clone(),
            dataset: manifest.title.to_string(),
            images: format!("{} training and {} evaluation images{how}", shapes.train, shapes.evaluation),
            license: manifest.license.to_string(),
            fetch: (manifest.source != Source::BuiltIn).then(|| manifest.id.to_string()),
            forbids: track.forbids.iter().map(|forbidden| forbidden.words()).collect::<Vec<_>>().join(" and "),
            runs_to_rank: track.runs_to_rank,
        }
    }
}

/// One row of a table.
#[derive(Debug, Serialize)]
struct RowView {
    rank: Option<usize>,
    date: String,
    name: String,
    page: String,
    variant: String,
    authors: String,
    time: Figure,
    spread: Option<String>,
    strip: Option<Strip>,
    cost: Figure,
    accuracy: Figure,
    hardware: String,
    settings: String,
    trust: TrustView,
    runs: u32,
    reached: u32,
    reasons: Vec<String>,
}

/// A trust level and who answers for it.
#[derive(Debug, Serialize)]
pub(super) struct TrustView {
    level: u8,
    words: &'static str,
    principal: Option<String>,
}

impl TrustView {
    pub(super) fn new(trust: &Trust) -> Self {
        let principal = trust.signer().map(|signer| foreign(&signer.principal));
        Self { level: trust.level(), words: trust.words(), principal }
    }
}

/// The times of a row on the time axis of its table, in percent of the axis. A run that did not reach lies at its end.
#[derive(Debug, Clone, Copy, Serialize)]
struct Strip {
    min: f64,
    quartile_1: f64,
    median: f64,
    quartile_3: f64,
    max: f64,
}

impl Strip {
    fn new(spread: &Spread, longest: f64) -> Option<Self> {
        let at = |seconds: Option<f64>| (seconds.unwrap_or(longest) / longest).clamp(0.0, 1.0) * 98.0 + 1.0;
        let at = |seconds| (at(seconds) * 10.0).round() / 10.0;
        let median = spread.median.filter(|_| longest > 0.0)?;
        Some(Self {
            min: at(spread.min),
            quartile_1: at(spread.quartile_1),
            median: at(Some(median)),
            quartile_3: at(spread.quartile_3),
            max: at(spread.max),
        })
    }
}

#[derive(Debug, Serialize)]
struct RejectedView {
    folder: String,
    reason: String,
}

impl RejectedView {
    fn new(rejected: &Rejected) -> Self {
        Self { folder: foreign(&rejected.folder), reason: show_capped(&rejected.reason, REASON_CAP) }
    }
}

impl IndexPage {
    pub(super) fn new(board: &Board) -> Self {
        let entries = u32::try_from(board.entry_count()).unwrap_or(u32::MAX);
        Self {
            root: "",
            rules_version: RULES_VERSION,
            entries: counted(entries, "entry", "entries"),
            has_signers: board.signers_text.is_some(),
            tracks: board.tracks.iter().map(track_view).collect(),
            rejected: board.rejected.iter().map(RejectedView::new).collect(),
        }
    }
}

fn track_view(track: &RankedTrack) -> TrackView {
    let times = track.rows.iter().filter(|row| row.rank.is_some()).map(|row| spread(&row.entry));
    let longest = times.filter_map(|spread| spread.max.or(spread.quartile_3).or(spread.median)).fold(0.0, f64::max);
    let rows = |ranked: bool| {
        let rows = track.rows.iter().filter(|row| row.rank.is_some() == ranked);
        rows.map(|row| row_view(row, longest)).collect()
    };
    TrackView { facts: TrackFacts::new(&track.track), ranked: rows(true), unranked: rows(false) }
}

fn spread(entry: &Entry) -> &Spread {
    &entry.result.derived.summary.time_to_accuracy_seconds
}

fn row_view(row: &Row, longest: f64) -> RowView {
    let (result, folder) = (&row.entry.result, row_folder(row));
    let summary = &result.derived.summary;
    RowView {
        rank: row.rank,
        date: day(&result.session.started_at),
        name: result.variant.name.to_string(),
        page: format!("{folder}/index.html"),
        variant: format!("{folder}/{VARIANT_FILE}"),
        authors: authors(&row.entry),
        time: time_to_target(&row.entry),
        spread: quartiles(spread(&row.entry)),
        strip: row.rank.and_then(|_| Strip::new(spread(&row.entry), longest)),
        cost: cost(&row.entry),
        accuracy: final_accuracy(&row.entry),
        hardware: foreign(&result.machine.class(&result.session.device)),
        settings: settings(&row.entry),
        trust: TrustView::new(&row.entry.trust),
        runs: summary.runs,
        reached: summary.reached,
        reasons: row.unranked_because.iter().map(|reason| foreign(reason)).collect(),
    }
}

/// The day of an RFC 3339 time.
pub(super) fn day(time: &str) -> String {
    foreign(time.get(..10).unwrap_or(time))
}

pub(super) fn authors(entry: &Entry) -> String {
    entry.result.variant.authors.iter().map(crate::text::SafeText::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn time_to_target(entry: &Entry) -> Figure {
    Figure::seconds(spread(entry).median, "the median run did not reach the target")
}

/// The middle half of the runs, or all of them where a quartile lies among those that did not reach.
pub(super) fn quartiles(spread: &Spread) -> Option<String> {
    let (low, high) = spread.quartile_1.zip(spread.quartile_3)?;
    Some(format!("{} – {}", human_seconds(low), human_seconds(high)))
}

pub(super) fn cost(entry: &Entry) -> Figure {
    let (result, summary) = (&entry.result, &entry.result.derived.summary);
    match (&result.price, summary.cost) {
        (_, Some(cost)) => Figure::known(dollars(cost.prorated_usd)),
        (None, None) => Figure::unknown("no price was given"),
        (Some(_), None) => Figure::unknown("the median run did not reach the target"),
    }
}

pub(super) fn final_accuracy(entry: &Entry) -> Figure {
    let mean = entry.result.derived.summary.mean_final_accuracy_percent;
    Figure::percent(mean, "not every run came to the end of its schedule")
}

/// Number format, and threads where the processor trained.
fn settings(entry: &Entry) -> String {
    let session = &entry.result.session;
    let precision = foreign(&session.precision);
    if session.device == "cuda" {
        return precision;
    }
    format!("{precision}, {}", counted(session.threads, "thread", "threads"))
}
