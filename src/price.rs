//! Prices per hour: one given by the user, or a row of the table in `prices.yaml`, compiled in.

use serde::{Deserialize, Serialize};

use crate::text::{SafeText, show};
use crate::yaml;

/// What an hour of the machine costs, and who says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// US dollars per hour of the whole machine.
    pub usd_per_hour: f64,
    /// Provider, or `own` for the user's own figure.
    pub provider: SafeText<40>,
    /// Instance type.
    pub instance: SafeText<80>,
    /// Region.
    pub region: SafeText<40>,
    /// Day the price was seen, YYYY-MM-DD; `null` where the source does not say.
    pub date: Option<SafeText<10>>,
    /// Where the figure is from.
    pub source: SafeText<200>,
}

/// Provider of a price that the user gave.
const OWN: &str = "own";

/// A price that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PriceError {
    /// No such row.
    #[error("there is no price `{}` in the table", show(.asked))]
    Unknown {
        /// What was asked for.
        asked: String,
        /// Rows whose name contains a part of it.
        near: Vec<String>,
    },
    /// Not a positive number of dollars.
    #[error("a price is a number of US dollars per hour above 0 and at most 100000")]
    Range,
}

impl PriceError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        let Self::Unknown { near, .. } = self else { return None };
        let shown = if near.is_empty() {
            "run `hlb-bench hardware --prices` to see all rows".to_owned()
        } else {
            near.join(", ")
        };
        Some(format!("a row is named PROVIDER/INSTANCE@REGION, for example {shown}"))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    prices: Vec<Price>,
}

/// All rows of the table.
pub fn table() -> Vec<Price> {
    let table: Table = yaml::parse(include_bytes!("../prices.yaml"), "prices.yaml")
        .expect("the shipped price table is valid; a test reads it");
    table.prices
}

impl Price {
    /// `provider/instance@region`.
    pub fn name(&self) -> String {
        format!("{}/{}@{}", self.provider, self.instance, self.region)
    }

    /// The row of this name; the region may be left out where only one has the instance.
    pub fn by_name(asked: &str) -> Result<Self, PriceError> {
        let rows = table();
        let matches = |price: &&Self| {
            let name = price.name();
            name == asked || name.split('@').next() == Some(asked)
        };
        let found: Vec<&Self> = rows.iter().filter(matches).collect();
        if let [only] = found[..] {
            return Ok(only.clone());
        }
        let provider = asked.split('/').next().unwrap_or_default();
        let near = if found.is_empty() {
            rows.iter().filter(|price| price.provider.as_str() == provider).collect()
        } else {
            found
        };
        let near = near.into_iter().take(4).map(|price| format!("`{}`", price.name())).collect();
        Err(PriceError::Unknown { asked: asked.to_owned(), near })
    }

    /// The user's own figure.
    pub fn own(usd_per_hour: f64, source: SafeText<200>, today: &str) -> Result<Self, PriceError> {
        let word = |text: &str| SafeText::try_from(text.to_owned()).expect("a plain short word");
        let date = SafeText::try_from(today.to_owned()).ok();
        let region = SafeText::try_from("unknown".to_owned()).expect("a plain short word");
        let instance = SafeText::try_from("unknown".to_owned()).expect("a plain short word");
        let price = Self { usd_per_hour, provider: word(OWN), instance, region, date, source };
        if price.is_in_range() { Ok(price) } else { Err(PriceError::Range) }
    }

    /// Whether it is more than nothing and less than any machine costs.
    pub fn is_in_range(&self) -> bool {
        self.usd_per_hour > 0.0 && self.usd_per_hour <= 100_000.0
    }

    /// Whether it is the user's own figure, not a row of the table.
    pub fn is_own(&self) -> bool {
        self.provider.as_str() == OWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own_and_a_price() {
        let rows = table();
        let mut names: Vec<String> = rows.iter().map(Price::name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), rows.len());
        assert!(rows.iter().all(|price| price.usd_per_hour > 0.0));
    }

    #[test]
    fn a_row_is_found_with_and_without_its_region() {
        let full = Price::by_name("aws/p3.2xlarge@us-east-1").expect("in the table");
        assert_eq!(Price::by_name("aws/p3.2xlarge"), Ok(full.clone()));
        assert!((full.usd_per_hour - 3.06).abs() < 1e-12);
    }

    #[test]
    fn an_unknown_row_is_answered_with_rows_there_are() {
        let error = Price::by_name("aws/p9.huge").expect_err("unknown");
        assert_eq!(error.to_string(), "there is no price `aws/p9.huge` in the table");
        assert!(error.hint().expect("a hint").contains("aws/"));
    }

    #[test]
    fn a_price_of_nothing_is_refused() {
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let source = SafeText::try_from("invoice".to_owned()).expect("plain");
            assert_eq!(Price::own(wrong, source, "2026-11-22"), Err(PriceError::Range));
        }
    }
}
