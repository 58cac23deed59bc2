//! What `hlb-bench` sends to the trainer program, and how that program describes itself.
//!
//! `hlb-bench` writes one [`Job`] line to the trainer's standard input, then the bytes of the four arrays in the
//! order of [`Job::arrays`]. It keeps that pipe open; the trainer stops when it closes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::run_log::RunStart;
use hlb_core::seed::Seed;
use hlb_core::units::Target;
use hlb_data::arrays::ArrayShapes;
use hlb_recipe::Recipe;

/// Everything the trainer needs.
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

impl DeviceChoice {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Cpu, Self::Cuda];

    /// The name in commands and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// How the trainer program describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainerInfo {
    /// File of the libtorch that it loads.
    pub libtorch_file: Option<PathBuf>,
    /// Version of that libtorch.
    pub libtorch_version: String,
    /// Whether it sees a CUDA device.
    pub cuda: bool,
    /// Why CUDA could not be loaded on a machine that has a driver.
    pub cuda_problem: Option<String>,
}
