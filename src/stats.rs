//! Statistics of a session: pure functions on plain numbers. A missing time counts as slower than any time.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF as _, StudentsT};

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
        let mut sorted = times.to_vec();
        sorted.sort_by(|a, b| a.unwrap_or(f64::INFINITY).total_cmp(&b.unwrap_or(f64::INFINITY)));
        Self {
            min: quantile(&sorted, 0),
            quartile_1: quantile(&sorted, 1),
            median: quantile(&sorted, 2),
            quartile_3: quantile(&sorted, 3),
            max: quantile(&sorted, 4),
        }
    }
}

/// Quantile `quarters / 4` by linear interpolation between order statistics (Hyndman and Fan's type 7, the default of R and NumPy).
#[expect(clippy::cast_precision_loss, reason = "a session has few runs")]
fn quantile(sorted: &[Option<f64>], quarters: usize) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let (below, rest) = (last * quarters / 4, last * quarters % 4);
    let low = sorted[below]?;
    if rest == 0 {
        return Some(low);
    }
    let high = sorted[below + 1]?;
    Some(low + (high - low) * rest as f64 / 4.0)
}

/// Mean and sample standard deviation (n - 1); `None` for an empty slice, deviation `None` for a single value.
#[expect(clippy::cast_precision_loss, reason = "a session has few runs")]
pub fn mean_and_deviation(values: &[f64]) -> (Option<f64>, Option<f64>) {
    let count = values.len() as f64;
    if values.is_empty() {
        return (None, None);
    }
    let mean = values.iter().sum::<f64>() / count;
    if values.len() == 1 {
        return (Some(mean), None);
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (Some(mean), Some((squares / (count - 1.0)).sqrt()))
}

/// One-sided p-value of a one-sample t-test: how likely a mean this far over `bound` would be if the true mean were `bound`.
///
/// `None` with fewer than two values. Values that are all equal give 0 or 1, as no spread was seen.
#[expect(clippy::cast_precision_loss, reason = "a session has few runs")]
pub fn p_mean_over(values: &[f64], bound: f64) -> Option<f64> {
    let (Some(mean), Some(deviation)) = mean_and_deviation(values) else { return None };
    if deviation == 0.0 {
        return Some(if mean > bound { 0.0 } else { 1.0 });
    }
    let count = values.len() as f64;
    let t = (mean - bound) / (deviation / count.sqrt());
    StudentsT::new(0.0, 1.0, count - 1.0).ok().map(|distribution| distribution.sf(t))
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

    /// `scipy.stats.ttest_1samp([0.941, 0.943, 0.9405, 0.9425, 0.9415], 0.94, alternative="greater")`
    #[test]
    fn the_t_test_agrees_with_scipy() {
        let p = p_mean_over(&[0.941, 0.943, 0.9405, 0.9425, 0.9415], 0.94).expect("five values");
        assert!((p - 0.010_730_317_188).abs() < 1e-6, "{p}");
    }

    #[test]
    fn a_test_without_spread_or_with_one_value_claims_nothing_it_does_not_know() {
        assert_eq!(p_mean_over(&[0.95], 0.94), None);
        assert_eq!(p_mean_over(&[0.95, 0.95], 0.94), Some(0.0));
        assert_eq!(p_mean_over(&[0.94, 0.94], 0.94), Some(1.0));
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
