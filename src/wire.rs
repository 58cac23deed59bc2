//! What `hlb-bench` and `hlb-bench-trainer` say to each other, and what a run log holds: one JSON object a line.
//!
//! `hlb-bench` writes one [`Job`] line to the trainer's standard input, then the bytes of the four arrays in the
//! order of [`Job::arrays`]. It keeps that pipe open: its end tells the trainer that nobody is listening any more.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::artifact::Sha256Hex;
use crate::clock::PhaseSeconds;
use crate::recipe::Recipe;
use crate::seed::Seed;
use crate::units::{Accuracy, Target};

/// Everything the trainer is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// What to train.
    pub recipe: Recipe,
    /// Accuracy to reach.
    pub target: Target,
    /// One run for each, in this order.
    pub seeds: Vec<Seed>,
    /// Seed of the warmup run.
    pub warmup_seed: Seed,
    /// End a run at its first crossing; for local use.
    pub stop_at_target: bool,
    /// Where to train.
    pub device: DeviceChoice,
    /// Threads of libtorch on the CPU.
    pub threads: u32,
    /// Shape of the arrays that follow.
    pub arrays: ArrayShapes,
}

/// Where to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DeviceChoice {
    /// CUDA where there is a GPU, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The first GPU; an error without one.
    Cuda,
}

/// Shapes of the decoded data set: images as bytes in the order image, row, column, channel; labels as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArrayShapes {
    /// Training images.
    pub train: u32,
    /// Evaluation images.
    pub evaluation: u32,
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
    /// Colour channels.
    pub channels: u32,
    /// Classes.
    pub classes: u32,
}

impl ArrayShapes {
    /// Bytes of one image.
    pub fn image_bytes(self) -> usize {
        self.height as usize * self.width as usize * self.channels as usize
    }

    /// Bytes of the four arrays in the order sent: training images and labels, evaluation images and labels.
    pub fn byte_counts(self) -> [usize; 4] {
        let (train, evaluation) = (self.train as usize, self.evaluation as usize);
        [train * self.image_bytes(), train, evaluation * self.image_bytes(), evaluation]
    }
}

/// A decoded data set in one stretch of bytes, owned or mapped from a file: training images, training labels, evaluation
/// images, evaluation labels; images in the order image, row, column, channel, labels from 0. Cloning copies nothing.
#[derive(Clone)]
pub struct Arrays {
    bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
    shapes: ArrayShapes,
}

/// Bytes that are not as many as the shapes ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{found} bytes are no such arrays, {expected} are")]
pub struct WrongLength {
    /// Found.
    pub found: usize,
    /// Expected.
    pub expected: usize,
}

impl Arrays {
    /// Takes the bytes of the four arrays, one after the other.
    pub fn new(bytes: impl AsRef<[u8]> + Send + Sync + 'static, shapes: ArrayShapes) -> Result<Self, WrongLength> {
        let (found, expected) = (bytes.as_ref().len(), shapes.byte_counts().iter().sum());
        if found == expected {
            Ok(Self { bytes: Arc::new(bytes), shapes })
        } else {
            Err(WrongLength { found, expected })
        }
    }

    /// All of it, as sent to the trainer and digested.
    pub fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// Shapes of the arrays.
    pub fn shapes(&self) -> ArrayShapes {
        self.shapes
    }

    /// Training images, training labels, evaluation images, evaluation labels.
    pub fn parts(&self) -> [&[u8]; 4] {
        let mut rest = self.bytes();
        self.shapes.byte_counts().map(|length| {
            let (part, after) = rest.split_at(length);
            rest = after;
            part
        })
    }

    /// Training images.
    pub fn train_images(&self) -> &[u8] {
        self.parts()[0]
    }

    /// Training labels.
    pub fn train_labels(&self) -> &[u8] {
        self.parts()[1]
    }

    /// Evaluation images.
    pub fn eval_images(&self) -> &[u8] {
        self.parts()[2]
    }

    /// Evaluation labels.
    pub fn eval_labels(&self) -> &[u8] {
        self.parts()[3]
    }
}

impl fmt::Debug for Arrays {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Arrays").field("shapes", &self.shapes).finish_non_exhaustive()
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
    /// The run did not come to its end; the reason is beside it.
    Interrupted,
}

impl Outcome {
    /// The word used in files and tables.
    pub fn word(self) -> &'static str {
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
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// First line of a run log. A log without a `session_stop` is that of a session that was killed.
    SessionStart(SessionStart),
    /// The trainer has loaded libtorch and received the data.
    TrainerStart(TrainerStart),
    /// The warmup run is over and everything it made is dropped.
    WarmupRun {
        /// Untimed seconds.
        seconds: f64,
    },
    /// A run begins.
    RunStart {
        /// Number of the run, from 1.
        run: u32,
        /// Its seed.
        seed: Seed,
    },
    /// A sign of life, at most one a second; shown, not logged.
    Progress {
        /// Number of the run, 0 for the warmup run.
        run: u32,
        /// Updates made so far.
        step: u64,
    },
    /// An epoch was trained and evaluated.
    Epoch(Epoch),
    /// A run ended.
    RunStop(RunStop),
    /// Last line of a run log.
    SessionStop {
        /// `completed`, or why not.
        reason: String,
    },
}

/// What a session set out to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionStart {
    /// Format of this log.
    pub schema: String,
    /// Rules it was measured by.
    pub rules_version: String,
    /// Track.
    pub track: String,
    /// Accuracy to reach.
    pub target: Target,
    /// SHA-256 of the recipe.
    pub recipe_sha256: Sha256Hex,
    /// Random text that the seeds depend on.
    pub nonce: String,
    /// Runs asked for.
    pub runs: u32,
    /// Runs end at their first crossing.
    pub stop_at_target: bool,
    /// Steps of one epoch.
    pub steps_per_epoch: u32,
    /// Epochs of the schedule.
    pub epochs: u32,
    /// Calendar time, RFC 3339, UTC.
    pub started_at: String,
    /// Seconds from process start to here: arguments, verification and decoding of the data set, machine record.
    pub dataset_seconds: f64,
}

/// What the trainer runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainerStart {
    /// `cpu` or `cuda`.
    pub device: String,
    /// Threads of libtorch on the CPU.
    pub threads: u32,
    /// Number format of weights and activations: `fp32` or `fp16`.
    pub precision: String,
    /// Version of the libtorch that is loaded.
    pub libtorch_version: String,
}

/// One epoch of one run. Seconds count from the start of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Number of the run, from 1.
    pub run: u32,
    /// Number of the epoch, from 1.
    pub epoch: u32,
    /// Updates made so far.
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
}

/// A line of a run log: an event, stamped by `hlb-bench` when it arrived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// Seconds since the session started, by the clock of `hlb-bench`.
    pub at_seconds: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}
