//! Numbers as words. What is unknown says so and why; it is never 0.

use serde::Serialize;

use crate::text::show_capped;
use crate::units::human_seconds;

/// Most characters of a foreign string in one place of a page.
const FOREIGN_CAP: usize = 240;

/// A value as it is shown.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figure {
    /// The value, or the word for its absence.
    pub(super) text: String,
    /// Why it is absent; `None` for a value.
    pub(super) missing: Option<String>,
}

impl Figure {
    /// A value.
    pub(super) fn known(text: impl Into<String>) -> Self {
        Self { text: text.into(), missing: None }
    }

    /// A value that nobody knows, and why.
    pub(super) fn unknown(why: &str) -> Self {
        Self { text: "unknown".to_owned(), missing: Some(foreign(why)) }
    }

    /// A place in a table where there can be no value, and why.
    pub(super) fn none(why: &str) -> Self {
        Self { text: "—".to_owned(), missing: Some(foreign(why)) }
    }

    /// Seconds, or a dash.
    pub(super) fn seconds(seconds: Option<f64>, why_not: &str) -> Self {
        seconds.map_or_else(|| Self::none(why_not), |seconds| Self::known(human_seconds(seconds)))
    }

    /// A percentage, or a dash.
    pub(super) fn percent(percent: Option<f64>, why_not: &str) -> Self {
        percent.map_or_else(|| Self::none(why_not), |percent| Self::known(percentage(percent)))
    }
}

/// A percentage with two decimals: one image of 10,000 is seen.
pub(super) fn percentage(percent: f64) -> String {
    format!("{percent:.2} %")
}

/// A foreign string without hidden characters and of a bearable length. Markup in it is the templates' to escape.
pub(super) fn foreign(text: &str) -> String {
    show_capped(text, FOREIGN_CAP)
}

/// US dollars: cents from one dollar on, three digits that count below.
pub(super) fn dollars(usd: f64) -> String {
    if usd >= 1.0 || usd <= 0.0 || !usd.is_finite() {
        return format!("${usd:.2}");
    }
    let leading = (1..=12).find(|digits| usd * 10_f64.powi(*digits) >= 1.0).unwrap_or(12);
    let decimals = usize::try_from(leading).unwrap_or(12) + 2;
    format!("${usd:.decimals$}")
}

/// Bytes in the largest binary unit that leaves at least one.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let unit = (1..UNITS.len()).rev().find(|unit| count >> (10 * unit) > 0).unwrap_or(0);
    if unit == 0 {
        return format!("{count} bytes");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let scaled = count as f64 / (1_u64 << (10 * unit)) as f64;
    format!("{scaled:.1} {}", UNITS[unit])
}

/// A count with its noun.
pub(super) fn counted(count: u32, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_costs_keep_three_digits_and_never_become_nothing() {
        let shown = [0.000_694_44, 0.0421, 0.5, 1.0, 12.345].map(dollars);
        assert_eq!(shown, ["$0.000694", "$0.0421", "$0.500", "$1.00", "$12.35"]);
        assert_ne!(dollars(1e-9).trim_matches(['$', '0', '.']), "");
    }

    #[test]
    fn bytes_read_well() {
        assert_eq!([512, 2048, 85_899_345_920].map(bytes), ["512 bytes", "2.0 KiB", "80.0 GiB"]);
    }
}
