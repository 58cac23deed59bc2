//! What `hlb-bench` and `hlb-bench-trainer` say to each other, and what a run log holds: one JSON object a line.
//!
//! `hlb-bench` writes one [`Job`] line to the trainer's standard input, then the bytes of the four arrays in the
//! order of [`Job::arrays`]. It keeps that pipe open: its end tells the trainer that nobody is listening any more.

mod arrays;
mod event;

pub use arrays::{ArrayShapes, Arrays, WrongLength};
pub use event::{
    Arm, Course, Epoch, Event, LogLine, Outcome, RunStart, RunStop, SessionResume, SessionStart, TrainerStart,
};

use serde::{Deserialize, Serialize};

use crate::recipe::Recipe;
use crate::seed::Seed;
use crate::units::Target;

/// Everything the trainer is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// What to train.
    pub recipe: Recipe,
    /// What to train in turn with it, to calibrate it.
    pub reference: Option<Recipe>,
    /// Accuracy to reach.
    pub target: Target,
    /// The runs, in this order.
    pub runs: Vec<RunStart>,
    /// Seed of the warmup runs.
    pub warmup_seed: Seed,
    /// End a run at its first crossing; for local use.
    pub stop_at_target: bool,
    /// Ask libtorch for deterministic algorithms, and train one seed twice before the runs to see whether it helped.
    pub deterministic: bool,
    /// Where to train.
    pub device: DeviceChoice,
    /// Threads of libtorch on the CPU.
    pub threads: u32,
    /// Shape of the arrays that follow.
    pub arrays: ArrayShapes,
}

/// Where to train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceChoice {
    /// CUDA where there is a GPU, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The first GPU; an error without one.
    Cuda,
}

/// The log up to its last full line: what a killed process leaves may end in the middle of one.
pub fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    &bytes[..end]
}
