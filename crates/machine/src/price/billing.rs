//! How providers round up the time that a machine is rented.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use hlb_core::text::SafeText;

/// How a provider rounds up the time that a machine is rented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Billing {
    /// Seconds that are charged at least.
    pub minimum_seconds: u32,
    /// Time is rounded up to whole multiples of this many seconds, 1 or more.
    #[serde(deserialize_with = "increment")]
    pub increment_seconds: u32,
    /// Where the rule is from.
    pub source: SafeText<200>,
}

impl Billing {
    /// Seconds that are charged for `seconds`: rounded up, and at least the minimum.
    pub(super) fn charged_seconds(&self, seconds: f64) -> f64 {
        let increment = f64::from(self.increment_seconds.max(1));
        // A quotient may round down to a whole number: what was used is charged all the same.
        let rounded = ((seconds / increment).ceil() * increment).max(seconds);
        rounded.max(f64::from(self.minimum_seconds))
    }
}

/// Reads the step by which time is rounded up.
pub(super) fn increment<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    match u32::deserialize(from)? {
        0 => Err(D::Error::custom("time is rounded up to multiples of 1 second or more")),
        seconds => Ok(seconds),
    }
}
