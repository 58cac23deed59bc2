//! The lines of a study's log: what it set out to do, then one line for each run that ended.

use serde::{Deserialize, Serialize};

use crate::plan::StudyPlan;
use hlb_core::artifact::Sha256Hex;
use hlb_core::clock::PhaseSeconds;
use hlb_core::seed::Seed;
use hlb_core::units::{Accuracy, DeviceKind, Target};
use hlb_protocol::run_log::{Epoch, Outcome, TrainingLength};

/// Format of the logs that this program writes and reads.
pub(crate) const STUDY_SCHEMA: &str = "hlb-bench/study-log/v1";

/// First line: what the study set out to do, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyStart {
    /// Format of this log.
    pub schema: String,
    /// SHA-256 of the study file.
    pub study_sha256: Sha256Hex,
    /// Track.
    pub track: String,
    /// Accuracy to reach.
    pub target: Target,
    /// What each variant trains, in the order of the study.
    pub recipes: Vec<(String, TrainingLength)>,
    /// SHA-256 over the arrays that are trained on.
    pub content_sha256: Sha256Hex,
    /// The machine and the programs.
    pub machine: MachineFacts,
    /// Calendar time, RFC 3339, UTC.
    pub started_at: String,
}

impl StudyStart {
    /// What `plan` trains, on this data and machine.
    pub(crate) fn new(plan: &StudyPlan, content_sha256: Sha256Hex, machine: MachineFacts, started_at: String) -> Self {
        Self {
            schema: STUDY_SCHEMA.to_owned(),
            study_sha256: plan.file.digest,
            track: plan.track().to_owned(),
            target: plan.task.track.target,
            recipes: plan.variants.iter().map(|variant| (variant.name.clone(), variant.length)).collect(),
            content_sha256,
            machine,
            started_at,
        }
    }
}

/// The machine and the programs, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineFacts {
    /// What trains, in a few words.
    pub hardware: String,
    /// `cpu` or `cuda`.
    pub device: DeviceKind,
    /// Threads of libtorch on the CPU.
    pub threads: u32,
    /// Version of libtorch.
    pub libtorch_version: String,
    /// SHA-256 of `hlb-bench`.
    pub program_sha256: Sha256Hex,
    /// SHA-256 of `hlb-bench-trainer`.
    pub trainer_sha256: Sha256Hex,
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// Variant.
    pub variant: String,
    /// Number of the run, from 1.
    pub run: u32,
    /// Its seed, which the runs of this number of all variants share.
    pub seed: Seed,
    /// What it trained.
    pub recipe_sha256: Sha256Hex,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where the outcome alone does not say it.
    pub reason: Option<String>,
    /// Its epochs.
    pub epochs: Vec<EpochRecord>,
    /// Where the seconds went.
    pub phases: PhaseSeconds,
    /// Calendar time at which its process was started, RFC 3339, UTC.
    pub started_at: String,
    /// Seconds from there to its end: start of the trainer, warmup run, the run. For estimates, never for figures.
    pub process_seconds: f64,
}

/// An epoch of a run. Seconds count from the start of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// Timed seconds of training so far.
    pub train_seconds: f64,
    /// Accuracy after the epoch.
    pub accuracy: Accuracy,
    /// Mean training loss per image over the epoch.
    pub loss: f64,
}

impl From<&Epoch> for EpochRecord {
    fn from(epoch: &Epoch) -> Self {
        Self { train_seconds: epoch.train_seconds, accuracy: epoch.accuracy, loss: epoch.loss }
    }
}

impl RunRecord {
    /// Whether it came to the end of its schedule.
    pub fn is_whole(&self) -> bool {
        matches!(self.outcome, Outcome::Reached | Outcome::Missed)
    }

    /// Whether it says something about its recipe; a run that was interrupted says nothing.
    pub fn counts(&self) -> bool {
        self.outcome != Outcome::Interrupted
    }

    /// Timed seconds until the target was first met; `None` for a miss.
    pub fn time_to_accuracy_seconds(&self, target: Target) -> Option<f64> {
        let first = self.epochs.iter().find(|epoch| target.is_met_by(epoch.accuracy));
        first.filter(|_| self.outcome == Outcome::Reached).map(|epoch| epoch.train_seconds)
    }

    /// Timed seconds of the whole schedule; `None` where it did not come to its end.
    pub fn train_seconds(&self) -> Option<f64> {
        self.epochs.last().filter(|_| self.is_whole()).map(|epoch| epoch.train_seconds)
    }

    /// Accuracy of the last evaluation of a run that came to the end of its schedule.
    pub fn final_accuracy(&self) -> Option<Accuracy> {
        self.epochs.last().filter(|_| self.is_whole()).map(|epoch| epoch.accuracy)
    }
}
