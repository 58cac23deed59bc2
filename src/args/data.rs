//! Arguments of `data`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::args::session::OwnDataset;
use hlb_data::Place;

/// What to do with data sets.
#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// List the data sets, where they are, and what is preprocessed
    List {
        /// Print one JSON object for each data set
        #[arg(long)]
        json: bool,
    },
    /// Download a data set, or take it from what is already there, and verify it
    Fetch(Fetch),
    /// Verify every byte of a data set, and name each file that is missing, extra, altered or
    /// mislabeled
    Verify {
        #[command(flatten)]
        dataset: DatasetChoice,
        /// Folder that holds its files
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Decode and resize what a track trains on, and print its content digest; sessions do it by
    /// themselves
    Prepare {
        /// Track
        track: String,
        #[command(flatten)]
        own: OwnDataset,
        /// Folder that holds its files
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Remove preprocessed arrays and broken downloads; both can be made again
    Prune {
        /// Data set [default: all]
        id: Option<String>,
    },
}

/// Which data set.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct DatasetChoice {
    /// Data set
    pub(crate) id: Option<String>,
    /// Manifest of a data set of your own
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
}

/// Arguments of `data fetch`.
#[derive(Debug, Args)]
pub(crate) struct Fetch {
    #[command(flatten)]
    pub(crate) dataset: DatasetChoice,
    /// Where it is: an archive, a folder that holds the archive or its unpacked files, or an
    /// address; give several to have them tried in turn [default: the publisher's address]
    #[arg(long, value_name = "FILE|DIR|URL")]
    pub(crate) from: Vec<Place>,
    /// Accept an archive although no second source confirms its digest
    #[arg(long)]
    pub(crate) accept_unconfirmed: bool,
}
