//! The promises of the ranking, by simulation: luck seldom wins.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore as _, SeedableRng as _};

use super::power::standard_normal;
use super::{HostSpread, Measured, mann_whitney, p_mean_over_target};
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

/// Runs of one published recipe on one host: seconds.
type Host = Vec<f64>;

/// The hosts of each of the three published sets of runs.
fn published_hosts() -> Vec<Vec<Host>> {
    let mut sets: BTreeMap<&str, BTreeMap<&str, Host>> = BTreeMap::new();
    let lines = include_str!("hosts.csv").lines().filter(|line| !line.starts_with('#')).skip(1);
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let seconds = cells[3].parse().expect("seconds");
        sets.entry(cells[0]).or_default().entry(cells[2]).or_default().push(seconds);
    }
    sets.into_values().map(|hosts| hosts.into_values().collect()).collect()
}

/// Of all pairs of hosts of one set, how many per mille have a winner.
fn winners_between_hosts(measure: impl Fn(&Host) -> Measured) -> f64 {
    let sets = published_hosts();
    let (mut winners, mut pairs) = (0, 0);
    for hosts in &sets {
        let measured: Vec<Measured> = hosts.iter().map(&measure).collect();
        for (index, one) in measured.iter().enumerate() {
            for other in &measured[..index] {
                pairs += 1;
                winners += u32::from(one.over(*other).p_is_one() < SIGNIFICANCE);
            }
        }
    }
    assert_eq!((sets.len(), pairs), (3, 828));
    1000.0 * f64::from(winners) / f64::from(pairs)
}

#[test]
fn one_recipe_on_two_real_hosts_has_a_winner_in_at_most_15_of_1000_pairs() {
    let times = |host: &Host| Measured::of(&host.iter().copied().map(Some).collect::<Vec<_>>()).expect("eight runs");
    let raw = winners_between_hosts(|host| HostSpread::default().in_time(times(host)));
    // Every other run stands for the reference that was run in turn with it.
    let paired = winners_between_hosts(|host| {
        let ratios: Vec<_> = host.chunks_exact(2).map(|pair| Some(pair[1] / pair[0])).collect();
        HostSpread::default().in_ratio(Measured::of(&ratios).expect("four pairs"))
    });
    assert!(raw <= 15.0 && paired <= 15.0, "{raw} and {paired} per mille");
    // Without the hosts' spread most pairs have one: else these would be no test.
    let blind = winners_between_hosts(times);
    assert!(blind > 500.0, "{blind} per mille");
}

/// Twenty runs, each next to one of the reference, on a host that speeds both up by the same and one of them by a little more.
fn ratio_on_a_host(gain: f64, generator: &mut ChaCha8Rng) -> Measured {
    let own = 0.001 * standard_normal(generator);
    let ratios = [(); 20].map(|()| {
        let noise = 0.005 * (standard_normal(generator) - standard_normal(generator));
        Some((own + noise).exp() * (1.0 - gain))
    });
    HostSpread::default().in_ratio(Measured::of(&ratios).expect("twenty pairs"))
}

#[test]
fn a_gain_of_one_percent_is_found_on_another_host_with_20_pairs() {
    let mut generator = ChaCha8Rng::from_seed([9; 32]);
    let mut found = |gain: f64| {
        let session = |gain, generator: &mut ChaCha8Rng| ratio_on_a_host(gain, generator);
        let winners: u32 = (0..SIMULATIONS)
            .map(|_| {
                let (a, b) = (session(gain, &mut generator), session(0.0, &mut generator));
                u32::from(a.over(b).p_is_one() < SIGNIFICANCE)
            })
            .sum();
        f64::from(winners) / f64::from(SIMULATIONS)
    };
    let (power, error) = (found(0.01), found(0.0));
    assert!(power >= 0.8 && error <= 0.015, "{power} and {error}");
}
