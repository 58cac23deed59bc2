//! How many runs find a mean accuracy over the target. It is not part of any result.

use statrs::distribution::{ContinuousCDF as _, Normal, StudentsT};
use statrs::function::gamma::ln_gamma;

use crate::rules::SIGNIFICANCE;

/// Steps of the numerical integration.
const STEPS: u32 = 10_000;

/// The chance, 0 to 1, that the one-sided one-sample t-test finds the mean of `runs` runs over the target at
/// p < [`SIGNIFICANCE`], where the true mean is `effect` standard deviations of a run over it.
///
/// Exact for normally distributed accuracies: the noncentral t-distribution, integrated numerically. 0 with fewer than two runs;
/// for up to a million, beyond which the library's quantiles of t are not good.
pub fn mean_power(effect: f64, runs: u32) -> f64 {
    power_at(SIGNIFICANCE, effect, runs)
}

/// The least number of runs from 2 to `most` that reaches a [`mean_power()`] of `wanted` (0 to 1), or `None` if `most`
/// does not.
pub fn runs_for_mean(effect: f64, wanted: f64, most: u32) -> Option<u32> {
    let is_enough = |runs| mean_power(effect, runs) >= wanted;
    if !is_enough(most) {
        return None;
    }
    let (mut too_few, mut enough) = (1, most);
    while enough - too_few > 1 {
        let middle = too_few.midpoint(enough);
        *(if is_enough(middle) { &mut enough } else { &mut too_few }) = middle;
    }
    Some(enough)
}

/// The share, 0 to 1, of normally distributed runs that are over a target, where their mean is `effect` standard deviations over it.
pub fn share_over(effect: f64) -> f64 {
    Normal::standard().cdf(effect)
}

/// t is (z + effect * sqrt(runs)) / s with a standard normal z, and s the sample's deviation as a multiple of the true one.
/// So its power is the mean over s of the chance that z is large enough.
fn power_at(level: f64, effect: f64, runs: u32) -> f64 {
    let freedom = f64::from(runs.saturating_sub(1));
    let Ok(student) = StudentsT::new(0.0, 1.0, freedom) else { return 0.0 };
    let (critical, shift, normal) =
        (student.inverse_cdf(1.0 - level), effect * f64::from(runs).sqrt(), Normal::standard());
    // Nothing is left beyond nine standard errors of s.
    let reach = 9.0 / (2.0 * freedom).sqrt();
    let low = (1.0 - reach).max(0.0);
    let step = (1.0 + reach - low) / f64::from(STEPS);
    let scale = std::f64::consts::LN_2 + freedom / 2.0 * (freedom / 2.0).ln() - ln_gamma(freedom / 2.0);
    let part = |index: u32| {
        let s = low + (f64::from(index) + 0.5) * step;
        let density = (scale + (freedom - 1.0) * s.ln() - freedom / 2.0 * s * s).exp();
        density * normal.cdf(shift - critical * s)
    };
    ((0..STEPS).map(part).sum::<f64>() * step).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of the manual of G*Power 3.1 for a one-sample t-test: 0.955144 with 30 runs.
    #[test]
    fn the_power_agrees_with_the_manual_of_g_power() {
        let found = power_at(0.05, 0.625, 30);
        assert!((found - 0.955_144).abs() < 1e-6, "{found}");
    }

    /// By the series of Lenth (1989), algorithm AS 243, with quantiles by bisection.
    #[test]
    fn the_power_agrees_with_the_series_of_the_noncentral_t() {
        for (effect, runs, expected) in [
            (2.0, 2, 0.070_810_69),
            (1.0, 5, 0.218_376_28),
            (0.2 / 0.145, 10, 0.911_036_84),
            (0.1 / 0.145, 20, 0.704_008_52),
            (0.05 / 0.145, 58, 0.593_799_49),
            (0.05 / 0.145, 112, 0.899_424_15),
        ] {
            let found = mean_power(effect, runs);
            assert!((found - expected).abs() < 1e-6, "{effect} {runs}: {found}, expected {expected}");
        }
    }

    /// Standard normal quantiles of any table.
    #[test]
    fn of_the_runs_the_upper_part_is_over_the_target() {
        for (effect, share) in [(0.0, 0.5), (1.281_552, 0.9), (-1.644_854, 0.05)] {
            assert!((share_over(effect) - share).abs() < 1e-6, "{effect}");
        }
    }

    #[test]
    fn the_runs_are_the_least_that_reach_the_power() {
        assert_eq!(runs_for_mean(0.05 / 0.145, 0.9, 1000), Some(113));
        assert_eq!(runs_for_mean(0.05 / 0.145, 0.9, 113), Some(113));
        assert_eq!(runs_for_mean(0.05 / 0.145, 0.9, 112), None);
        assert_eq!(runs_for_mean(1e6, 0.9, 1000), Some(2));
        assert_eq!(runs_for_mean(1.0, 0.9, 1), None);
        // By the normal approximation ((2.326348 + 1.281552) / 0.01)^2, which is close with so many.
        let many = runs_for_mean(0.01, 0.9, 1_000_000).expect("enough");
        assert!((f64::from(many) / 130_169.4 - 1.0).abs() < 1e-4, "{many}");
    }

    /// With so few runs the critical value is far out, and what is integrated is steep.
    #[test]
    fn the_fewest_runs_have_the_level_too() {
        for runs in 2..=20 {
            let found = mean_power(0.0, runs);
            assert!((found - SIGNIFICANCE).abs() < 1e-6, "{runs}: {found}");
        }
    }

    proptest! {
        #[test]
        fn without_an_effect_the_power_is_the_level(runs in 2_u32..5000) {
            prop_assert!((mean_power(0.0, runs) - SIGNIFICANCE).abs() < 1e-6);
        }

        #[test]
        fn more_runs_find_it_more_often(effect in 0.01_f64..3.0, runs in 2_u32..2000) {
            let (fewer, more) = (mean_power(effect, runs), mean_power(effect, runs + 1));
            prop_assert!(fewer <= more + 1e-9 && (0.0..=1.0).contains(&more), "{fewer} {more}");
        }
    }
}
