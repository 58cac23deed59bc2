//! Why a session cannot be prepared, run or recorded.

use std::io;
use std::path::PathBuf;

use crate::child::SpawnError;
use crate::environment::EnvironmentError;
use hlb_core::artifact::{ArtifactError, Sha256Hex};
use hlb_core::bounded::ReadError;
use hlb_core::hint::Hint;
use hlb_core::text::{TextError, show, show_path};
use hlb_core::yaml::YamlError;
use hlb_data::track::UnknownTrack;
use hlb_data::{DatasetError, ManifestError};
use hlb_machine::price::PriceError;
use hlb_protocol::run_log::{LogError, RunLogError};
use hlb_recipe::RecipeError;
use hlb_recipe::variant::VariantError;
use hlb_result::Fault;

/// A session that could not be run or recorded. A session that ended early is not an error: its run
/// log says why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum SessionError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Yaml(#[from] YamlError),
    #[error(transparent)]
    Variant(#[from] VariantError),
    #[error(transparent)]
    Track(#[from] UnknownTrack),
    /// The manifest of a data set of the user's own.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Price(#[from] PriceError),
    /// The version or commit of this program is not of the form that a result states.
    #[error(transparent)]
    Text(#[from] TextError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error("the folder {} cannot be made; name another with --sessions", show_path(.folder))]
    CreateFolder { folder: PathBuf, source: io::Error },
    /// One session answers one announcement.
    #[error("the session that answers this announcement was begun in {}; go on with it by --resume", show_path(.folder))]
    AnsweredBefore { folder: PathBuf },
    /// A file of an earlier process cannot be removed.
    #[error("the session in {} cannot be resumed", show_path(.folder))]
    Clean { folder: PathBuf, source: io::Error },
    /// The disk did not take the first line of its log; there was nothing to go on with.
    #[error("the session could not begin, and its folder {} was removed", show_path(.folder))]
    NotBegun { folder: PathBuf, source: LogError },
    /// The runs are in its log, but it has no result.
    #[error(
        "the runs of the session in {} are kept, but not its result; the same command with `--resume` writes it, and \
         trains no run again that ended",
        show_path(.folder)
    )]
    Unrecorded { folder: PathBuf, source: Box<Self> },
    #[error("there is no unfinished session of this variant in {}; leave out --resume", show_path(.folder))]
    NothingToResume { folder: PathBuf },
    #[error("the session in {} went on in another process meanwhile; try again", show_path(.folder))]
    TakenOver { folder: PathBuf },
    /// Its remaining runs would not be comparable with the finished ones.
    #[error(
        "the session in {} cannot go on: {what} is no longer the same; begin a new one without --resume",
        show_path(.folder)
    )]
    Changed { folder: PathBuf, what: &'static str },
    /// The reference cannot be trained on this data set.
    #[error("the track's reference does not fit this data set, so it cannot be paired; use --no-calibrate")]
    ReferenceUnfit { source: Box<RecipeError> },
    #[error("{runs} runs of {epochs} epochs are more than the {most} epochs of a run log; ask for fewer with --runs")]
    TooLong { runs: u32, epochs: u32, most: u32 },
    /// The verifier of its result would refuse the same.
    #[error("a session that nobody could verify is not begun: {problem}")]
    OutOfRange { problem: String },
    /// The verifier of its result would refuse the machine or the programs.
    #[error("a session that nobody could verify is not begun: {0}")]
    Equipment(Box<Fault>),
    #[error("the session in {} was resumed {most} times, which is the most; begin a new one", show_path(.folder))]
    ResumedTooOften { folder: PathBuf, most: usize },
    #[error("--device cuda cannot be used: {}", show(reason))]
    NoCuda { reason: String },
    /// A machine with a GPU, which the user expects to be measured.
    #[error("this machine has a GPU, but training cannot use it: {}", show(reason))]
    UnusableGpu { reason: String },
    /// The sensors would be those of another GPU than the one that trains.
    #[error(
        "it is not clear which GPU trains: {}; name it in CUDA_VISIBLE_DEVICES by its UUID (`nvidia-smi -L`)",
        show(problem)
    )]
    OtherGpu { problem: String },
    /// A number format of GPUs.
    #[error("`precision`: {precision} is not for the CPU; use `auto` or `fp32`, or train on a GPU")]
    OnlyOnGpu { precision: &'static str },
    /// A number format of newer processors.
    #[error(
        "`precision`: this CPU does not multiply bf16 (AVX512_BF16 or AMX); use `auto` or `fp32`, or train on a GPU"
    )]
    NoBfloat16,
    /// The thread that asked the trainer about its libtorch panicked.
    #[error("the digest of libtorch could not be taken")]
    LibtorchDigest,
    #[error("this program does not know its own file")]
    OwnProgram { source: io::Error },
    #[error("the run log cannot be read back")]
    ReadBack { source: io::Error },
    /// The trainer wrote what is not a run log.
    #[error("the run log does not add up")]
    BrokenLog { source: Box<RunLogError> },
    #[error("the trainer never began: {}", show(.reason))]
    NeverBegan { reason: String },
    #[error("the variant resolves to the recipe {found}, the entry was trained with {stated}")]
    OtherRecipe { found: Sha256Hex, stated: Sha256Hex },
    /// The data set is not bit for bit the entry's.
    #[error(
        "the data set has content digest {found}, that of the entry has {stated}: the sessions would not be trained \
         on the same data; is another decoder at work than `{decoder}`?"
    )]
    OtherData { found: Sha256Hex, stated: Sha256Hex, decoder: String },
    #[error("this session repeats another entry; reproduce that one")]
    IsReproduction,
    #[error(
        "the entry's runs ended at their first crossing, so its final accuracies are unknown; there is nothing to \
         agree with"
    )]
    StoppedAtTarget,
    #[error("the entry's session ended early: {}; there is nothing to agree with", show(.reason))]
    EndedEarly { reason: String },
    #[error("the entry has a single run, which nothing can agree with; at least two are needed")]
    SingleRun,
}

impl Hint for SessionError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Log(error) => error.hint(),
            Self::Environment(error) => error.hint(),
            Self::Spawn(error) => error.hint(),
            Self::Read(error) => error.hint(),
            Self::Yaml(error) => error.hint(),
            Self::Variant(error) => error.hint(),
            Self::Manifest(error) => error.hint(),
            Self::Dataset(error) => error.hint(),
            Self::Price(error) => error.hint(),
            Self::Artifact(error) => error.hint(),
            Self::Unrecorded { source, .. } => source.hint(),
            Self::NotBegun { .. } => Some("make room for it on the disk, then begin it again".to_owned()),
            Self::NothingToResume { .. } => Some(
                "a session that was filed is among the submissions: `hlb-bench leaderboard` makes its page".to_owned(),
            ),
            Self::NoCuda { .. } | Self::UnusableGpu { .. } => {
                Some("`--device cpu` measures the CPU of this machine instead".to_owned())
            }
            Self::NeverBegan { .. } => {
                Some("see whether `hlb-bench hardware` finds it in order; if not, rebuild with `make build`".to_owned())
            }
            _ => None,
        }
    }
}
