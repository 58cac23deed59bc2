//! How many runs it takes to show a gain. Estimates, never part of a result.

use serde::Serialize;

use crate::entry::Entry;
use hlb_core::hint::Hint;
use hlb_core::rules::{MAX_RUNS, SIGNIFICANCE, WANTED_POWER};
use hlb_core::stats::{self, mean_and_deviation, runs_needed};
use hlb_core::text::visible_path;
use hlb_data::track::Track;
use hlb_machine::price::{Price, cost};

/// Gains in the table where the user names none.
const GAINS: [f64; 5] = [0.005, 0.01, 0.02, 0.05, 0.1];

/// Times that say nothing about how much they vary.
#[derive(Debug, thiserror::Error)]
#[error("fewer than two runs of {entry} reached the target, so how much times vary is unknown")]
pub struct PowerError {
    entry: String,
}

impl Hint for PowerError {
    fn hint(&self) -> Option<String> {
        Some("name another entry with --entry, or assume a --noise".to_owned())
    }
}

/// What it takes to show gains on a track. Programs read its JSON.
#[derive(Debug, Serialize)]
pub struct PowerReport {
    /// Id of the track.
    pub track: String,
    /// Level of the two-sided test.
    p_below: f64,
    /// How often a true gain should show, 0 to 1.
    wanted_chance: f64,
    /// The most runs that are considered.
    most_runs: u32,
    /// Runs that the track asks for before a row can be ranked.
    pub runs_to_rank: u32,
    /// Where the times are from.
    pub source: TimesFacts,
    /// One for each gain.
    pub gains: Vec<GainForecast>,
    /// What the runs that the user named can show.
    pub with_runs: Option<RunsForecast>,
}

/// Where the times are from.
#[derive(Debug, Default, Serialize)]
pub struct TimesFacts {
    /// The entry or session; `null` where a noise was assumed.
    pub entry: Option<String>,
    variant: Option<String>,
    /// Class of its hardware.
    pub hardware_class: Option<String>,
    /// Runs of the variant in it.
    pub runs: Option<u32>,
    /// Standard deviation of the logarithms of its times.
    pub noise: f64,
    /// Mean seconds of training and evaluation of one run; `null` where nothing was measured.
    seconds_per_run: Option<f64>,
    price_usd_per_hour: Option<f64>,
}

/// What it takes to show one gain.
#[derive(Debug, Serialize)]
pub struct GainForecast {
    /// The gain, as a share of the slower time.
    pub gain: f64,
    /// Runs of each recipe; `null` where not even `most_runs` are enough.
    pub runs_needed: Option<u32>,
    /// What so many runs of both recipes take.
    pub bill: Option<Bill>,
    /// The chance that the runs that the user named show it.
    pub chance: Option<f64>,
}

/// What a number of runs can show.
#[derive(Debug, Serialize)]
pub struct RunsForecast {
    /// Runs of each recipe.
    pub runs: u32,
    /// The least gain that they show as often as wanted; `null` where they show none.
    pub least_gain: Option<f64>,
    /// Machine time and cost of these runs.
    pub bill: Option<Bill>,
}

/// Machine time and cost of runs of both recipes, without the start of the programs and the
/// preprocessing of data.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Bill {
    /// Seconds of training and evaluation.
    pub machine_seconds: f64,
    /// US dollars, if a price is known.
    pub cost_usd: Option<f64>,
}

/// Times that runs are simulated from.
pub struct TimesSource {
    times: Vec<Option<f64>>,
    facts: TimesFacts,
    price: Option<Price>,
}

impl TimesSource {
    /// Twenty times at evenly spaced quantiles of a log-normal distribution; only their spread
    /// matters.
    pub fn assumed(noise: f64) -> Self {
        /// Standard normal quantiles of 21/40, 23/40 ... 39/40, as SciPy's `norm.ppf` gives them.
        const SCORES: [f64; 10] = [0.0627, 0.1891, 0.3186, 0.4538, 0.5978, 0.7554, 0.9346, 1.1503, 1.4395, 1.96];
        let scores: Vec<f64> = SCORES.into_iter().flat_map(|score| [-score, score]).collect();
        let deviation = mean_and_deviation(&scores).1.unwrap_or(1.0);
        let times = scores.iter().map(|score| Some((noise * score / deviation).exp())).collect();
        Self { times, facts: TimesFacts { noise, ..TimesFacts::default() }, price: None }
    }

    /// The times of an entry's runs.
    pub fn measured(entry: &Entry) -> Result<Self, PowerError> {
        let (result, runs) = (&entry.result, &entry.result.derived.runs);
        let times = result.times();
        let logarithms: Vec<f64> = times.iter().flatten().map(|time| time.ln()).collect();
        let lasted: Vec<f64> = runs.iter().map(|run| run.train_seconds + run.evaluate_seconds).collect();
        let folder = visible_path(&entry.folder);
        let Some(noise) = mean_and_deviation(&logarithms).1 else { return Err(PowerError { entry: folder }) };
        let facts = TimesFacts {
            entry: Some(folder),
            variant: Some(result.variant.name.to_string()),
            hardware_class: Some(result.class()),
            runs: Some(result.derived.summary.runs),
            noise,
            seconds_per_run: mean_and_deviation(&lasted).0,
            price_usd_per_hour: result.price.as_ref().map(|price| price.usd_per_hour),
        };
        Ok(Self { times, facts, price: result.price.clone() })
    }

    /// What `runs` runs of each of two recipes take, if both take as long as the one that was
    /// measured.
    fn bill(&self, runs: u32) -> Option<Bill> {
        let machine_seconds = 2.0 * f64::from(runs) * self.facts.seconds_per_run?;
        let cost_usd = self.price.as_ref().map(|price| cost(machine_seconds, price).prorated_usd);
        Some(Bill { machine_seconds, cost_usd })
    }

    fn gain(&self, gain: f64, runs: Option<u32>) -> GainForecast {
        let needed = runs_needed(&self.times, gain, WANTED_POWER, MAX_RUNS);
        GainForecast {
            gain,
            runs_needed: needed,
            bill: needed.and_then(|needed| self.bill(needed)),
            chance: runs.map(|runs| stats::power(&self.times, gain, runs)),
        }
    }

    /// The least gain that `runs` runs show as often as wanted, found by bisection to a hundredth
    /// of a percent.
    fn least_gain(&self, runs: u32) -> Option<f64> {
        let is_enough = |gain| stats::power(&self.times, gain, runs) >= WANTED_POWER;
        let (mut too_small, mut enough) = (0.0, 0.99);
        if !is_enough(enough) {
            return None;
        }
        while enough - too_small > 1e-4 {
            let middle = f64::midpoint(too_small, enough);
            *(if is_enough(middle) { &mut enough } else { &mut too_small }) = middle;
        }
        Some(enough)
    }
}

impl PowerReport {
    /// What it takes to show `gain`, or each of a table of gains, and what `runs` runs of each
    /// recipe can show.
    pub fn new(track: &Track, source: TimesSource, gain: Option<f64>, runs: Option<u32>) -> Self {
        let gains = gain.map_or_else(|| GAINS.to_vec(), |gain| vec![gain]);
        Self {
            track: track.id.clone(),
            p_below: SIGNIFICANCE,
            wanted_chance: WANTED_POWER,
            most_runs: MAX_RUNS,
            runs_to_rank: track.runs_to_rank,
            gains: gains.into_iter().map(|gain| source.gain(gain, runs)).collect(),
            with_runs: runs.map(|runs| RunsForecast {
                runs,
                least_gain: source.least_gain(runs),
                bill: source.bill(runs),
            }),
            source: source.facts,
        }
    }
}
