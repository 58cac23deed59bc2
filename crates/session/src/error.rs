//! Why a session cannot be prepared, run or recorded.

use std::io;
use std::path::PathBuf;

use hlb_core::artifact::{ArtifactError, Sha256Hex};
use hlb_data::{DatasetError, ManifestError};
use hlb_core::hint::Hint;
use hlb_machine::price::PriceError;
use hlb_recipe::RecipeError;
use hlb_protocol::run_log::{LogError, RunLogError};
use crate::child::SpawnError;
use hlb_core::text::show;
use hlb_data::track::UnknownTrack;
use hlb_recipe::variant::VariantError;
use hlb_core::yaml::{ReadError, YamlError};

/// A session that could not be run or recorded. A session that ended early is not an error: its run
/// log says why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The run log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The trainer does not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The result cannot be written as YAML.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// The variant.
    #[error(transparent)]
    Variant(#[from] VariantError),
    /// The track.
    #[error(transparent)]
    Track(#[from] UnknownTrack),
    /// The manifest of a data set of the user's own.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The price of the machine.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// A file of the session.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// No room for sessions.
    #[error("the folder {} cannot be made; name another with --sessions", .folder.display())]
    CreateFolder {
        /// Folder.
        folder: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A file of an earlier process cannot be removed.
    #[error("the session in {} cannot be resumed", .folder.display())]
    Clean {
        /// Its folder.
        folder: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// No session ended early.
    #[error("there is no unfinished session of this variant in {}; leave out --resume", .folder.display())]
    NothingToResume {
        /// Folder looked in.
        folder: PathBuf,
    },
    /// Another process resumed it first.
    #[error("the session in {} went on in another process meanwhile; try again", .folder.display())]
    TakenOver {
        /// Its folder.
        folder: PathBuf,
    },
    /// Its remaining runs would not be comparable with the finished ones.
    #[error(
        "the session in {} cannot go on: {what} is no longer the same; begin a new one without --resume",
        .folder.display()
    )]
    Changed {
        /// Its folder.
        folder: PathBuf,
        /// What changed.
        what: &'static str,
    },
    /// The reference cannot be trained on this data set.
    #[error("the track's reference does not fit this data set, so it cannot be paired; use --no-calibrate")]
    ReferenceUnfit {
        /// What does not fit.
        source: Box<RecipeError>,
    },
    /// More than a run log may have.
    #[error("{runs} runs of {epochs} epochs are more than the {most} epochs of a run log; ask for fewer with --runs")]
    TooLong {
        /// Runs.
        runs: u32,
        /// Epochs of both recipes.
        epochs: u32,
        /// Most epochs of a session.
        most: u32,
    },
    /// CUDA was asked for.
    #[error(
        "--device cuda cannot be used: {reason}; install the CUDA libraries with `make setup CUDA=1`, or use \
         --device cpu"
    )]
    NoCuda {
        /// Why not.
        reason: String,
    },
    /// A number format that only GPUs are fast in.
    #[error("`precision`: {precision} is unusably slow on the CPU; use `auto` or `fp32`, or train on a GPU")]
    SlowPrecision {
        /// Format.
        precision: &'static str,
    },
    /// The digest of this program cannot be taken.
    #[error("this program does not know its own file")]
    OwnProgram {
        /// Cause.
        source: io::Error,
    },
    /// The run log is gone.
    #[error("the run log cannot be read back")]
    ReadBack {
        /// Cause.
        source: io::Error,
    },
    /// The trainer wrote what is not a run log.
    #[error("the run log does not add up")]
    BrokenLog {
        /// What is wrong.
        source: Box<RunLogError>,
    },
    /// There is nothing to report.
    #[error("the trainer never began: {}", show(.reason))]
    NeverBegan {
        /// Why.
        reason: String,
    },
    /// The entry's variant now resolves to another recipe.
    #[error("the variant resolves to the recipe {found}, the entry was trained with {stated}")]
    OtherRecipe {
        /// Digest of the recipe.
        found: Sha256Hex,
        /// Digest of the entry's.
        stated: Sha256Hex,
    },
    /// The data set is not bit for bit the entry's.
    #[error(
        "the data set has content digest {found}, that of the entry has {stated}: the sessions would not be trained \
         on the same data; is another decoder at work than `{decoder}`?"
    )]
    OtherData {
        /// Digest of the arrays.
        found: Sha256Hex,
        /// Digest of the entry's.
        stated: Sha256Hex,
        /// The entry's decoder.
        decoder: String,
    },
}

impl Hint for SessionError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Log(error) => error.hint(),
            Self::Spawn(error) => error.hint(),
            Self::Read(error) => error.hint(),
            Self::Yaml(error) => error.hint(),
            Self::Variant(error) => error.hint(),
            Self::Manifest(error) => error.hint(),
            Self::Dataset(error) => error.hint(),
            Self::Price(error) => error.hint(),
            Self::Artifact(error) => error.hint(),
            Self::NeverBegan { .. } => {
                Some("see whether `hlb-bench hardware` finds it in order; if not, rebuild with `make build`".to_owned())
            }
            _ => None,
        }
    }
}
