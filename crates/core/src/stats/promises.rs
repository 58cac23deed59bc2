//! The promises of the ranking, by simulation: luck seldom wins.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

use super::power::standard_normal;
use super::{mann_whitney, p_mean_over_target};
use crate::rules::SIGNIFICANCE;
use crate::units::{Accuracy, Target};

const SIMULATIONS: u32 = 10_000;
const RUNS: usize = 10;

/// How the times of a simulated recipe come about.
#[derive(Debug, Clone, Copy)]
struct Recipe {
    seconds: f64,
    /// Deviation of the logarithm of a time.
    noise: f64,
    /// Whether a time is a whole number of epochs of a tenth of `seconds`.
    in_epochs: bool,
    /// Of 100 runs, how many miss.
    misses: u32,
}

impl Recipe {
    fn session(self, generator: &mut ChaCha8Rng) -> [Option<f64>; RUNS] {
        [(); RUNS].map(|()| {
            let missed = generator.next_u32() % 100 < self.misses;
            let seconds = self.seconds * (self.noise * standard_normal(generator)).exp();
            let epoch = self.seconds / 10.0;
            let time = if self.in_epochs { (seconds / epoch).round() * epoch } else { seconds };
            (!missed).then_some(time)
        })
    }
}

/// Of simulated pairs of sessions, how many per mille have a winner.
fn winners_per_mille(a: Recipe, b: Recipe) -> f64 {
    let mut generator = ChaCha8Rng::from_seed([7; 32]);
    let winners: u32 = (0..SIMULATIONS)
        .map(|_| {
            let test = mann_whitney(&a.session(&mut generator), &b.session(&mut generator)).expect("two sessions");
            u32::from(test.p_two_sided < SIGNIFICANCE)
        })
        .sum();
    f64::from(winners) / f64::from(SIMULATIONS) * 1000.0
}

#[test]
fn one_recipe_beats_itself_in_at_most_15_of_1000_pairs() {
    for noise in [0.01, 0.1] {
        for in_epochs in [false, true] {
            for misses in [0, 5] {
                let recipe = Recipe { seconds: 40.0, noise, in_epochs, misses };
                let rate = winners_per_mille(recipe, recipe);
                assert!(rate <= 15.0, "{recipe:?}: {rate} per mille");
            }
        }
    }
}

#[test]
fn a_gain_well_over_the_noise_wins() {
    let slow = Recipe { seconds: 40.0, noise: 0.01, in_epochs: false, misses: 0 };
    let rate = winners_per_mille(slow, Recipe { seconds: 38.0, ..slow });
    assert!(rate > 990.0, "{rate} per mille");
}

/// Of simulated sessions, how many per mille are over 94 % at p < 0.01. Run-to-run deviation is 0.15 points.
fn ranked_per_mille(true_mean: f64) -> f64 {
    let mut generator = ChaCha8Rng::from_seed([8; 32]);
    let ranked: u32 = (0..SIMULATIONS)
        .map(|_| {
            let finals = [(); RUNS].map(|()| {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count near 9,400")]
                let correct = (true_mean + 15.0 * standard_normal(&mut generator)).round() as u32;
                Accuracy { correct, total: 10_000 }
            });
            u32::from(p_mean_over_target(&finals, Target { correct: 94, of: 100 }).expect("ten runs") < SIGNIFICANCE)
        })
        .sum();
    f64::from(ranked) / f64::from(SIMULATIONS) * 1000.0
}

#[test]
fn a_recipe_under_the_target_is_ranked_in_at_most_10_of_1000_sessions() {
    let (under, at, over) = (ranked_per_mille(9390.0), ranked_per_mille(9400.0), ranked_per_mille(9430.0));
    assert!(under <= 10.0, "{under} per mille");
    // At the target itself the test errs at its level, and a recipe well over it passes: else the first says nothing.
    assert!((6.0..=14.0).contains(&at) && over > 950.0, "{at} and {over} per mille");
}
