//! A time or a ratio as one session measured it, on the scale of logarithms, with the variance of the estimate.

use statrs::distribution::{ContinuousCDF as _, StudentsT};
use statrs::function::erf::erfc;

use super::interval::Estimate;
use super::spread::comparable;
use super::t_test::two_sided_p;
use crate::rules::SIGNIFICANCE;

/// Deviations of the signed-rank sum between the ends that the variance is read from. Under 1.96, so that one miss in
/// ten, which sends the outermost averages to infinity, leaves both ends finite.
const ENDS: f64 = 1.5;

/// An estimate with the variance of its error and the degrees of freedom that the variance is known with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    logarithm: f64,
    variance: f64,
    degrees: f64,
}

impl Measured {
    /// 1, known exactly: the reference over itself.
    pub const ONE: Self = Self { logarithm: 0.0, variance: 0.0, degrees: 1.0 };

    /// The typical value (Hodges and Lehmann's) of positive numbers; `None` in them is a miss, larger than any number, and 0 a ratio to a
    /// miss, smaller than any.
    ///
    /// `None` with fewer than three numbers, and where so many are misses that the estimate or its variance is not finite.
    pub fn of(values: &[Option<f64>]) -> Option<Self> {
        let logarithms: Vec<f64> = values.iter().map(|value| comparable(*value).ln()).collect();
        if logarithms.len() < 3 {
            return None;
        }
        let averages = walsh_averages(&logarithms);
        let (runs, last) = (count(logarithms.len()), averages.len() - 1);
        let deviation = (runs * (runs + 1.0) * (2.0 * runs + 1.0) / 24.0).sqrt();
        let end = whole((count(averages.len()) / 2.0 - ENDS * deviation).max(0.0));
        let logarithm = f64::midpoint(averages[last / 2], averages[averages.len() / 2]);
        let error = (averages[last - end] - averages[end]) / (2.0 * ENDS);
        let known = logarithm.is_finite() && error.is_finite();
        known.then(|| Self { logarithm, variance: error.powi(2), degrees: runs - 1.0 })
    }

    /// The same with another, independent error.
    #[must_use]
    pub(super) fn with_error(self, variance: f64, degrees: f64) -> Self {
        let (own, other) = (self.variance.powi(2) / self.degrees, variance.powi(2) / degrees);
        let sum = self.variance + variance;
        // Satterthwaite's approximation; without any variance the degrees do not matter.
        let degrees = if own + other > 0.0 { sum.powi(2) / (own + other) } else { self.degrees };
        Self { logarithm: self.logarithm, variance: sum, degrees }
    }

    /// This over another that was measured independently.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        let difference = Self { logarithm: self.logarithm - below.logarithm, ..self };
        difference.with_error(below.variance, below.degrees)
    }

    /// The mean of some on one host, each with the same weight; `None` for none.
    pub fn mean(sessions: &[Self]) -> Option<Self> {
        let sessions_known = count(sessions.len());
        let sum = |of: fn(&Self) -> f64| sessions.iter().map(of).sum::<f64>();
        (!sessions.is_empty()).then(|| Self {
            logarithm: sum(|one| one.logarithm) / sessions_known,
            variance: sum(|one| one.variance) / sessions_known.powi(2),
            degrees: sum(|one| one.degrees),
        })
    }

    /// This times a number that is taken as exact.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { logarithm: self.logarithm + factor.ln(), ..self }
    }

    /// The same as so many runs of the same spread would measure it, with two runs at least.
    #[must_use]
    pub fn from_runs(self, runs: u32) -> Self {
        let degrees = f64::from(runs.max(2)) - 1.0;
        Self { variance: self.variance * (self.degrees + 1.0) / (degrees + 1.0), degrees, ..self }
    }

    /// The chance, 0 to 1, that a true figure of this size is significantly different from 1 when it is measured so again; by the
    /// normal approximation, with the critical value of the t test.
    pub fn power(&self) -> f64 {
        let Some(critical) = self.t().map(|t| t.inverse_cdf(1.0 - SIGNIFICANCE / 2.0)) else { return 0.0 };
        let beyond = self.logarithm.abs() / self.variance.sqrt() - critical;
        if beyond.is_nan() { 0.0 } else { 1.0 - erfc(beyond / std::f64::consts::SQRT_2) / 2.0 }
    }

    /// The figure.
    pub fn value(&self) -> f64 {
        self.logarithm.exp()
    }

    /// Logarithm of the figure.
    pub(super) fn logarithm(&self) -> f64 {
        self.logarithm
    }

    /// Square of the standard error of that logarithm.
    pub(super) fn variance(&self) -> f64 {
        self.variance
    }

    /// The figure with its 95 % t interval.
    pub fn estimate(&self) -> Estimate {
        let half_width = self.variance.sqrt() * self.t().map_or(f64::NAN, |t| t.inverse_cdf(0.975));
        let end = |sign: f64| Some((self.logarithm + sign * half_width).exp()).filter(|end| end.is_finite());
        Estimate { value: self.value(), low: end(-1.0), high: end(1.0) }
    }

    /// Two-sided p-value (t test) that the true figure is 1.
    pub fn p_is_one(&self) -> f64 {
        if self.logarithm == 0.0 {
            return 1.0;
        }
        two_sided_p(self.logarithm / self.variance.sqrt(), self.degrees).unwrap_or(1.0)
    }

    fn t(&self) -> Option<StudentsT> {
        StudentsT::new(0.0, 1.0, self.degrees).ok()
    }
}

/// Averages of all pairs of numbers, each with itself too, in their order.
fn walsh_averages(numbers: &[f64]) -> Vec<f64> {
    let with_later = |(index, one): (usize, &f64)| {
        let one = *one;
        // A miss and a ratio to a miss have no average; it counts as a miss.
        numbers[index..]
            .iter()
            .map(move |other| f64::midpoint(one, *other))
            .map(|average| if average.is_nan() { f64::INFINITY } else { average })
    };
    let mut averages: Vec<f64> = numbers.iter().enumerate().flat_map(with_later).collect();
    averages.sort_unstable_by(f64::total_cmp);
    averages
}

#[expect(clippy::cast_precision_loss, reason = "a session has few runs")]
pub(super) fn count(items: usize) -> f64 {
    items as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the number of averages")]
fn whole(index: f64) -> usize {
    index as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By hand: the Walsh averages of 1, 2, 4 (of logarithms) are 1, 1.5, 2, 2.5, 3, 4, whose median is 2.25. The signed-rank sum
    /// deviates by sqrt(3 * 4 * 7 / 24) = 1.871, so the ends are averages 0 and 5, 3 apart, and the error is 3 / 3.
    #[test]
    fn the_estimate_is_that_of_hodges_and_lehmann() {
        let found = Measured::of(&[1.0_f64, 2.0, 4.0].map(|logarithm| Some(logarithm.exp()))).expect("three");
        assert!((found.logarithm - 2.25).abs() < 1e-12 && (found.variance - 1.0).abs() < 1e-12, "{found:?}");
        assert!((found.degrees - 2.0).abs() < 1e-12);
    }

    #[test]
    fn too_few_numbers_and_too_many_misses_give_none() {
        let (time, miss) = (Some(2.0), None);
        assert_eq!(Measured::of(&[time, time]), None);
        assert_eq!(Measured::of(&[time, miss, miss]), None);
        let mut ten = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9].map(Some);
        let all = Measured::of(&ten).expect("ten");
        ten[9] = None;
        let one_missed = Measured::of(&ten).expect("one miss in ten leaves an estimate");
        assert!(one_missed.value() > all.value() && one_missed.variance > all.variance);
        ten[0] = Some(0.0);
        let one_of_each = Measured::of(&ten).expect("one ratio to a miss, too");
        assert!(one_of_each.value() <= one_missed.value() && one_of_each.variance > all.variance);
        assert_eq!(Measured::of(&[time, Some(0.0), Some(0.0)]), None);
    }

    #[test]
    fn what_does_not_vary_differs_or_not() {
        let constant = |seconds: f64| Measured::of(&[Some(seconds); 5]).expect("five");
        assert!((constant(3.0).over(constant(3.0)).p_is_one() - 1.0).abs() < 1e-12);
        assert!(constant(3.0).over(constant(4.0)).p_is_one() < 1e-12);
        let one = constant(3.0).over(constant(3.0)).estimate();
        assert_eq!(one, Estimate { value: 1.0, low: Some(1.0), high: Some(1.0) });
    }

    #[test]
    fn sessions_of_a_host_have_one_mean() {
        assert_eq!(Measured::mean(&[]), None);
        let of = |logarithm| Measured { logarithm, variance: 4.0, degrees: 9.0 };
        let mean = Measured { logarithm: 2.0, variance: 2.0, degrees: 18.0 };
        assert_eq!(Measured::mean(&[of(1.0), of(3.0)]), Some(mean));
    }

    /// By hand: 0.05 at a standard error of 0.01 with many degrees is 5 - 2.576 = 2.424 deviations over the critical value, where the
    /// normal distribution has 99.2 %.
    #[test]
    fn power_grows_with_runs() {
        let of = |variance| Measured { logarithm: 0.05, variance, degrees: 1e6 };
        assert!((of(1e-4).power() - 0.9923).abs() < 1e-3, "{}", of(1e-4).power());
        assert!(Measured { logarithm: 0.0, ..of(1e-4) }.power() < 0.01);
        let ten = Measured { degrees: 9.0, ..of(4e-4) };
        let hundred = ten.from_runs(100);
        assert!((hundred.variance - 4e-5).abs() < 1e-12 && hundred.power() > ten.power());
        assert_eq!(ten.from_runs(10), ten);
    }

    fn times() -> impl Strategy<Value = Vec<Option<f64>>> {
        prop::collection::vec((1.0_f64..9.0).prop_map(Some), 3..20)
    }

    proptest! {
        #[test]
        fn order_and_unit_of_times_do_not_matter(times in times(), factor in 0.1_f64..10.0) {
            let found = Measured::of(&times).unwrap();
            let mut other: Vec<_> = times.iter().map(|time| time.map(|time| time * factor)).collect();
            other.reverse();
            let scaled = Measured::of(&other).unwrap();
            prop_assert!((scaled.value() / found.value() / factor - 1.0).abs() < 1e-9);
            prop_assert!((scaled.variance - found.variance).abs() < 1e-9);
        }

        #[test]
        fn swapping_inverts(a in times(), b in times()) {
            let (a, b) = (Measured::of(&a).unwrap(), Measured::of(&b).unwrap());
            let (one, other) = (a.over(b), b.over(a));
            prop_assert!((one.value() * other.value() - 1.0).abs() < 1e-9);
            prop_assert!((one.p_is_one() - other.p_is_one()).abs() < 1e-9);
            let Estimate { value, low, high } = one.estimate();
            prop_assert!(low.unwrap() <= value && value <= high.unwrap());
        }

        #[test]
        fn another_error_makes_a_difference_less_certain(a in times(), variance in 0.0_f64..1.0) {
            let a = Measured::of(&a).unwrap();
            let wider = a.with_error(variance, a.degrees);
            prop_assert!(wider.variance >= a.variance && wider.degrees >= a.degrees - 1e-9);
        }
    }
}
