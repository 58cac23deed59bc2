//! What `hlb-bench` sends to the trainer program, and how that program describes itself.
//!
//! `hlb-bench` writes one [`Job`] line to the trainer's standard input, then the bytes of the four arrays in the
//! order of [`Job::arrays`]. It keeps that pipe open; the trainer stops when it closes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::run_log::RunStart;
use hlb_core::seed::Seed;
use hlb_core::units::{DeviceKind, NumberFormat, Target};
use hlb_data::arrays::ArrayShapes;
use hlb_recipe::Recipe;

/// The argument by which the trainer is asked to describe itself.
pub const DESCRIBE: &str = "--describe";

/// The argument by which the trainer is asked to let its device work and to say how it did.
pub const EXAMINE: &str = "--examine";

/// The argument by which the trainer is told to leave GPUs alone.
pub const NO_CUDA: &str = "--no-cuda";

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
    /// Where to train; the trainer obeys or fails.
    pub device: DeviceKind,
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
    /// Why no GPU can be used on a machine that has a driver, and what to do.
    pub cuda_problem: Option<String>,
    /// The GPU that it trains on.
    #[serde(default)]
    pub gpu: Option<GpuIdentity>,
    /// The libraries that compute on it.
    #[serde(default)]
    pub cuda_versions: Option<CudaVersions>,
}

/// How a device did on work whose result is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examination {
    /// What worked.
    pub device: DeviceKind,
    /// The number format in which it trains where a recipe leaves that open.
    pub precision: NumberFormat,
    /// Tera-operations a second of products of large matrices.
    pub matmul_tera: f64,
    /// Gigabytes (10^9) a second that a copy within its memory reads and writes.
    pub copy_gigabytes: f64,
    /// Microseconds until a smallest operation is done.
    pub launch_microseconds: f64,
    /// Largest error of a convolution, a normalization and their gradients against double precision on the CPU, relative to the
    /// largest number.
    pub relative_error: f64,
    /// Whether the same work gave the same bits twice.
    pub repeats: bool,
}

/// A GPU as CUDA names it. Never recorded: NVML's record of the same GPU is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuIdentity {
    /// Product name.
    pub name: String,
    /// `GPU-` and 32 digits in groups; that of the instance where the GPU is split (MIG).
    pub uuid: String,
}

/// Versions of the libraries that compute on a GPU, as they number them themselves; `null` where one does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CudaVersions {
    /// The CUDA runtime, such as 13000 for 13.0.
    pub runtime: Option<u64>,
    /// cuDNN, such as 91900 for 9.19.0.
    pub cudnn: Option<u64>,
    /// cuBLASLt, such as 130100 for 13.1.0.
    pub cublas_lt: Option<u64>,
}
