//! Kendall's rank correlation: whether two lists of figures have the same order.

/// Kendall's tau-b of pairs of figures: 1 for the same order, -1 for the opposite one, with ties taken into account.
///
/// `None` where either list has no order: fewer than two pairs, all values of one list equal, or a value that is not a number.
#[expect(clippy::cast_precision_loss, reason = "a study has few variants")]
pub fn kendall_tau(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.iter().any(|(a, b)| a.is_nan() || b.is_nan()) {
        return None;
    }
    let (mut agree, mut differ_in_a, mut differ_in_b) = (0_i64, 0_u64, 0_u64);
    for (index, (a, b)) in pairs.iter().enumerate() {
        for (other_a, other_b) in &pairs[..index] {
            let (of_a, of_b) = (sign(*a, *other_a), sign(*b, *other_b));
            agree += of_a * of_b;
            differ_in_a += of_a.unsigned_abs();
            differ_in_b += of_b.unsigned_abs();
        }
    }
    let most = (differ_in_a as f64).sqrt() * (differ_in_b as f64).sqrt();
    (most > 0.0).then(|| agree as f64 / most)
}

fn sign(a: f64, b: f64) -> i64 {
    match a.partial_cmp(&b) {
        Some(std::cmp::Ordering::Greater) => 1,
        Some(std::cmp::Ordering::Less) => -1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_order_is_one_and_the_opposite_is_minus_one() {
        let tau = |b: [f64; 4]| kendall_tau(&[1.0, 2.0, 3.0, 4.0].into_iter().zip(b).collect::<Vec<_>>()).unwrap();
        assert!((tau([10.0, 20.0, 30.0, 40.0]) - 1.0).abs() < 1e-15);
        assert!((tau([4.0, 3.0, 2.0, 1.0]) + 1.0).abs() < 1e-15);
        // By hand: of six pairs, only that of the last two is the other way round.
        assert!((tau([1.0, 2.0, 4.0, 3.0]) - 4.0 / 6.0).abs() < 1e-15);
    }

    /// By hand: of three pairs two agree and one is tied in the second list: 2 / sqrt(3 * 2).
    #[test]
    fn ties_are_taken_into_account() {
        let tau = kendall_tau(&[(1.0, 5.0), (2.0, 5.0), (3.0, 6.0)]).unwrap();
        assert!((tau - 2.0 / 6.0_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn without_an_order_there_is_no_correlation() {
        assert_eq!(kendall_tau(&[]), None);
        assert_eq!(kendall_tau(&[(1.0, 2.0)]), None);
        assert_eq!(kendall_tau(&[(1.0, 2.0), (2.0, 2.0)]), None);
        assert_eq!(kendall_tau(&[(1.0, f64::NAN), (2.0, 2.0)]), None);
    }
}
