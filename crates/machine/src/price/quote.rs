//! The price of an hour of a machine with its source, and the cost of a span of time at that price.

use serde::{Deserialize, Serialize};

use crate::price::billing::Billing;
use hlb_core::bounded::ReadError;
use hlb_core::clock;
use hlb_core::hint::Hint;
use hlb_core::text::{SafeText, show};
use hlb_core::yaml::YamlError;

/// The price of an hour of the machine, with its source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// US dollars per hour of the whole machine.
    pub usd_per_hour: f64,
    /// Provider; `own` for a figure given on the command line.
    pub provider: SafeText<40>,
    /// Instance type.
    pub instance: SafeText<80>,
    /// Region.
    pub region: SafeText<40>,
    /// The machine's GPUs in words; `null` for none, or where it is not known.
    pub gpus: Option<SafeText<80>>,
    /// Day the price was seen, YYYY-MM-DD; `null` where the source does not say.
    pub date: Option<SafeText<10>>,
    /// Where the figure is from.
    pub source: SafeText<200>,
    /// Where it comes from.
    pub origin: Origin,
    /// How the provider rounds up what is rented; `null` where that is not known.
    pub billing: Option<Billing>,
}

/// Where a price comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The table that is compiled in.
    Shipped,
    /// A table of the user's.
    File,
    /// The command line.
    Own,
}

/// What a span of time costs, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The share of an hour's price.
    pub prorated_usd: f64,
    /// What the provider would charge for a machine rented for this time alone; `null` where its rule is not known.
    pub billed_usd: Option<f64>,
}

/// A price that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum PriceError {
    /// No such row.
    #[error("there is no price `{}` in the table", show(.asked))]
    Unknown { asked: String, near: Vec<String> },
    /// Not a positive number of dollars.
    #[error("a price is a number of US dollars per hour above 0 and at most 100000")]
    Range,
    /// Not a day of the calendar.
    #[error("`{}` is not a day written as YYYY-MM-DD", show(.given))]
    Day { given: String },
    /// The user's table cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The user's table is not of the right form.
    #[error(transparent)]
    Yaml(#[from] YamlError),
}

impl Hint for PriceError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { near, .. } => Some(naming(near)),
            Self::Read(error) => error.hint(),
            Self::Yaml(error) => error.hint(),
            Self::Range | Self::Day { .. } => None,
        }
    }
}

/// How rows are named, with examples.
fn naming(near: &[String]) -> String {
    let shown =
        if near.is_empty() { "run `hlb-bench hardware --prices` to see all rows".to_owned() } else { near.join(", ") };
    format!("a row is named PROVIDER/INSTANCE@REGION, for example {shown}")
}

impl Price {
    /// `provider/instance@region`.
    pub fn name(&self) -> String {
        row_name(&self.provider, &self.instance, &self.region)
    }

    /// The user's own figure.
    pub fn own(usd_per_hour: f64, source: SafeText<200>, today: &str) -> Result<Self, PriceError> {
        check_day(today)?;
        if !is_price(usd_per_hour) {
            return Err(PriceError::Range);
        }
        Ok(Self {
            usd_per_hour,
            provider: plain("own"),
            instance: plain("unknown"),
            region: plain("unknown"),
            gpus: None,
            date: Some(plain(today)),
            source,
            origin: Origin::Own,
            billing: None,
        })
    }

    /// Whether it is above 0 and at most 100,000 dollars an hour.
    pub fn is_in_range(&self) -> bool {
        is_price(self.usd_per_hour)
    }
}

/// `provider/instance@region`.
pub(super) fn row_name(provider: &SafeText<40>, instance: &SafeText<80>, region: &SafeText<40>) -> String {
    format!("{provider}/{instance}@{region}")
}

/// What `seconds` cost: as a share of an hour, and as the provider would charge a machine rented for them alone.
pub fn cost(seconds: f64, price: &Price) -> Cost {
    let dollars = |seconds: f64| price.usd_per_hour * seconds / 3600.0;
    let seconds = seconds.max(0.0);
    let billed = price.billing.as_ref().map(|billing| dollars(billing.charged_seconds(seconds)));
    Cost { prorated_usd: dollars(seconds), billed_usd: billed }
}

/// Refuses anything but a day as YYYY-MM-DD, which sorts by date.
pub(super) fn check_day(given: &str) -> Result<(), PriceError> {
    clock::parse_day(given).map(|_| ()).ok_or_else(|| PriceError::Day { given: given.to_owned() })
}

/// Whether it is above 0 and at most 100,000 dollars an hour.
pub(super) fn is_price(dollars: f64) -> bool {
    dollars > 0.0 && dollars <= 100_000.0
}

/// A word of ours, or a day that was checked.
pub(super) fn plain<const N: usize>(word: &str) -> SafeText<N> {
    SafeText::try_from(word.to_owned()).expect("a plain short word")
}
