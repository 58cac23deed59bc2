//! Wilcoxon's signed-rank test: are the times of one recipe shorter than those of another that ran in turn with it?
//! Runs that were not measured in turn are for `mann_whitney`.

use super::rank_test::{MOST_EXACT, RankTest, exact_p, normal_p, tie_term};
use super::spread::comparable;

/// Two-sided signed-rank test of pairs of times in seconds.
///
/// A pair of two misses is a difference of zero; a pair with one miss is a larger difference than any between times,
/// and all such are equal. Zeros are left out before ranking (Wilcoxon's own way, SciPy's `zero_method="wilcox"`).
/// Exact for at most 50 differences that are not zero and all of different size, else the normal
/// approximation with tie and continuity correction. `None` without pairs.
pub fn wilcoxon(pairs: &[(Option<f64>, Option<f64>)]) -> Option<RankTest> {
    if pairs.is_empty() {
        return None;
    }
    let mut leads: Vec<f64> = pairs.iter().map(|pair| lead(*pair)).filter(|lead| *lead != 0.0).collect();
    let sums = RankSums::of(&mut leads);
    let exact = sums.ties == 0 && leads.len() == pairs.len() && sums.pairs <= MOST_EXACT;
    let p_two_sided = if exact { sums.exact_p() } else { sums.approximate_p() };
    Some(RankTest { p_two_sided, a_is_faster: sums.twice_won > sums.total() })
}

/// By how many seconds the first of a pair is faster.
fn lead((a, b): (Option<f64>, Option<f64>)) -> f64 {
    let (a, b) = (comparable(a), comparable(b));
    // The difference of two misses would be NaN.
    if a.total_cmp(&b).is_eq() { 0.0 } else { b - a }
}

/// Sums of the ranks of differences by size.
struct RankSums {
    /// Pairs that differ.
    pairs: u64,
    /// Twice the ranks of the pairs in which the first was faster.
    twice_won: u64,
    /// Sum of the tie terms.
    ties: u64,
}

impl RankSums {
    /// Sorts `leads` by size.
    fn of(leads: &mut [f64]) -> Self {
        leads.sort_unstable_by(|left, right| left.abs().total_cmp(&right.abs()));
        let mut sums = Self { pairs: leads.len() as u64, twice_won: 0, ties: 0 };
        let mut smaller = 0;
        for tied in leads.chunk_by(|left, right| left.abs().total_cmp(&right.abs()).is_eq()) {
            let size = tied.len() as u64;
            let won = tied.iter().filter(|lead| **lead > 0.0).count() as u64;
            sums.twice_won += won * (2 * smaller + size + 1);
            sums.ties += tie_term(size);
            smaller += size;
        }
        sums
    }

    /// Sum of all ranks, which is twice the mean of either side.
    fn total(&self) -> u64 {
        self.pairs * (self.pairs + 1) / 2
    }

    fn exact_p(&self) -> f64 {
        let smaller_sum = self.twice_won.min(2 * self.total() - self.twice_won) / 2;
        exact_p(ways_to_sum(self.pairs, smaller_sum).iter().sum(), 1 << self.pairs)
    }

    #[expect(clippy::cast_precision_loss, reason = "an approximation")]
    fn approximate_p(&self) -> f64 {
        let count = self.pairs as f64;
        let apart = (self.twice_won as f64 - self.total() as f64).abs() / 2.0;
        normal_p(apart, (count * (count + 1.0) * (2.0 * count + 1.0) - self.ties as f64 / 2.0) / 24.0)
    }
}

/// How many subsets of the ranks `1..=ranks` have the sum 0, 1 ... `most`.
fn ways_to_sum(ranks: u64, most: u64) -> Vec<i128> {
    let index = |sum: u64| usize::try_from(sum).unwrap_or(usize::MAX);
    let mut ways = vec![0; index(most) + 1];
    ways[0] = 1;
    for rank in (1..=ranks).map(index) {
        for sum in (rank..ways.len()).rev() {
            ways[sum] += ways[sum - rank];
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pairs whose first is faster by `leads`.
    fn pairs(leads: &[f64]) -> Vec<(Option<f64>, Option<f64>)> {
        leads.iter().map(|lead| (Some(100.0 - lead), Some(100.0))).collect()
    }

    fn alternating(count: i32) -> Vec<f64> {
        (0..count).map(|pair| f64::from(if pair % 3 == 0 { -pair - 1 } else { pair + 1 })).collect()
    }

    #[track_caller]
    fn assert_close(found: Option<RankTest>, expected: f64) {
        let p = found.expect("pairs").p_two_sided;
        assert!((p / expected - 1.0).abs() < 1e-9, "{p}, expected {expected}");
    }

    /// SciPy 1.17.1: `wilcoxon(d, method="exact").pvalue`. The first pairs are those of `?wilcox.test` in R (Hollander
    /// and Wolfe, depression), where the one-sided p is 0.01953.
    #[test]
    #[expect(clippy::approx_constant, reason = "3.14 is a patient's score")]
    fn the_exact_test_agrees_with_r_and_scipy() {
        let first = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30].map(Some);
        let second = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29].map(Some);
        let found = wilcoxon(&first.into_iter().zip(second).collect::<Vec<_>>());
        assert_close(found, 0.039_062_5);
        assert!(!found.unwrap().a_is_faster);
        assert_close(wilcoxon(&pairs(&alternating(50))), 0.039_968_346_528_423_74);
    }

    /// SciPy 1.17.1: `wilcoxon(d, zero_method="wilcox", correction=True, method="asymptotic").pvalue`; in the last, a
    /// pair with one miss is a difference of 1e9 there.
    #[test]
    fn the_approximation_agrees_with_scipy() {
        assert_close(wilcoxon(&pairs(&alternating(51))), 0.026_000_896_360_930_642);
        let tied = [1., -2., 3., 4., 4., -4., 5., 6., 0., 0., 7., 8.];
        assert_close(wilcoxon(&pairs(&tied)), 0.040_962_980_412_525_496);
        let mut missed = pairs(&[1., 2., -3., 4.]);
        missed.extend([(Some(1.0), None), (None, Some(50.0)), (Some(9.0), None), (None, None), (None, None)]);
        assert_close(wilcoxon(&missed), 0.443_598_431_957_837_1);
    }

    #[test]
    fn pairs_without_information_have_no_winner() {
        assert_eq!(wilcoxon(&[]), None);
        let no_winner = Some(RankTest { p_two_sided: 1.0, a_is_faster: false });
        assert_eq!(wilcoxon(&[(None, None); 9]), no_winner);
        assert_eq!(wilcoxon(&pairs(&[0.0; 9])), no_winner);
    }

    #[test]
    fn one_miss_outweighs_any_difference() {
        let mut with_miss = pairs(&[1.0, -2.0, 3.0, -4.0]);
        with_miss.push((None, Some(99.0)));
        let mut with_largest = pairs(&[1.0, -2.0, 3.0, -4.0]);
        with_largest.push((Some(1e6), Some(99.0)));
        assert_eq!(wilcoxon(&with_miss), wilcoxon(&with_largest));
        assert!(!wilcoxon(&with_miss).unwrap().a_is_faster);
    }

    proptest! {
        #[test]
        fn neither_order_nor_side_matters(
            pairs in prop::collection::vec((prop::option::of(1_u8..30), prop::option::of(1_u8..30)), 1..40),
        ) {
            let forward: Vec<_> = pairs.iter().map(|(a, b)| (a.map(f64::from), b.map(f64::from))).collect();
            let backward: Vec<_> = forward.iter().rev().map(|(a, b)| (*b, *a)).collect();
            let (found, swapped) = (wilcoxon(&forward).unwrap(), wilcoxon(&backward).unwrap());
            prop_assert_eq!(found.p_two_sided.to_bits(), swapped.p_two_sided.to_bits());
            prop_assert!(!(found.a_is_faster && swapped.a_is_faster) && (0.0..=1.0).contains(&found.p_two_sided));
        }
    }
}
