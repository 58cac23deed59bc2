//! Arguments of `import` and `export`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use hlb_core::rules::MAX_RUNS;

/// What to import.
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// A checkout of DAWNBench's entries; prints YAML, and what is odd about each entry
    Dawnbench {
        /// Top folder of the checkout
        folder: PathBuf,
        /// Which training entries: CIFAR10, ImageNet, or a track whose runs were exported
        #[arg(long, value_name = "TASK", default_value = "CIFAR10")]
        task: String,
        /// Write the YAML to this file instead
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// In what format
    pub(crate) format: ExportFormat,
    /// Folder of an entry, or of a session that `run` kept
    pub(crate) entry: PathBuf,
    /// The run, where the format takes one [default: the median run]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_RUNS)))]
    pub(crate) run: Option<u32>,
    /// Where to: a file for mllog, csv and json [default: standard output], a folder for dawnbench
    /// and tensorboard [default: exports]
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// Keys that may sign, in OpenSSH's format [default: `allowed_signers` of the entry's
    /// submissions folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) signers: Option<PathBuf>,
}

/// Formats to export to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    /// One run as the pair of files of a DAWNBench entry
    Dawnbench,
    /// One run as a log in the format of MLPerf; not an MLPerf result
    Mllog,
    /// All evaluations of all runs as comma-separated values
    Csv,
    /// The result and the curves of all runs as one JSON object
    Json,
    /// The curves of all runs as event files of TensorBoard, a folder for each run
    Tensorboard,
}
