//! What the template of the front page is told.

use serde::Serialize;

use super::entry_figures::{
    Energy, Estimated, WarningView, authors, cost, energy, final_accuracy, level, median_interval, quartiles,
    ratio_to_reference, spread, time_to_target, warnings,
};
use super::figure::{Figure, counted, day, foreign, percentage};
use super::reproduction_view::reproducers;
use super::row_folder;
use crate::dataset::Source;
use crate::ground::Ground;
use crate::leaderboard::board::{Board, RankedTrack, Rejected, Row};
use crate::result::{Entry, VARIANT_FILE};
use crate::stats::Spread;
use crate::text::show_capped;
use crate::track::{RULES_VERSION, Track};

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
    /// One for each hardware class.
    ranked: Vec<GroupView>,
    /// One without a class, or none.
    unranked: Vec<GroupView>,
}

/// Rows that stand together.
#[derive(Debug, Serialize)]
struct GroupView {
    /// The hardware that they are ranked on; `None` for unranked ones.
    class: Option<String>,
    /// How many there are.
    count: String,
    rows: Vec<RowView>,
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
    interval: Option<String>,
    strip: Option<Strip>,
    level: Option<String>,
    ratio: Estimated,
    cost: Figure,
    energy: Energy,
    accuracy: Figure,
    hardware: String,
    settings: String,
    trust: TrustView,
    warnings: Vec<WarningView>,
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
    /// Who reproduced it, where that made its level.
    reproducers: Option<String>,
}

impl TrustView {
    pub(super) fn new(entry: &Entry) -> Self {
        let trust = &entry.trust;
        let principal = trust.signer().map(|signer| foreign(&signer.principal));
        let reproducers = Some(reproducers(entry)).filter(|names| !names.is_empty());
        Self { level: trust.level(), words: trust.words(), principal, reproducers }
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
    let (ranked, unranked): (Vec<&Row>, Vec<&Row>) = track.rows.iter().partition(|row| row.rank.is_some());
    let of_class = |rows: &[&Row]| GroupView::new(rows.first().map(|row| foreign(&row.class)), rows);
    TrackView {
        facts: TrackFacts::new(&track.track),
        ranked: ranked.chunk_by(|above, below| above.class == below.class).map(of_class).collect(),
        unranked: (!unranked.is_empty()).then(|| GroupView::new(None, &unranked)).into_iter().collect(),
    }
}

impl GroupView {
    fn new(class: Option<String>, rows: &[&Row]) -> Self {
        let times = rows.iter().map(|row| spread(&row.entry));
        let longest = times.filter_map(|spread| spread.max.or(spread.quartile_3).or(spread.median)).fold(0.0, f64::max);
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        Self {
            class,
            count: counted(count, "entry", "entries"),
            rows: rows.iter().map(|row| row_view(row, longest)).collect(),
        }
    }
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
        interval: median_interval(&row.entry),
        strip: row.rank.and_then(|_| Strip::new(spread(&row.entry), longest)),
        level: level(row),
        ratio: ratio_to_reference(&row.entry),
        cost: cost(&row.entry),
        energy: energy(&row.entry),
        accuracy: final_accuracy(&row.entry),
        hardware: foreign(&row.class),
        settings: settings(&row.entry),
        trust: TrustView::new(&row.entry),
        warnings: warnings(&row.entry),
        runs: summary.runs,
        reached: summary.reached,
        reasons: row.unranked_because.iter().map(|reason| foreign(reason)).collect(),
    }
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
