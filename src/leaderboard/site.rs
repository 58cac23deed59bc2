//! Writes the board as pages: plain HTML and one style sheet, readable from a disk, without network or scripts.
//!
//! The pages are a function of the board alone: no clock, no path of this machine, no order but the board's. What is there
//! once is rendered before the first file is written; entries follow one by one, on several threads, so that a large board
//! never lies in memory. Only files that an earlier build wrote are ever removed.
//!
//! | file | noun |
//! |---|---|
//! | `folder` | the folder that the site lives in |
//! | `stamp` | what tells that a file of it was not touched |
//! | `differences` | what parts a site from what it should be |
//! | `entry_site`, `copies` | an entry's page, and its files beside it |
//! | `page` | templates, and how a page comes out of one |
//! | `index_view`, `entry_view` | what the two templates are told |
//! | `calibration_view`, `telemetry_view`, `effort_view`, `cost_view`, `reproduction_view`, `dataset_view`, `machine_view` | what single sections of an entry's page are told |
//! | `entry_figures` | figures that both kinds of page show |
//! | `chart` | curves, scales and ticks as coordinates |
//! | `sensor_chart` | readings of sensors as coordinates |
//! | `figure` | numbers as words, unknown ones included |

mod calibration_view;
mod chart;
mod copies;
mod cost_view;
mod dataset_view;
mod differences;
mod effort_view;
mod entry_figures;
mod entry_site;
mod entry_view;
mod figure;
mod folder;
mod index_view;
mod machine_view;
mod page;
mod reproduction_view;
mod sensor_chart;
mod stamp;
mod telemetry_view;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use crate::artifact::ArtifactError;
use crate::leaderboard::board::{Board, RankedTrack, Row};
use crate::leaderboard::{SIGNERS_FILE, Workers};
use crate::result::RunLogError;
use crate::text::show;
use crate::yaml::ReadError;

pub(crate) use chart::{Scale, Tick};
pub(crate) use figure::{human_interval, percentage, ratio, scaled};
pub(crate) use page::Pages;

pub use differences::{Differences, compare};
pub(super) use stamp::{Stamp, Stamps};

use copies::{entry_files, reproduction_folder};
use entry_site::EntrySites;
use folder::SiteFolder;
use index_view::IndexPage;

/// Why there is no site, or an old one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// The folder holds somebody's files.
    #[error("`{path}` is not empty and holds no `{marker}`, so it is not a site that this program wrote", path = show(&path.to_string_lossy()), marker = folder::MARKER)]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
    /// The folder cannot be made, listed or tidied.
    #[error("cannot {step} `{path}`", path = show(&path.to_string_lossy()))]
    Folder {
        /// What was tried, as a verb that the path follows.
        step: &'static str,
        /// The file or folder it was tried on.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the site cannot be written.
    #[error(transparent)]
    Write(#[from] ArtifactError),
    /// A file of an entry cannot be read again.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file of an entry is not the one that was verified.
    #[error("`{path}` has changed since it was verified", path = show(&path.to_string_lossy()))]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The run log of an entry cannot be read again: a bug, since it was verified.
    #[error("the run log in `{path}` cannot be read again", path = show(&path.to_string_lossy()))]
    RunLog {
        /// The entry's folder.
        path: PathBuf,
        /// What is wrong with it.
        source: RunLogError,
    },
    /// A path that would lead out of the site.
    #[error("`{path}` cannot be a path inside the site", path = show(path))]
    Path {
        /// The path.
        path: String,
    },
    /// A template and what it was told do not fit: a bug.
    #[error("page `{page}` cannot be rendered", page = show(page))]
    Render {
        /// The page.
        page: String,
        /// What the template engine said.
        source: Box<minijinja::Error>,
    },
}

impl SiteError {
    /// What to do next, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Foreign { .. } => Some("name an empty or new folder with `--out`".to_owned()),
            Self::Changed { .. } => Some("build the site again once nothing writes to the submissions".to_owned()),
            Self::Write(error) => error.hint(),
            Self::Read(error) => error.hint(),
            _ => None,
        }
    }
}

/// Where the files of a site go.
trait Destination: Sync {
    /// Takes a file of the site.
    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), SiteError>;
}

/// Writes the whole site into `out`, which has to be new, empty, or a site that this function wrote.
///
/// Pages of entries that are no longer on the board are removed; nothing else ever is. The files of each entry are
/// copied beside its page, and those of its reproductions, so that the links hold where only the site is published.
pub fn write(board: &Board, out: &Path) -> Result<(), SiteError> {
    write_with(board, out, Workers::all(), None).map(|_| ())
}

/// The same on so many threads. Files that bear the stamps of an earlier build are not read again; returns the new ones, or
/// none where none were given.
pub(super) fn write_with(
    board: &Board,
    out: &Path,
    workers: Workers,
    before: Option<Stamps>,
) -> Result<Stamps, SiteError> {
    let pages = rendered(board)?;
    let folder = SiteFolder::open(out, paths(board, &pages), before)?;
    put_all(board, &pages, workers, &folder)?;
    folder.close()
}

/// Hands over every file of the site.
fn put_all(
    board: &Board,
    pages: &BTreeMap<String, String>,
    workers: Workers,
    to: &impl Destination,
) -> Result<(), SiteError> {
    for (path, text) in pages {
        to.put(path, text.as_bytes())?;
    }
    let entries = EntrySites::new(board);
    let rows: Vec<(&RankedTrack, &Row)> = rows(board).collect();
    workers.map(&rows, |(track, row)| entries.put(track, row, to)).into_iter().collect()
}

/// The paths of all files of the site.
fn paths(board: &Board, pages: &BTreeMap<String, String>) -> BTreeSet<String> {
    let of_entries = rows(board).flat_map(|(_, row)| entry_site::paths(row));
    pages.keys().cloned().chain(of_entries).collect()
}

/// Everything that the site has once, by its path: what comes out of templates or is compiled in.
fn rendered(board: &Board) -> Result<BTreeMap<String, String>, SiteError> {
    let pages = Pages::new();
    let mut found: BTreeMap<String, String> =
        page::LOOK_FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    if let Some(signers) = &board.signers_text {
        found.insert(SIGNERS_FILE.to_owned(), signers.clone());
    }
    found.insert("index.html".to_owned(), pages.render("index.html", "index.html", &IndexPage::new(board))?);
    Ok(found)
}

fn rows(board: &Board) -> impl Iterator<Item = (&RankedTrack, &Row)> {
    board.tracks.iter().flat_map(|track| track.rows.iter().map(move |row| (track, row)))
}

/// The folder of an entry's page, from the site's root.
fn row_folder(row: &Row) -> String {
    format!("entries/{}", row.path)
}
