//! The result of a rank test, and what both rank tests share.

use statrs::function::erf::erfc;

/// Largest sample for which the exact distribution is used.
pub(super) const MOST_EXACT: u64 = 50;

/// Whether two samples of times differ, and which looks faster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankTest {
    /// Probability of samples at least this far apart, in either direction, if both came from the same recipe.
    pub p_two_sided: f64,
    /// Whether the first sample is faster as seen; false for equal ones. Only meaningful with a small p-value.
    pub a_is_faster: bool,
}

/// Two-sided p-value of a statistic `apart` from its mean, by the normal approximation with continuity correction.
/// 1 for a statistic that cannot vary, since all values are tied.
pub(super) fn normal_p(apart: f64, variance: f64) -> f64 {
    if variance <= 0.0 {
        return 1.0;
    }
    let z = (apart - 0.5) / variance.sqrt();
    erfc(z / std::f64::consts::SQRT_2).min(1.0)
}

/// Two-sided p-value of an exact symmetric distribution: `tail` of `all` equally likely cases are as far out on one
/// side.
#[expect(clippy::cast_precision_loss, reason = "one rounding, after everything exact is done")]
pub(super) fn exact_p(tail: i128, all: i128) -> f64 {
    ((2 * tail) as f64 / all as f64).min(1.0)
}

/// What a group of `size` tied values takes from the variance, before the test's own factor.
pub(super) fn tie_term(size: u64) -> u64 {
    size.pow(3) - size
}
