//! Rows of the board's tables.

use serde::Serialize;

use crate::board::Row;
use crate::site::addresses::{entry_folder, entry_page};
use crate::site::figure::{counted, foreign};
use crate::site::figures::{Figures, WarningView, reproducers, spread, tied, warnings};
use hlb_core::stats::Spread;
use hlb_result::{Entry, SessionFacts, Summary, VARIANT_FILE, VariantFacts};

/// Rows that stand together.
#[derive(Debug, Serialize)]
pub(crate) struct GroupView<'a> {
    /// The hardware that they are ranked on; `None` for unranked ones.
    class: Option<&'a str>,
    /// How many there are, or are shown of how many.
    count: String,
    rows: Vec<RowView<'a>>,
}

/// One row of a table.
#[derive(Debug, Serialize)]
pub(crate) struct RowView<'a> {
    rank: Option<usize>,
    page: String,
    variant_file: String,
    variant: &'a VariantFacts,
    session: &'a SessionFacts,
    summary: &'a Summary,
    figures: Figures,
    /// The ratio to the reference as a number, for sorting.
    ratio: Option<f64>,
    /// Its times, drawn on the time axis of the table.
    strip: Option<Strip>,
    tied: Option<String>,
    class: &'a str,
    trust: TrustView,
    warnings: Vec<WarningView>,
    reasons: &'a [String],
    /// It was retracted or refuted; the reason is among the others.
    retracted: bool,
}

/// A trust level and who answers for it.
#[derive(Debug, Serialize)]
pub(crate) struct TrustView {
    level: u8,
    words: String,
    principal: Option<String>,
    /// Who reproduced it, where that made its level.
    reproducers: Option<String>,
}

impl TrustView {
    pub(crate) fn new(entry: &Entry) -> Self {
        let trust = &entry.trust;
        let principal = trust.signer().map(|signer| foreign(&signer.principal));
        let reproducers = Some(reproducers(entry)).filter(|names| !names.is_empty());
        Self { level: trust.level(), words: trust.to_string(), principal, reproducers }
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

impl<'a> GroupView<'a> {
    /// The rows, on one time axis; `all` counts those that are not shown, too.
    pub(crate) fn new(class: Option<&'a str>, rows: &[&'a Row], all: usize) -> Self {
        let times = rows.iter().map(|row| spread(&row.entry));
        let longest = times.filter_map(|spread| spread.max.or(spread.quartile_3).or(spread.median)).fold(0.0, f64::max);
        let all_words = counted(u32::try_from(all).unwrap_or(u32::MAX), "entry", "entries");
        Self {
            class,
            count: if all > rows.len() { format!("{} of {all_words}", rows.len()) } else { all_words },
            rows: rows.iter().map(|row| RowView::new(row, longest)).collect(),
        }
    }
}

impl<'a> RowView<'a> {
    /// `longest` is the end of the time axis of its table, 0 where there is none.
    pub(super) fn new(row: &'a Row, longest: f64) -> Self {
        let (entry, result) = (&row.entry, &row.entry.result);
        let ratio = result.derived.calibration.as_ref().and_then(|found| found.time_ratio);
        Self {
            rank: row.rank,
            page: entry_page(row),
            variant_file: format!("{}/{VARIANT_FILE}", entry_folder(row)),
            variant: &result.variant,
            session: &result.session,
            summary: &result.derived.summary,
            figures: Figures::new(entry),
            ratio: ratio.map(|ratio| ratio.value),
            strip: row.rank.and_then(|_| Strip::new(spread(entry), longest)),
            tied: tied(row),
            class: &row.class,
            trust: TrustView::new(entry),
            warnings: warnings(entry),
            reasons: &row.unranked_because,
            retracted: row.retraction.is_some(),
        }
    }
}
