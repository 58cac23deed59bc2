//! Rows of the board's tables.

use serde::Serialize;

use crate::leaderboard::site::figures::{
    Energy, Estimated, WarningView, cost, energy, final_accuracy, level, median_interval, quartiles,
    ratio_to_reference, reproducers, spread, time_to_target, warnings,
};
use crate::leaderboard::site::addresses::{author_page, entry_folder, entry_page};
use crate::leaderboard::site::figure::{Figure, counted, day, foreign};
use crate::leaderboard::board::Row;
use crate::result::{Entry, VARIANT_FILE};
use crate::stats::Spread;

/// Rows that stand together.
#[derive(Debug, Serialize)]
pub(crate) struct GroupView {
    /// The hardware that they are ranked on; `None` for unranked ones.
    class: Option<String>,
    /// How many there are, or are shown of how many.
    count: String,
    rows: Vec<RowView>,
}

/// One row of a table.
#[derive(Debug, Serialize)]
pub(crate) struct RowView {
    rank: Option<usize>,
    date: String,
    name: String,
    page: String,
    variant: String,
    authors: Vec<AuthorLink>,
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
    /// It was retracted or refuted; the reason is among the others.
    retracted: bool,
    /// What a column is sorted by, where it is known.
    keys: SortKeys,
}

/// An author and the page of all entries under that name.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AuthorLink {
    name: String,
    page: String,
}

/// The authors of an entry.
pub(crate) fn author_links(entry: &Entry) -> Vec<AuthorLink> {
    let link = |name: &str| AuthorLink { name: foreign(name), page: author_page(name) };
    entry.result.variant.authors.iter().map(|author| link(author.as_str())).collect()
}

/// Plain numbers for sorting.
#[derive(Debug, Serialize)]
struct SortKeys {
    time: Option<f64>,
    ratio: Option<f64>,
    cost: Option<f64>,
    energy: Option<f64>,
    accuracy: Option<f64>,
}

impl SortKeys {
    fn new(entry: &Entry) -> Self {
        let summary = &entry.result.derived.summary;
        let of_gpu = entry.result.session.device == "cuda";
        Self {
            time: summary.time_to_accuracy_seconds.median,
            ratio: entry
                .result
                .derived
                .calibration
                .as_ref()
                .and_then(|found| found.time_ratio)
                .map(|ratio| ratio.value),
            cost: summary.cost.map(|cost| cost.prorated_usd),
            energy: if of_gpu { summary.energy.gpu_joules } else { summary.energy.cpu_joules },
            accuracy: summary.mean_final_accuracy_percent,
        }
    }
}

/// A trust level and who answers for it.
#[derive(Debug, Serialize)]
pub(crate) struct TrustView {
    level: u8,
    words: &'static str,
    principal: Option<String>,
    /// Who reproduced it, where that made its level.
    reproducers: Option<String>,
}

impl TrustView {
    pub(crate) fn new(entry: &Entry) -> Self {
        let trust = &entry.trust;
        let principal = trust.signer().map(|signer| foreign(&signer.principal));
        let reproducers = Some(reproducers(entry)).filter(|names| !names.is_empty());
        Self { level: trust.level(), words: trust.words(), principal, reproducers }
    }

    /// In one line.
    pub(crate) fn in_words(&self) -> String {
        let by = self.principal.as_ref().map_or_else(String::new, |principal| format!(", {principal}"));
        let again = self.reproducers.as_ref().map_or_else(String::new, |names| format!(", reproduced by {names}"));
        format!("{}{by}{again}", self.words)
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

impl GroupView {
    /// The rows, on one time axis; `all` counts those that are not shown, too.
    pub(crate) fn new(class: Option<String>, rows: &[&Row], all: usize) -> Self {
        let times = rows.iter().map(|row| spread(&row.entry));
        let longest = times.filter_map(|spread| spread.max.or(spread.quartile_3).or(spread.median)).fold(0.0, f64::max);
        let all_words = counted(u32::try_from(all).unwrap_or(u32::MAX), "entry", "entries");
        Self {
            class,
            count: if all > rows.len() { format!("{} of {all_words}", rows.len()) } else { all_words },
            rows: rows.iter().map(|row| row_view(row, longest)).collect(),
        }
    }
}

fn row_view(row: &Row, longest: f64) -> RowView {
    let result = &row.entry.result;
    let summary = &result.derived.summary;
    RowView {
        rank: row.rank,
        date: day(&result.session.started_at),
        name: result.variant.name.to_string(),
        page: entry_page(row),
        variant: format!("{}/{VARIANT_FILE}", entry_folder(row)),
        authors: author_links(&row.entry),
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
        retracted: row.retraction.is_some(),
        keys: SortKeys::new(&row.entry),
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
