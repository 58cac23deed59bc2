//! Student's and Welch's tests on accuracies. Sums are exact integers of images: nothing is rounded before the last
//! division, and a share is never compared as a float.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

use crate::units::{Accuracy, Target};

/// One-sided p-value of a one-sample t-test: the probability of a mean accuracy this far over `target` if the true mean
/// is the target.
///
/// `None` with fewer than two runs, where they were not evaluated on one split, or for a target of no images. Equal
/// counts show no spread: they give 0 where they are over the target, else 1.
pub fn p_mean_over_target(finals: &[Accuracy], target: Target) -> Option<f64> {
    let images = one_split(finals).filter(|_| target.of > 0)?;
    let sums = Sums::of(finals)?;
    let over = sums.sum * i128::from(target.of) - sums.runs * images * i128::from(target.correct);
    if sums.scatter == 0 {
        return Some(if over > 0 { 0.0 } else { 1.0 });
    }
    let t = float(over) / f64::from(target.of) * (float(sums.runs - 1) / float(sums.scatter)).sqrt();
    StudentsT::new(0.0, 1.0, float(sums.runs - 1)).ok().map(|distribution| distribution.sf(t))
}

/// Two-sided p-value of Welch's test that the mean accuracies of `a` and `b` differ; their spreads may.
///
/// `None` where either has fewer than two runs, or where not all were evaluated on one split. Without any
/// spread it is 1 for equal means, else 0.
pub fn p_means_differ(a: &[Accuracy], b: &[Accuracy]) -> Option<f64> {
    if one_split(a)? != one_split(b)? {
        return None;
    }
    let (a, b) = (Sums::of(a)?, Sums::of(b)?);
    let apart = a.sum * b.runs - b.sum * a.runs;
    if a.scatter == 0 && b.scatter == 0 {
        return Some(if apart == 0 { 1.0 } else { 0.0 });
    }
    let (of_a, of_b) = (a.squared_error(), b.squared_error());
    let t = float(apart) / float(a.runs * b.runs) / (of_a + of_b).sqrt();
    let freedom = (of_a + of_b).powi(2) / (of_a.powi(2) / float(a.runs - 1) + of_b.powi(2) / float(b.runs - 1));
    two_sided_p(t, freedom)
}

pub(super) fn two_sided_p(t: f64, freedom: f64) -> Option<f64> {
    StudentsT::new(0.0, 1.0, freedom).ok().map(|distribution| (2.0 * distribution.sf(t.abs())).min(1.0))
}

/// Images of the split that all of `finals` were evaluated on.
fn one_split(finals: &[Accuracy]) -> Option<i128> {
    let images = finals.first()?.total;
    (images > 0 && finals.iter().all(|accuracy| accuracy.total == images)).then_some(i128::from(images))
}

/// Exact sums over the counts, or differences of counts, of at least two runs.
pub(super) struct Sums {
    runs: i128,
    /// Sum of the counts.
    sum: i128,
    /// Runs times the sum of squares, less the square of the sum: `runs * (runs - 1)` times the sample variance.
    scatter: i128,
}

impl Sums {
    fn of(finals: &[Accuracy]) -> Option<Self> {
        Self::of_counts(finals.iter().map(|accuracy| i128::from(accuracy.correct)))
    }

    pub(super) fn of_counts(counts: impl Iterator<Item = i128>) -> Option<Self> {
        let (runs, sum, squares) =
            counts.fold((0, 0, 0), |(runs, sum, squares), count| (runs + 1, sum + count, squares + count * count));
        (runs >= 2).then(|| Self { runs, sum, scatter: runs * squares - sum * sum })
    }

    /// Two-sided p-value that the true mean is not 0. Without any scatter it is 1 for a mean of 0, else 0.
    pub(super) fn p_not_zero(&self) -> Option<f64> {
        if self.scatter == 0 {
            return Some(if self.sum == 0 { 1.0 } else { 0.0 });
        }
        let t = float(self.sum) * (float(self.runs - 1) / float(self.scatter)).sqrt();
        two_sided_p(t, float(self.runs - 1))
    }

    /// Square of the standard error of the mean count.
    fn squared_error(&self) -> f64 {
        float(self.scatter) / float(self.runs * self.runs * (self.runs - 1))
    }
}

/// The last step of exact arithmetic.
#[expect(clippy::cast_precision_loss, reason = "one rounding, after everything exact is done")]
pub(super) fn float(exact: i128) -> f64 {
    exact as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(total: u32, correct: &[u32]) -> Vec<Accuracy> {
        correct.iter().map(|correct| Accuracy { correct: *correct, total }).collect()
    }

    fn assert_close(p: Option<f64>, expected: f64) {
        let p = p.expect("a p-value");
        assert!((p / expected - 1.0).abs() < 1e-9, "{p}, expected {expected}");
    }

    /// SciPy 1.17.1: `ttest_1samp(counts / total, target, alternative="greater").pvalue`
    #[test]
    fn the_test_against_a_target_agrees_with_scipy() {
        let cifar = counts(10_000, &[9410, 9430, 9405, 9425, 9415]);
        assert_close(p_mean_over_target(&cifar, Target { correct: 94, of: 100 }), 0.010_730_317_188_445_19);
        let small = counts(3925, &[3533, 3540, 3529, 3551, 3538, 3544, 3530, 3536, 3547, 3539]);
        assert_close(p_mean_over_target(&small, Target { correct: 9, of: 10 }), 0.011_384_185_377_423_108);
        assert_close(p_mean_over_target(&small, Target { correct: 905, of: 1000 }), 0.999_890_667_109_809_1);
    }

    /// R's `t.test(extra ~ group, data = sleep)`, published p = 0.07939 (the values moved by 2 and taken as tenths),
    /// and SciPy 1.17.1: `ttest_ind(a, b, equal_var=False).pvalue`.
    #[test]
    fn the_test_of_two_means_agrees_with_r_and_scipy() {
        let first = counts(100, &[27, 4, 18, 8, 19, 54, 57, 28, 20, 40]);
        let second = counts(100, &[39, 28, 31, 21, 19, 64, 75, 36, 66, 54]);
        assert_close(p_means_differ(&first, &second), 0.079_394_140_187_358_3);
        let five = counts(10_000, &[9410, 9430, 9405, 9425, 9415]);
        assert_close(p_means_differ(&five, &counts(10_000, &[9441, 9452, 9439])), 0.005_110_913_055_939_121);
    }

    #[test]
    fn equal_counts_are_compared_exactly() {
        let p = |correct, of| p_mean_over_target(&counts(3_000_000_000, &[2_700_000_001; 3]), Target { correct, of });
        assert_eq!(p(2_700_000_001, 3_000_000_000), Some(1.0));
        assert_eq!(p(9, 10), Some(0.0));
        let same = counts(10, &[9, 9]);
        assert_eq!(p_means_differ(&same, &counts(10, &[9, 9, 9])), Some(1.0));
        assert_eq!(p_means_differ(&same, &counts(10, &[8, 8])), Some(0.0));
    }

    #[test]
    fn too_few_runs_and_mixed_splits_claim_nothing() {
        let target = Target { correct: 9, of: 10 };
        let (one, two, other) = (counts(10, &[9]), counts(10, &[9, 10]), counts(20, &[18, 20]));
        assert_eq!(p_mean_over_target(&[], target), None);
        assert_eq!(p_mean_over_target(&one, target), None);
        assert_eq!(p_mean_over_target(&[two[0], other[0]], target), None);
        assert_eq!(p_mean_over_target(&counts(0, &[0, 0]), target), None);
        assert_eq!(p_mean_over_target(&two, Target { correct: 0, of: 0 }), None);
        assert_eq!(p_means_differ(&one, &two), None);
        assert_eq!(p_means_differ(&two, &other), None);
    }

    proptest! {
        #[test]
        fn a_split_twice_as_large_says_the_same(correct in prop::collection::vec(0_u32..1000, 2..20)) {
            let target = Target { correct: 9, of: 10 };
            let doubled: Vec<u32> = correct.iter().map(|count| count * 2).collect();
            let p = p_mean_over_target(&counts(1000, &correct), target).unwrap();
            let p_doubled = p_mean_over_target(&counts(2000, &doubled), target).unwrap();
            prop_assert!((p - p_doubled).abs() < 1e-12 && (0.0..=1.0).contains(&p));
        }

        #[test]
        fn which_comes_first_does_not_matter(
            a in prop::collection::vec(0_u32..100, 2..9),
            b in prop::collection::vec(0_u32..100, 2..9),
        ) {
            let p = p_means_differ(&counts(100, &a), &counts(100, &b)).unwrap();
            let swapped = p_means_differ(&counts(100, &b), &counts(100, &a)).unwrap();
            prop_assert!((p - swapped).abs() < 1e-12 && (0.0..=1.0).contains(&p));
        }
    }
}
