//! What happens in a session, in the order in which it happens.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::determinism::Divergence;
use crate::run_log::shortcut::Shortcut;
use hlb_core::artifact::Sha256Hex;
use hlb_core::clock::PhaseSeconds;
use hlb_core::seed::{Nonce, Seed};
use hlb_core::text::SafeText;
use hlb_core::units::{Accuracy, DeviceKind, NumberFormat, Target};
use hlb_core::version::{CommitId, LibtorchVersion};
use hlb_machine::Sample;
use hlb_recipe::Length;

/// Whose recipe a run trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// The track's reference, run in turn with the variant to calibrate it.
    Reference,
    /// The recipe that the session is about.
    Variant,
}

impl fmt::Display for Arm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Reference => "reference run",
            Self::Variant => "run",
        })
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Some evaluation met the target.
    Reached,
    /// The schedule ended and no evaluation had met the target.
    Missed,
    /// The loss was no longer a finite number.
    Diverged,
    /// The run did not come to its end; the log says why.
    Interrupted,
}

impl Outcome {
    /// As in files and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Missed => "missed",
            Self::Diverged => "diverged",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What happens in a session, in the order it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// First line of a run log. A log without a `session_stop` is that of a session that was killed.
    SessionStart(SessionStart),
    /// The trainer has loaded libtorch and received the data.
    TrainerStart(TrainerStart),
    /// A warmup run is over and everything it made is dropped.
    WarmupRun(WarmupRun),
    /// One seed was trained twice before the runs, to see whether training repeats itself bit by bit.
    Repeat(Repeat),
    /// A run begins.
    RunStart(RunStart),
    /// A sign of life, at most one a second; shown, not logged.
    Progress {
        /// Number of the run, 0 for the warmup run.
        run: u32,
        /// Optimizer steps so far.
        step: u64,
    },
    /// What the sensors of the machine said.
    Telemetry(Sample),
    /// An epoch was trained and evaluated.
    Epoch(Epoch),
    /// A run ended.
    RunStop(RunStop),
    /// A session that ended early goes on in a new process.
    SessionResume(SessionResume),
    /// Last line of a run log, unless the session is resumed.
    SessionStop(SessionStop),
}

/// What a session set out to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionStart {
    /// Format of this log.
    pub schema: String,
    /// Rules it was measured by.
    pub rules_version: String,
    /// Track.
    pub track: String,
    /// Accuracy to reach.
    pub target: Target,
    /// Recipe that the session is about.
    pub recipe: TrainingLength,
    /// The track's reference, where it is run in turn with the variant.
    pub reference: Option<TrainingLength>,
    /// SHA-256 over the arrays that are trained on.
    pub content_sha256: Sha256Hex,
    /// SHA-256 of `hlb-bench`.
    pub program_sha256: Sha256Hex,
    /// SHA-256 of `hlb-bench-trainer`.
    pub trainer_sha256: Sha256Hex,
    /// Random text that the seeds depend on.
    pub nonce: Nonce,
    /// Runs of each recipe.
    pub runs: u32,
    /// Runs end at their first crossing.
    pub stop_at_target: bool,
    /// libtorch was asked for deterministic algorithms.
    pub deterministic: bool,
    /// SHA-256 of the result that the session reproduces.
    pub reproduces: Option<Sha256Hex>,
    /// Calendar time, RFC 3339, UTC.
    pub started_at: String,
    /// Seconds from process start to here: arguments, verifying and decoding the data set, machine record.
    pub dataset_seconds: f64,
    /// Names of the environment variables that the trainer saw. Absent in older logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Vec<SafeText<64>>>,
    /// The announcement that the session answers, which the nonce then follows from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<Announced>,
}

/// An announcement, and the commit of the board that took it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announced {
    /// SHA-256 of the announcement.
    pub announcement_sha256: Sha256Hex,
    /// The commit of the board's main branch that added it.
    pub commit: CommitId,
}

impl Announced {
    /// The nonce of the session that answers it.
    pub fn nonce(&self) -> Nonce {
        Nonce::announced(self.announcement_sha256, &self.commit)
    }
}

/// A recipe and the length of its schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingLength {
    /// SHA-256 of the recipe.
    pub recipe_sha256: Sha256Hex,
    /// Epochs of the schedule.
    pub epochs: u32,
    /// Steps of one epoch.
    pub steps_per_epoch: u32,
    /// Steps of the last epoch where it is a part of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_epoch_steps: Option<u32>,
}

impl TrainingLength {
    /// The training length of a recipe with this digest.
    pub fn new(recipe_sha256: Sha256Hex, length: Length) -> Self {
        let Length { epochs, steps_per_epoch, last_epoch_steps } = length;
        Self { recipe_sha256, epochs, steps_per_epoch, last_epoch_steps }
    }

    /// Its steps, epoch by epoch.
    pub fn length(self) -> Length {
        let Self { epochs, steps_per_epoch, last_epoch_steps, .. } = self;
        Length { epochs, steps_per_epoch, last_epoch_steps }
    }
}

/// A session goes on: a new process finishes the runs that are missing. The time in between is not counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionResume {
    /// Calendar time, RFC 3339, UTC.
    pub started_at: String,
    /// Seconds from the new process's start to here.
    pub dataset_seconds: f64,
    /// Names of the environment variables that the trainer saw. Absent in older logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Vec<SafeText<64>>>,
}

/// A run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunStart {
    /// Whose recipe it trains.
    pub arm: Arm,
    /// Number of the run among those of its recipe, from 1.
    pub run: u32,
    /// Its seed.
    pub seed: Seed,
}

/// What the trainer runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainerStart {
    /// `cpu` or `cuda`.
    pub device: DeviceKind,
    /// Threads of libtorch on the CPU.
    pub threads: u32,
    /// Number format of weights and activations: `fp32`, `tf32`, `fp16` or `bf16`.
    pub precision: NumberFormat,
    /// Version of the loaded libtorch.
    pub libtorch_version: LibtorchVersion,
    /// Tera-operations a second of products of large matrices just before, which says whether the machine is in order. Absent in
    /// older logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matmul_tera: Option<f64>,
}

impl TrainerStart {
    /// Whether it is the same device, format and libtorch; the rate is measured anew by each process.
    pub fn is_like(&self, other: &Self) -> bool {
        Self { matmul_tera: None, ..self.clone() } == Self { matmul_tera: None, ..other.clone() }
    }
}

/// A warmup run is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmupRun {
    /// Whose recipe it warmed up.
    pub arm: Arm,
    /// Untimed seconds.
    pub seconds: f64,
    /// What it held against the plain way to compute a step. Absent where there is nothing else, and in older logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortcuts: Vec<Shortcut>,
}

/// What came of training one seed twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Optimizer steps compared.
    pub steps: u64,
    /// Where the two first differed; `null` if they were bit-identical to the end.
    pub parted: Option<Divergence>,
}

/// One epoch of one run. Seconds count from the start of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// Number of the run, from 1.
    pub run: u32,
    /// Number of the epoch, from 1.
    pub epoch: u32,
    /// Optimizer steps so far.
    pub step: u64,
    /// Mean training loss per image over the epoch.
    pub loss: f64,
    /// Accuracy after the epoch.
    pub accuracy: Accuracy,
    /// Timed seconds of training so far.
    pub train_seconds: f64,
    /// Untimed seconds of evaluation so far.
    pub evaluate_seconds: f64,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunStop {
    /// Number of the run, from 1.
    pub run: u32,
    /// Outcome.
    pub outcome: Outcome,
    /// Why, where the outcome alone does not say it.
    pub reason: Option<String>,
    /// Where the seconds went.
    pub phases: PhaseSeconds,
    /// Seconds from the start of the run to its end, by the trainer's clock.
    pub wall_seconds: f64,
    /// Seconds since the session's start by the C library's clock in `hlb-bench`, which sets it. Absent in older logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library_clock_seconds: Option<f64>,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionStop {
    /// `completed`, or why not.
    pub reason: String,
}
