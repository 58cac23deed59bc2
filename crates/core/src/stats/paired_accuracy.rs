//! Accuracies of runs that share a seed: by how much one recipe differs from another, and whether that may be chance. Counts stay whole numbers until the last division.

use super::interval::Estimate;
use super::mean::mean_interval;
use super::t_test::{Sums, float};
use super::wilcoxon::wilcoxon;
use crate::units::Accuracy;

/// Accuracies of two recipes, of runs with the same seed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PairedAccuracies(Vec<(Accuracy, Accuracy)>);

impl PairedAccuracies {
    /// Pairs of accuracies; `None` where not all were evaluated on one split.
    pub fn of(pairs: Vec<(Accuracy, Accuracy)>) -> Option<Self> {
        let images = pairs.first().map(|(a, _)| a.total);
        let one_split = pairs.iter().all(|(a, b)| Some(a.total) == images && Some(b.total) == images);
        (one_split && images != Some(0)).then_some(Self(pairs))
    }

    /// Number of pairs.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Mean difference, first minus second, in percentage points with its 95 % t interval.
    pub fn mean_difference_points(&self) -> Option<Estimate> {
        let points = |(a, b): &(Accuracy, Accuracy)| 100.0 * float(difference(*a, *b)) / f64::from(a.total);
        mean_interval(&self.0.iter().map(points).collect::<Vec<_>>())
    }

    /// Two-sided p-value of the paired t-test that the mean difference is not 0.
    ///
    /// `None` with fewer than two pairs. Differences that are all equal show no spread: 1 where they are 0, else 0.
    pub fn p_t_test(&self) -> Option<f64> {
        Sums::of_counts(self.0.iter().map(|(a, b)| difference(*a, *b)))?.p_not_zero()
    }

    /// Two-sided p-value of Wilcoxon's signed-rank test on the counts of correct images; `None` without pairs.
    pub fn p_wilcoxon(&self) -> Option<f64> {
        let counts = |accuracy: Accuracy| Some(f64::from(accuracy.correct));
        let pairs: Vec<_> = self.0.iter().map(|(a, b)| (counts(*a), counts(*b))).collect();
        wilcoxon(&pairs).map(|test| test.p_two_sided)
    }
}

fn difference(a: Accuracy, b: Accuracy) -> i128 {
    i128::from(a.correct) - i128::from(b.correct)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(of: u32, counts: &[(u32, u32)]) -> PairedAccuracies {
        let accuracy = |correct| Accuracy { correct, total: of };
        PairedAccuracies::of(counts.iter().map(|(a, b)| (accuracy(*a), accuracy(*b))).collect()).expect("one split")
    }

    /// By hand: differences 1, 2, 3 of 100 images; mean 2, deviation 1, t = 2 / (1 / sqrt 3) = 3.4641, and with two degrees of
    /// freedom p = 1 - t / sqrt(2 + t * t) = 1 - 3.4641 / 3.7417.
    #[test]
    fn the_paired_t_test_is_that_of_the_hand() {
        let found = pairs(100, &[(91, 90), (93, 91), (95, 92)]);
        let t = 12.0_f64.sqrt();
        assert!((found.p_t_test().unwrap() - (1.0 - t / 14.0_f64.sqrt())).abs() < 1e-9);
        let difference = found.mean_difference_points().unwrap();
        // The 97.5 % point of Student's t with two degrees of freedom is 4.302653.
        assert!((difference.value - 2.0).abs() < 1e-12);
        assert!((difference.high.unwrap() - (2.0 + 4.302_652_729_7 / 3.0_f64.sqrt())).abs() < 1e-8, "{difference:?}");
    }

    #[test]
    fn without_spread_the_difference_is_what_it_is() {
        assert_eq!(pairs(100, &[(90, 90), (91, 91)]).p_t_test(), Some(1.0));
        assert_eq!(pairs(100, &[(91, 90), (92, 91)]).p_t_test(), Some(0.0));
        assert_eq!(pairs(100, &[(91, 90)]).p_t_test(), None);
        assert_eq!(pairs(100, &[]).p_wilcoxon(), None);
    }

    /// Exact: all of five differences of different sizes the same way round have p = 2 / 2^5.
    #[test]
    fn the_signed_rank_test_looks_at_counts() {
        let found = pairs(100, &[(91, 90), (92, 90), (93, 90), (94, 90), (95, 90)]);
        assert!((found.p_wilcoxon().unwrap() - 0.0625).abs() < 1e-12);
    }

    #[test]
    fn accuracies_of_different_splits_are_no_pairs() {
        let (a, b) = (Accuracy { correct: 1, total: 2 }, Accuracy { correct: 1, total: 3 });
        assert_eq!(PairedAccuracies::of(vec![(a, b)]), None);
        assert_eq!(PairedAccuracies::of(vec![(a, a), (b, b)]), None);
    }
}
