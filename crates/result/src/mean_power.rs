//! How many runs it takes to find a mean accuracy over the target. Estimates, never part of a result.

use serde::Serialize;

use crate::entry::Entry;
use hlb_core::hint::Hint;
use hlb_core::rules::{SIGNIFICANCE, WANTED_POWER};
use hlb_core::stats::{mean_power, runs_for_mean, share_over};
use hlb_core::text::visible_path;
use hlb_data::track::Track;

/// Runs that are considered: more than a session may have, so that the answer says by how far a recipe is too close.
const MOST_RUNS: u32 = 1_000_000;

/// Why no number of runs can be stated.
#[derive(Debug, thiserror::Error)]
pub enum MeanPowerError {
    /// The mean is at or under the target.
    #[error(
        "a true mean of {mean_percent} % is not over the target of {target_percent:.2} %, so no number of runs proves it"
    )]
    NotOver {
        /// The mean.
        mean_percent: f64,
        /// The target.
        target_percent: f64,
    },
    /// An entry without a deviation, or with one of 0.
    #[error("the final accuracies of {entry} do not vary or are not all known, so their deviation is unknown")]
    NoDeviation {
        /// The entry.
        entry: String,
    },
    /// Neither an entry nor published runs.
    #[error(
        "how much accuracy varies on `{track}` is unknown: there is no entry of its reference, and no published runs"
    )]
    NothingKnown {
        /// The track.
        track: String,
    },
}

impl Hint for MeanPowerError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotOver { .. } => {
                "make the recipe more accurate, such as by more epochs, and state its new mean with --mean"
            }
            Self::NoDeviation { .. } | Self::NothingKnown { .. } => {
                "name another entry with --entry, or assume a --deviation in percentage points, such as --deviation 0.15"
            }
        };
        Some(hint.to_owned())
    }
}

/// Where the deviation of the accuracy from run to run is from. Programs read its JSON.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeviationSource {
    /// The user said so.
    Assumed,
    /// Observed in the runs of an entry or a session.
    Observed {
        /// The entry or session.
        entry: String,
        /// Its runs.
        runs: u32,
    },
    /// Published runs, as the track says.
    Published,
}

/// How much the final accuracy varies from run to run.
#[derive(Debug, Serialize)]
pub struct Deviation {
    /// Standard deviation in percentage points.
    pub points: f64,
    /// Where it is from.
    pub source: DeviationSource,
}

impl Deviation {
    /// The deviation of an entry's runs.
    pub fn observed(entry: &Entry) -> Result<Self, MeanPowerError> {
        let (summary, folder) = (&entry.result.derived.summary, visible_path(&entry.folder));
        match summary.final_accuracy_deviation_points {
            Some(points) if points > 0.0 => {
                Ok(Self { points, source: DeviationSource::Observed { entry: folder, runs: summary.runs } })
            }
            _ => Err(MeanPowerError::NoDeviation { entry: folder }),
        }
    }

    /// That of published runs on the track, if it has any.
    pub fn published(track: &Track) -> Result<Self, MeanPowerError> {
        let nothing = || MeanPowerError::NothingKnown { track: track.id.clone() };
        let points = track.published_deviation_points.ok_or_else(nothing)?;
        Ok(Self { points, source: DeviationSource::Published })
    }
}

/// What it takes to find a mean accuracy over a track's target. Programs read its JSON.
#[derive(Debug, Serialize)]
pub struct MeanPowerReport {
    /// Id of the track.
    pub track: String,
    /// Accuracy that the mean has to be over.
    pub target_percent: f64,
    /// The true mean of the recipe.
    pub mean_percent: f64,
    /// How much accuracy varies.
    pub deviation: Deviation,
    /// Level of the one-sided test.
    p_below: f64,
    /// How often the mean should be found over the target, 0 to 1.
    wanted_chance: f64,
    /// The most runs that are considered.
    pub most_runs: u32,
    /// Runs that the track asks for before a row can be ranked.
    pub runs_to_rank: u32,
    /// Runs that find it as often as wanted; `null` where not even `most_runs` are enough.
    pub runs_needed: Option<u32>,
    /// Share of the runs that end over the target, 0 to 1: a rank requires most of them to reach it.
    pub share_over_target: f64,
    /// What the runs that the user named can show.
    pub with_runs: Option<MeanChance>,
}

/// The chance that a number of runs finds the mean over the target.
#[derive(Debug, Serialize)]
pub struct MeanChance {
    /// The runs.
    pub runs: u32,
    /// 0 to 1.
    pub chance: f64,
}

impl MeanPowerReport {
    /// What it takes to find a true mean of `mean_percent` over the track's target, and how often `runs` runs do.
    pub fn new(
        track: &Track,
        mean_percent: f64,
        deviation: Deviation,
        runs: Option<u32>,
    ) -> Result<Self, MeanPowerError> {
        let target_percent = track.target.percent();
        if mean_percent <= target_percent {
            return Err(MeanPowerError::NotOver { mean_percent, target_percent });
        }
        let effect = (mean_percent - target_percent) / deviation.points;
        Ok(Self {
            track: track.id.clone(),
            target_percent,
            mean_percent,
            deviation,
            p_below: SIGNIFICANCE,
            wanted_chance: WANTED_POWER,
            most_runs: MOST_RUNS,
            runs_to_rank: track.runs_to_rank,
            runs_needed: runs_for_mean(effect, WANTED_POWER, MOST_RUNS),
            share_over_target: share_over(effect),
            with_runs: runs.map(|runs| MeanChance { runs, chance: mean_power(effect, runs) }),
        })
    }
}
