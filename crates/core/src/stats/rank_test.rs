//! What a rank test says, and the pieces that both rank tests share. Never says more than ranks can.

use serde::{Deserialize, Serialize};
use statrs::function::erf::erfc;

/// Largest sample for which the exact distribution is used.
pub(super) const MOST_EXACT: u64 = 50;

/// Whether two samples of times differ, and which looks faster.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankTest {
    /// How likely samples at least this far apart, either way round, would be if both came from the same recipe.
    pub p_two_sided: f64,
    /// Whether the first sample is the faster one, as seen; false where neither is. It means nothing without a small p.
    pub a_is_faster: bool,
}

/// Two-sided p-value of a statistic `apart` from its mean, by the normal approximation with continuity correction.
/// A statistic that cannot vary (all values tied) tells nothing: 1.
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
