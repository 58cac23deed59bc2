//! Holm's step-down adjustment of several p-values that are read together.

/// The p-values of one family, adjusted so that the chance of any false positive among them stays that of one test (Holm, 1979).
///
/// Sorted from the smallest, the one of rank `i` (from 0) of `m` is multiplied by `m - i`; each is at least
/// the one before it and at most 1. A test that could not be made is `None` and is not counted.
#[expect(clippy::cast_precision_loss, reason = "a study has few variants")]
pub fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut order: Vec<(usize, f64)> =
        p_values.iter().enumerate().filter_map(|(index, p)| p.map(|p| (index, p))).collect();
    order.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let (tests, mut least) = (order.len(), 0.0_f64);
    let mut adjusted = vec![None; p_values.len()];
    for (rank, (index, p)) in order.into_iter().enumerate() {
        least = least.max(p * (tests - rank) as f64).min(1.0);
        adjusted[index] = Some(least);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn assert_close(found: &[Option<f64>], expected: &[Option<f64>]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let close = match (found, expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-12,
                (found, expected) => found == expected,
            };
            assert!(close, "{found:?}, expected {expected:?}");
        }
    }

    /// By hand: 0.01 * 4; 0.02 * 3; 0.03 * 2 is 0.06, no less than the one before; 0.04 * 1 is less, so 0.06 again.
    #[test]
    fn the_steps_are_those_of_the_hand() {
        let found = holm(&[Some(0.04), Some(0.01), Some(0.03), Some(0.02)]);
        assert_close(&found, &[Some(0.06), Some(0.04), Some(0.06), Some(0.06)]);
    }

    /// By hand: 0.005 * 3 = 0.015; 0.4 * 2 = 0.8; 0.9 * 1 = 0.9.
    #[test]
    fn what_was_not_tested_counts_as_no_test() {
        assert_close(&holm(&[Some(0.9), None, Some(0.005), Some(0.4)]), &[Some(0.9), None, Some(0.015), Some(0.8)]);
        assert_close(&holm(&[Some(0.7), Some(0.8)]), &[Some(1.0), Some(1.0)]);
        assert_close(&holm(&[None]), &[None]);
        assert_close(&holm(&[Some(0.03)]), &[Some(0.03)]);
    }

    proptest! {
        #[test]
        fn the_order_stays_and_nothing_gets_smaller(p_values in prop::collection::vec(0.0_f64..=1.0, 1..20)) {
            let adjusted = holm(&p_values.iter().copied().map(Some).collect::<Vec<_>>());
            for (p, found) in p_values.iter().zip(&adjusted) {
                prop_assert!(found.unwrap() >= *p && found.unwrap() <= 1.0);
                for (other, other_adjusted) in p_values.iter().zip(&adjusted) {
                    prop_assert!(p > other || found <= other_adjusted);
                }
            }
        }
    }
}
