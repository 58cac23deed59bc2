//! Numbers as text. An unknown value is shown as unknown with the reason, never as 0.

use minijinja::value::{Serde, Value};
use serde::Serialize;

use hlb_core::stats::Estimate;
use hlb_core::text::show_capped;

/// Most characters of a foreign string in one place of a page.
const FOREIGN_CAP: usize = 240;

/// A value as it is shown.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figure {
    /// The value, or the word for its absence.
    pub text: String,
    /// Why it is absent; `None` for a value.
    pub missing: Option<String>,
    /// The 95 % interval of an estimate.
    pub interval: Option<String>,
}

impl Figure {
    /// A value.
    pub(super) fn known(text: String) -> Self {
        Self { text, missing: None, interval: None }
    }

    /// A word for the absence of a value, and why.
    pub(super) fn missing(word: &str, why: &str) -> Self {
        Self { text: word.to_owned(), missing: Some(foreign(why)), interval: None }
    }

    /// An unknown value, and why it is unknown.
    pub(super) fn unknown(why: &str) -> Self {
        Self::missing("unknown", why)
    }

    /// A value in this form, or a dash and why there is none.
    pub(super) fn or_dash<T>(value: Option<T>, form: impl Fn(T) -> String, why_not: &str) -> Self {
        value.map_or_else(|| Self::missing("—", why_not), |value| Self::known(form(value)))
    }

    /// A ratio with its interval, or a dash and why there is none.
    pub(super) fn ratio(estimate: Option<Estimate>, why_not: &str) -> Self {
        let interval = estimate.map(|Estimate { low, high, .. }| human_interval(low, high, ratio));
        Self { interval, ..Self::or_dash(estimate, |estimate| ratio(estimate.value), why_not) }
    }

    /// In one line: the value, or the word for its absence with the reason.
    pub(crate) fn in_words(&self) -> String {
        self.missing.as_ref().map_or_else(|| self.text.clone(), |why| format!("{} ({why})", self.text))
    }
}

/// As templates read it.
impl From<Figure> for Value {
    fn from(figure: Figure) -> Self {
        Self::from(Serde(figure))
    }
}

/// A percentage with two decimals: one image of 10,000 is seen.
pub fn percentage(percent: f64) -> String {
    format!("{percent:.2} %")
}

/// A ratio with three decimals.
pub fn ratio(value: f64) -> String {
    format!("{value:.3}")
}

/// An interval as text. An unknown end is shown as open, never left out.
pub fn human_interval(low: Option<f64>, high: Option<f64>, words: impl Fn(f64) -> String) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("{} – {}", words(low), words(high)),
        (Some(low), None) => format!("{} or more", words(low)),
        (None, Some(high)) => format!("{} or less", words(high)),
        (None, None) => "unbounded".to_owned(),
    }
}

/// A figure with three digits that count and a decimal prefix from kilo to exa, from one thousand on.
pub fn scaled(value: f64, unit: &str) -> String {
    const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    let (mut value, mut index) = (value, 0);
    // Rounded to three digits, 999.7 is a thousand.
    while value.abs() >= 999.5 && index + 1 < PREFIXES.len() {
        (value, index) = (value / 1e3, index + 1);
    }
    let decimals = if value.abs() < 9.995 { 2 } else { usize::from(value.abs() < 99.95) };
    format!("{value:.decimals$} {}{unit}", PREFIXES[index])
}

/// The day of an RFC 3339 time.
pub(super) fn day(time: &str) -> String {
    foreign(time.get(..10).unwrap_or(time))
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

/// So many entries.
pub(super) fn entries(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
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
    fn large_figures_keep_three_digits() {
        let shown = [0.5, 12.34, 999.7, 15_321.0, 1.234e12].map(|value| scaled(value, "J"));
        assert_eq!(shown, ["0.50 J", "12.3 J", "1.00 kJ", "15.3 kJ", "1.23 TJ"]);
    }

    #[test]
    fn an_open_interval_says_so() {
        let shown = |low, high| human_interval(low, high, ratio);
        assert_eq!(shown(Some(0.9), Some(1.1)), "0.900 – 1.100");
        assert_eq!(shown(Some(0.9), None), "0.900 or more");
        assert_eq!(shown(None, Some(1.1)), "1.100 or less");
        assert_eq!(shown(None, None), "unbounded");
    }

    #[test]
    fn bytes_read_well() {
        assert_eq!([512, 2048, 85_899_345_920].map(bytes), ["512 bytes", "2.0 KiB", "80.0 GiB"]);
    }
}
