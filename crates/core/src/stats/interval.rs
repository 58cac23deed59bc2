//! An interval, and an estimate with its interval. What the data do not give is `None`.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

/// A 95 % interval. An end is `null` where it falls among runs that did not reach, or where too little is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

impl Interval {
    /// Neither end is known.
    pub(super) const UNKNOWN: Self = Self { low: None, high: None };
}

/// A figure with its 95 % interval. An end is `null` where it falls among runs that did not reach, or where too little
/// is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

impl Display for Estimate {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let bound = |bound: Option<f64>| bound.map_or_else(|| "unknown".to_owned(), |bound| format!("{bound:.3}"));
        write!(f, "{:.3} (95 % interval {} to {})", self.value, bound(self.low), bound(self.high))
    }
}
