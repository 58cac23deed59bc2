//! The ratio of paired times: what a session that runs two recipes in turn (A B A B) measures on one host.

use super::interval::Estimate;
use super::mean::mean_interval;

/// Geometric mean of `a / b` over pairs of positive times, with a 95 % t interval on the logarithms (n - 1).
///
/// `None` without pairs, or where a time is not positive and finite. A single pair has no interval.
pub fn paired_ratio(pairs: &[(f64, f64)]) -> Option<Estimate> {
    let logarithms = pairs.iter().map(|(a, b)| log_ratio(*a, *b)).collect::<Option<Vec<f64>>>()?;
    let Estimate { value, low, high } = mean_interval(&logarithms)?;
    Some(Estimate { value: value.exp(), low: low.map(f64::exp), high: high.map(f64::exp) })
}

fn log_ratio(a: f64, b: f64) -> Option<f64> {
    let ratio = a / b;
    (a > 0.0 && b > 0.0 && ratio.is_finite() && ratio > 0.0).then(|| ratio.ln())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// SciPy 1.17.1, with `l = log(a / b)`: `exp(mean(l))` and `exp(t.interval(.95, n - 1, loc=mean(l), scale=sem(l)))`
    #[test]
    fn the_interval_agrees_with_scipy() {
        let pairs = [(9.7, 10.0), (9.8, 10.1), (9.65, 10.02), (9.9, 10.05), (9.72, 9.98)];
        let found = paired_ratio(&pairs).expect("five pairs");
        let close = |value: f64, expected: f64| (value - expected).abs() < 1e-9;
        assert!(close(found.value, 0.972_452_006_805_967_6), "{found:?}");
        assert!(close(found.low.unwrap(), 0.962_511_655_936_871_9), "{found:?}");
        assert!(close(found.high.unwrap(), 0.982_495_016_769_933_7), "{found:?}");
    }

    #[test]
    fn what_is_not_a_ratio_gives_none() {
        assert_eq!(paired_ratio(&[]), None);
        for bad in [(0.0, 1.0), (1.0, 0.0), (-1.0, -1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
            assert_eq!(paired_ratio(&[(1.0, 1.0), bad]), None, "{bad:?}");
        }
        assert_eq!(paired_ratio(&[(3.0, 3.0)]), Some(Estimate { value: 1.0, low: None, high: None }));
        assert_eq!(paired_ratio(&[(3.0, 3.0); 4]), Some(Estimate { value: 1.0, low: Some(1.0), high: Some(1.0) }));
    }

    proptest! {
        #[test]
        fn swapping_inverts(pairs in prop::collection::vec((1.0_f64..9.0, 1.0_f64..9.0), 2..20)) {
            let found = paired_ratio(&pairs).unwrap();
            let swapped = paired_ratio(&pairs.iter().map(|(a, b)| (*b, *a)).collect::<Vec<_>>()).unwrap();
            prop_assert!(found.low.unwrap() <= found.value && found.value <= found.high.unwrap());
            prop_assert!((found.value * swapped.value - 1.0).abs() < 1e-9);
            prop_assert!((found.low.unwrap() * swapped.high.unwrap() - 1.0).abs() < 1e-9);
        }
    }
}
