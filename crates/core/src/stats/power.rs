//! How many runs are needed to find a gain, estimated by simulation. It is not part of any result.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

use super::mann_whitney::Bar;
use super::mean::mean_and_deviation;
use super::spread::Spread;
use crate::rules::SIGNIFICANCE;

const SEED: [u8; 32] = *b"hlb-bench power of sessions is 1";
const SIMULATIONS: u32 = 2000;

/// The chance, 0 to 1, that `runs` runs of a recipe with these `times` (seconds) and `runs` runs of one that is faster
/// by the share `gain` (0.03 for 3 %) are significantly different by a two-sided Mann-Whitney test, with the right one
/// faster.
///
/// From 2,000 simulated pairs of sessions, always the same ones: good to about 0.02. Each time is drawn from `times`
/// and jittered (a smoothed bootstrap on logarithms, see `docs/reference/statistics.md`); misses stay misses. 0 with fewer than
/// two times that reached, as no spread is known then, and for a gain of 1 or more.
pub fn power(times: &[Option<f64>], gain: f64, runs: u32) -> f64 {
    if gain.is_nan() || gain >= 1.0 {
        return 0.0;
    }
    Source::of(times).map_or(0.0, |source| source.power(gain, runs))
}

/// The least number of runs from 2 to `most` that reaches a [`power()`] of `wanted` (0 to 1), or `None` if `most` does
/// not.
///
/// Found by bisection: more runs find smaller gains, but for steps of the test and noise of the simulation of about a run
/// in thirty.
pub fn runs_needed(times: &[Option<f64>], gain: f64, wanted: f64, most: u32) -> Option<u32> {
    let is_enough = |runs| power(times, gain, runs) >= wanted;
    if most < 2 || !is_enough(most) {
        return None;
    }
    let (mut too_few, mut enough) = (1, most);
    while enough - too_few > 1 {
        let middle = too_few.midpoint(enough);
        *(if is_enough(middle) { &mut enough } else { &mut too_few }) = middle;
    }
    Some(enough)
}

/// Where simulated times come from: the logarithms of those observed, smoothed.
struct Source {
    logarithms: Vec<f64>,
    /// Observed runs, misses too.
    observed: u64,
    mean: f64,
    /// Standard deviation of the jitter.
    width: f64,
    /// Factor that gives jittered draws the deviation of the sample.
    shrink: f64,
}

impl Source {
    #[expect(clippy::cast_precision_loss, reason = "a session has few runs")]
    fn of(times: &[Option<f64>]) -> Option<Self> {
        let is_time = |seconds: &f64| seconds.is_finite() && *seconds > 0.0;
        let logarithms: Vec<f64> = times.iter().copied().flatten().filter(is_time).map(f64::ln).collect();
        let (Some(mean), Some(deviation)) = mean_and_deviation(&logarithms) else { return None };
        let count = logarithms.len() as f64;
        let width = silverman_width(&logarithms, deviation);
        let drawn = (deviation.powi(2) * (count - 1.0) / count + width.powi(2)).sqrt();
        let shrink = if drawn > 0.0 { deviation / drawn } else { 1.0 };
        Some(Self { logarithms, observed: times.len() as u64, mean, width, shrink })
    }

    /// Every simulation has its own stream and draws for both samples in turn, so that a longer session begins with the
    /// runs of a shorter one and the power rarely falls by chance as runs are added.
    fn power(&self, gain: f64, runs: u32) -> f64 {
        let bar = Bar::new(u64::from(runs), SIGNIFICANCE);
        let faster = (1.0 - gain).ln();
        let mut pooled = Vec::new();
        let cleared: u32 = (0..SIMULATIONS)
            .map(|simulation| {
                let mut generator = ChaCha8Rng::from_seed(SEED);
                generator.set_stream(u64::from(simulation));
                pooled.clear();
                for _ in 0..runs {
                    pooled.push((self.draw(&mut generator) + faster, true));
                    pooled.push((self.draw(&mut generator), false));
                }
                u32::from(bar.is_cleared_by(&mut pooled))
            })
            .sum();
        f64::from(cleared) / f64::from(SIMULATIONS)
    }

    /// Logarithm of a time, infinite for a miss. The test sees ranks only, so the time itself is never needed.
    fn draw(&self, generator: &mut ChaCha8Rng) -> f64 {
        let index = (u64::from(generator.next_u32()) * self.observed) >> 32;
        match usize::try_from(index).ok().and_then(|index| self.logarithms.get(index)) {
            Some(logarithm) => {
                self.mean + (logarithm - self.mean + self.width * standard_normal(generator)) * self.shrink
            }
            None => f64::INFINITY,
        }
    }
}

/// Silverman's rule of thumb for the width of a normal kernel.
#[expect(clippy::cast_precision_loss, reason = "a session has few runs")]
fn silverman_width(values: &[f64], deviation: f64) -> f64 {
    let spread = Spread::of(&values.iter().copied().map(Some).collect::<Vec<_>>());
    let between = spread.quartile_3.zip(spread.quartile_1).map_or(0.0, |(high, low)| (high - low) / 1.34);
    let scale = if between > 0.0 { deviation.min(between) } else { deviation };
    0.9 * scale * (values.len() as f64).powf(-0.2)
}

/// A draw of the standard normal distribution, by Box and Muller's transform. Its last bits depend on the platform.
pub(super) fn standard_normal(generator: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * uniform(generator).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform(generator)).cos()
}

/// Uniform in (0, 1].
fn uniform(generator: &mut ChaCha8Rng) -> f64 {
    (f64::from(generator.next_u32()) + 1.0) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty times with normal scores (`scipy.stats.norm.ppf((i + 0.5) / 20)`) of 1 % on a log scale.
    fn one_percent_noise() -> Vec<Option<f64>> {
        let half = [0.0627, 0.1891, 0.3186, 0.4538, 0.5978, 0.7554, 0.9346, 1.1503, 1.4395, 1.96];
        let scores = half.into_iter().flat_map(|score: f64| [-score, score]);
        scores.map(|score| Some(40.0 * (0.01 * score).exp())).collect()
    }

    /// SciPy 1.17.1: 20,000 pairs of sessions of `runs` normal draws with the sample's deviation, one moved by
    /// `log(1 - gain)`, through `mannwhitneyu` (exact to 50 runs, asymptotic over), counted as [`power`] counts.
    #[test]
    fn the_power_agrees_with_a_simulation_in_scipy() {
        for (gain, runs, expected) in
            [(0.01, 10, 0.269), (0.01, 20, 0.655), (0.01, 32, 0.9), (0.02, 10, 0.911), (0.005, 60, 0.532)]
        {
            let found = power(&one_percent_noise(), gain, runs);
            assert!((found - expected).abs() < 0.04, "{gain} {runs}: {found}, expected {expected}");
        }
    }

    #[test]
    fn without_a_gain_the_right_one_is_named_by_chance_only() {
        assert!(power(&one_percent_noise(), 0.0, 20) < 0.012);
        assert!(power(&one_percent_noise(), -0.05, 20) < 0.001);
    }

    #[test]
    fn the_runs_needed_are_the_least_that_reach_the_power() {
        let times = one_percent_noise();
        let needed = runs_needed(&times, 0.01, 0.9, 50).expect("under 50");
        assert!((28..=38).contains(&needed), "{needed}");
        assert!(power(&times, 0.01, needed) >= 0.9 && power(&times, 0.01, needed - 1) < 0.9);
        assert_eq!(runs_needed(&times, 0.2, 0.9, 20), Some(5), "four against four are never significantly different");
        assert_eq!(runs_needed(&times, 0.01, 0.9, needed - 1), None);
        assert_eq!(runs_needed(&times, 0.0, 0.9, 20), None);
    }

    #[test]
    fn misses_and_unknown_spread_promise_nothing() {
        assert!(power(&[], 0.1, 10) <= 0.0);
        assert!(power(&[Some(3.0)], 0.1, 10) <= 0.0);
        assert!(power(&[None; 10], 0.1, 10) <= 0.0);
        assert!(power(&one_percent_noise(), 1.0, 10) <= 0.0);
        assert!(power(&one_percent_noise(), 0.1, 0) <= 0.0);
        let mut half_missed = one_percent_noise();
        half_missed.resize(40, None);
        assert!(power(&half_missed, 0.02, 10) < power(&one_percent_noise(), 0.02, 10) / 2.0);
    }

    #[test]
    fn any_gain_on_equal_times_is_significant() {
        assert!(power(&[Some(7.0); 5], 0.001, 10) >= 1.0);
    }

    #[test]
    fn jittered_draws_keep_mean_and_deviation() {
        let source = Source::of(&[3.0, 3.1, 3.3, 3.2, 3.9].map(Some)).expect("five times");
        let (mean, deviation) = mean_and_deviation(&source.logarithms);
        let mut generator = ChaCha8Rng::from_seed(SEED);
        let draws: Vec<f64> = (0..40_000).map(|_| source.draw(&mut generator)).collect();
        let (drawn_mean, drawn_deviation) = mean_and_deviation(&draws);
        assert!((drawn_mean.unwrap() - mean.unwrap()).abs() < 0.003);
        assert!((drawn_deviation.unwrap() / deviation.unwrap() - 1.0).abs() < 0.02);
        assert!(draws.iter().all(|draw| draw.is_finite()));
    }
}
