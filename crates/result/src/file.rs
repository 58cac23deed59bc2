//! The result file: what it says, key by key. Its bytes are canonical, so one result has one text.

use serde::{Deserialize, Serialize};

use crate::derive::{Derived, Warning, times};
use hlb_core::artifact::Sha256Hex;
use hlb_core::seed::Nonce;
use hlb_core::text::{Id, SafeText};
use hlb_core::units::{Accuracy, DeviceKind, NumberFormat, Target};
use hlb_core::version::{Commit, LibtorchVersion, ProgramVersion};
use hlb_data::{Duplicates, Guard, Resize};
use hlb_machine::Machine;
use hlb_machine::price::{ListPrice, NoListPrice, Price, Table};
use hlb_protocol::job::CudaVersions;
use hlb_protocol::run_log::{Announced, RunLog, Shortcut, TrainerStart};

/// Format of the result files that this program writes and reads.
pub const RESULT_SCHEMA: &str = "hlb-bench/result/v1";

/// A session's result. Everything under `derived` follows from the run log and is recomputed by `verify`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultFile {
    /// [`RESULT_SCHEMA`].
    pub schema: String,
    /// Rules it was measured by.
    pub rules_version: String,
    /// Id of the track.
    pub track: Id,
    /// Accuracy to reach.
    pub target: Target,
    /// What was submitted.
    pub variant: VariantFacts,
    /// The session's circumstances.
    pub session: SessionFacts,
    /// The track's reference, where it was run in turn with the variant to calibrate it.
    pub reference: Option<ReferenceFacts>,
    /// SHA-256 of the result that this session reproduces; `null` for a session of its own.
    pub reproduces: Option<Sha256Hex>,
    /// Digest and length of the run log.
    pub log: LogFacts,
    /// What was trained on.
    pub dataset: DatasetFacts,
    /// The programs that measured.
    pub harness: HarnessFacts,
    /// The libtorch that trained.
    pub libtorch: LibtorchFacts,
    /// Hardware, drivers and settings of the machine.
    pub machine: Machine,
    /// Price of the machine on the day of the session; `null` where unknown, and cost is then unknown too.
    pub price: Option<Price>,
    /// What follows from the run log, the machine, the recipe and the price.
    pub derived: Derived,
}

impl ResultFile {
    /// Hardware class of the session, within which rows are ranked.
    pub fn class(&self) -> String {
        self.machine.class(self.session.device)
    }

    /// List price of the hardware class on the session's day, whatever the submitter paid.
    pub fn list_price(&self, prices: &Table) -> Result<ListPrice, NoListPrice> {
        prices.list_price(&self.machine, self.session.device, self.session.day().unwrap_or_default())
    }

    /// What a reader should know before trusting the row: what the run log warns of, and whether a lower bound of its times
    /// is known at all.
    pub fn warnings(&self) -> Vec<Warning> {
        let on_gpu = self.session.device == DeviceKind::Cuda;
        let unbounded = on_gpu && self.derived.effort.peak_flop_per_second.is_none();
        self.derived.warnings.iter().cloned().chain(unbounded.then_some(Warning::NoLowerBound)).collect()
    }

    /// Time-to-accuracy of each run in seconds; `None` for a run that missed the target.
    pub fn times(&self) -> Vec<Option<f64>> {
        times(&self.derived.runs)
    }

    /// Final accuracy of each run; `None` unless all have one, since a mean over the others would flatter a recipe that
    /// diverges.
    pub(crate) fn final_accuracies(&self) -> Option<Vec<Accuracy>> {
        self.derived.runs.iter().map(|run| run.final_accuracy).collect()
    }
}

/// Name of an entry's folder: the day of the session and the variant's name.
pub fn entry_name(result: &ResultFile) -> String {
    format!("{}-{}", result.session.day().unwrap_or("undated"), result.variant.name)
}

/// What was submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantFacts {
    /// Name in paths and tables.
    pub name: Id,
    /// Names of the authors, as the variant file states them.
    pub authors: Vec<SafeText<80>>,
    /// The idea in a sentence.
    pub description: SafeText<400>,
    /// Recipe that it extends.
    pub extends: String,
    /// SHA-256 of the variant file.
    pub variant_sha256: Sha256Hex,
    /// SHA-256 of the recipe it resolved to.
    pub recipe_sha256: Sha256Hex,
    /// SHA-256 of the recipe in `extends` as it was shipped at the time.
    pub base_recipe_sha256: Sha256Hex,
}

/// The recipe that calibrates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceFacts {
    /// Name of the shipped recipe.
    pub name: String,
    /// SHA-256 of the recipe.
    pub recipe_sha256: Sha256Hex,
}

/// The session's circumstances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionFacts {
    /// Random text that the seeds depend on.
    pub nonce: Nonce,
    /// The announcement that the nonce follows from; absent where the session was not announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<Announced>,
    /// Calendar time of the start, RFC 3339, UTC.
    pub started_at: String,
    /// Runs asked for of each recipe.
    pub runs: u32,
    /// Runs ended at their first crossing.
    pub stop_at_target: bool,
    /// `completed`, or why the session ended early.
    pub stop_reason: String,
    /// libtorch was asked for deterministic algorithms.
    pub deterministic: bool,
    /// `cpu` or `cuda`.
    pub device: DeviceKind,
    /// Threads of libtorch on the CPU.
    pub threads: u32,
    /// `fp32`, `tf32`, `fp16` or `bf16`.
    pub precision: NumberFormat,
    /// Tera-operations a second of products of large matrices before the runs: whether the machine is in order. Absent in older
    /// results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matmul_tera: Option<f64>,
    /// What the variant's warmup run held against the plain way to compute a step, and why what was not used was not. Absent
    /// where there is nothing else, and in older results.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortcuts: Vec<Shortcut>,
}

impl SessionFacts {
    /// What the run log states of a session; `trainer` is what trained it.
    pub fn new(log: &RunLog, trainer: &TrainerStart) -> Self {
        let start = &log.start;
        Self {
            nonce: start.nonce.clone(),
            announced: start.announced.clone(),
            started_at: start.started_at.clone(),
            runs: start.runs,
            stop_at_target: start.stop_at_target,
            stop_reason: log.stop_reason.clone().unwrap_or_default(),
            deterministic: start.deterministic,
            device: trainer.device,
            threads: trainer.threads,
            precision: trainer.precision,
            matmul_tera: trainer.matmul_tera,
            shortcuts: log.shortcuts.clone(),
        }
    }

    /// The day it began, YYYY-MM-DD; `None` where the time is too short to hold one.
    pub fn day(&self) -> Option<&str> {
        self.started_at.get(..10)
    }

    /// Whether all runs ended by themselves.
    pub fn is_complete(&self) -> bool {
        self.stop_reason == "completed"
    }
}

/// The run log that the result rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogFacts {
    /// SHA-256 of the file.
    pub sha256: Sha256Hex,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The data set that was trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetFacts {
    /// Id of the data set.
    pub id: Id,
    /// Whether it is the track's published one. Where not, its manifest is in the entry, which is never ranked.
    pub published: bool,
    /// SHA-256 of its manifest.
    pub manifest_sha256: Sha256Hex,
    /// How its images were resized; `null` where they have one size already.
    pub resize: Option<Resize>,
    /// What decoded and resized its images; `null` where nothing had to.
    pub decoder: Option<SafeText<200>>,
    /// What did not stand between the decoder of its images and the rest of the machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decoded_without: Vec<Guard>,
    /// SHA-256 over the arrays that were trained on: training images and labels, evaluation images and labels.
    pub content_sha256: Sha256Hex,
    /// Images that occur more than once.
    pub duplicates: Duplicates,
}

/// The programs that measured. The programs state these facts themselves, so they prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HarnessFacts {
    /// Version of `hlb-bench`.
    pub version: ProgramVersion,
    /// Commit of the sources, with `-dirty` if they differed from it; `null` outside a git checkout.
    pub commit: Option<Commit>,
    /// SHA-256 of `hlb-bench`.
    pub program_sha256: Sha256Hex,
    /// SHA-256 of `hlb-bench-trainer`.
    pub trainer_sha256: Sha256Hex,
}

/// The libtorch that trained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LibtorchFacts {
    /// Version with its build, such as `2.11.0+cu130`.
    pub version: LibtorchVersion,
    /// SHA-256 of the `libtorch_cpu.so` that was loaded; `null` where it could not be read.
    pub cpu_library_sha256: Option<Sha256Hex>,
    /// What computes on a GPU; absent where the processor trained, and in older results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cuda: Option<CudaFacts>,
}

/// The libraries that compute on a GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CudaFacts {
    /// SHA-256 of the `libtorch_cuda.so` that was loaded; `null` where it could not be read.
    pub library_sha256: Option<Sha256Hex>,
    /// Versions of the libraries that it calls.
    pub versions: CudaVersions,
}
