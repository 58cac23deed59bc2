//! Order statistics of times. A miss counts as slower than any time.

use serde::{Deserialize, Serialize};

/// Order statistics of times in seconds. A value is `null` where it falls among the runs that did not reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Fastest.
    pub min: Option<f64>,
    /// First quartile.
    pub quartile_1: Option<f64>,
    /// Median.
    pub median: Option<f64>,
    /// Third quartile.
    pub quartile_3: Option<f64>,
    /// Slowest.
    pub max: Option<f64>,
}

impl Spread {
    /// Order statistics of `times`, in any order.
    pub fn of(times: &[Option<f64>]) -> Self {
        let sorted = sorted(times);
        Self {
            min: quantile(&sorted, 0),
            quartile_1: quantile(&sorted, 1),
            median: quantile(&sorted, 2),
            quartile_3: quantile(&sorted, 3),
            max: quantile(&sorted, 4),
        }
    }
}

/// A time that can be compared: infinite for a miss and for NaN.
pub(super) fn comparable(time: Option<f64>) -> f64 {
    time.filter(|seconds| !seconds.is_nan()).unwrap_or(f64::INFINITY)
}

/// Comparable times, fastest first.
pub(super) fn sorted(times: &[Option<f64>]) -> Vec<f64> {
    let mut sorted: Vec<f64> = times.iter().copied().map(comparable).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The value where it is one: `None` for a miss.
pub(super) fn reached(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Quantile `quarters / 4` by linear interpolation between order statistics (Hyndman and Fan's type 7, the default of
/// R and NumPy).
#[expect(clippy::cast_precision_loss, reason = "a session has few runs")]
fn quantile(sorted: &[f64], quarters: usize) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let (below, rest) = (last * quarters / 4, last * quarters % 4);
    let low = reached(sorted[below])?;
    if rest == 0 {
        return Some(low);
    }
    let high = reached(sorted[below + 1])?;
    Some(low + (high - low) * rest as f64 / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `numpy.quantile([3.1, 4.7, 2.2, 9.0, 5.5, 6.1], [0, .25, .5, .75, 1])`
    #[test]
    fn quartiles_agree_with_numpy() {
        let spread = Spread::of(&[3.1, 4.7, 2.2, 9.0, 5.5, 6.1].map(Some));
        let close = |value: Option<f64>, expected: f64| (value.expect("all reached") - expected).abs() < 1e-12;
        assert!(close(spread.min, 2.2) && close(spread.quartile_1, 3.5) && close(spread.median, 5.1));
        assert!(close(spread.quartile_3, 5.95) && close(spread.max, 9.0));
    }

    #[test]
    fn a_miss_is_slower_than_any_time() {
        let spread = Spread::of(&[Some(2.0), None, Some(1.0)]);
        assert_eq!((spread.min, spread.median, spread.max), (Some(1.0), Some(2.0), None));
        let mostly_missed = Spread::of(&[None, None, Some(1.0)]);
        assert_eq!((mostly_missed.min, mostly_missed.median), (Some(1.0), None));
        assert_eq!(Spread::of(&[]).median, None);
    }

    proptest! {
        #[test]
        fn order_does_not_matter(mut times in prop::collection::vec(prop::option::of(0.0_f64..100.0), 1..12)) {
            let before = Spread::of(&times);
            times.reverse();
            prop_assert_eq!(before, Spread::of(&times));
        }

        #[test]
        fn the_spread_is_ordered(times in prop::collection::vec(0.0_f64..100.0, 1..12)) {
            let spread = Spread::of(&times.into_iter().map(Some).collect::<Vec<_>>());
            let all = [spread.min, spread.quartile_1, spread.median, spread.quartile_3, spread.max];
            prop_assert!(all.is_sorted(), "{:?}", all);
        }
    }
}
