//! Writes the board as pages: plain HTML and one style sheet, readable from a disk, without network or scripts.
//!
//! The pages are a function of the board alone: no clock, no path of this machine, no order but the board's. Every
//! page is rendered before the first file is written, and only files that an earlier build wrote are ever removed.
//!
//! | file | noun |
//! |---|---|
//! | `folder` | the folder that the site lives in |
//! | `page` | templates, and how a page comes out of one |
//! | `options`, `base_url` | what a site is told beside its board; the address that it is published under |
//! | `feeds` | what programs read of the board |
//! | `index_view`, `track_view`, `entry_view`, `compare_view`, `author_view` | what each template is told |
//! | `shell`, `track_facts`, `row_view` | what several of them show |
//! | `studies` | reports that the site hands on |
//! | `calibration_view`, `telemetry_view`, `effort_view`, `cost_view`, `reproduction_view`, `dataset_view`, `machine_view` | what single sections of an entry's page are told |
//! | `entry_figures` | figures that both kinds of page show |
//! | `plot` | frames, scales, ticks and lines, for all drawings |
//! | `run_chart`, `race_chart`, `pareto_chart`, `record_chart`, `spread_chart`, `sensor_chart` | what they draw |
//! | `figure` | numbers as words, unknown ones included |

mod about_view;
mod author_view;
mod base_url;
mod calibration_view;
mod compare_view;
mod cost_view;
mod dataset_view;
mod effort_view;
mod entry_figures;
mod entry_view;
mod feeds;
mod figure;
mod folder;
mod history_view;
mod index_view;
mod machine_view;
mod options;
mod page;
mod pareto_chart;
pub(crate) mod plot;
mod race_chart;
mod record_chart;
mod reproduction_view;
mod row_view;
mod run_chart;
mod sensor_chart;
mod shell;
mod spread_chart;
mod studies;
mod telemetry_view;
mod track_facts;
mod track_view;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::artifact::{ArtifactError, Sha256Hex, sha256_hex};
use crate::leaderboard::SIGNERS_FILE;
use crate::leaderboard::board::{Board, RankedTrack, Row};
use crate::price::Table;
use crate::result::{
    Entry, LOG_CAP, LOG_FILE, MANIFEST_FILE, RECIPE_FILE, REPRODUCTIONS_FOLDER, RESULT_FILE, Reproduction,
    SIGNATURE_FILE, VARIANT_FILE,
};
use crate::text::show;
use crate::yaml::{self, ReadError};

pub use base_url::{BaseUrl, BaseUrlError};
pub use feeds::linked_data;
pub(crate) use figure::{human_interval, percentage, ratio, scaled};
pub use options::SiteOptions;
pub(crate) use page::Pages;

use about_view::AboutPage;
use compare_view::ComparePage;
use entry_view::EntryPage;
use folder::SiteFolder;
use history_view::HistoryPage;
use index_view::IndexPage;
use track_view::TrackPage;

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

/// [`write_with`] nothing but the board.
pub fn write(board: &Board, out: &Path) -> Result<(), SiteError> {
    write_with(board, out, &SiteOptions::default())
}

/// Writes the whole site into `out`, which has to be new, empty, or a site that this function wrote.
///
/// Pages of entries that are no longer on the board are removed; nothing else ever is. The files of each entry are
/// copied beside its page, and those of its reproductions, so that the links hold where only the site is published.
pub fn write_with(board: &Board, out: &Path, options: &SiteOptions) -> Result<(), SiteError> {
    let studies = options.studies.as_deref().map(studies::find).transpose()?.unwrap_or_default();
    let pages = rendered(board, options, &studies)?;
    let mut copies = copies(board);
    let reports = studies.iter().flat_map(studies::Study::files);
    copies.extend(reports.map(|(path, from)| (path, Copy { from, sha256: None })));
    let planned = pages.keys().chain(copies.keys()).cloned().collect();
    let folder = SiteFolder::open(out, planned)?;
    for (path, copy) in &copies {
        folder.write(path, &copy.bytes()?)?;
    }

    for (path, text) in &pages {
        folder.write(path, text.as_bytes())?;
    }
    folder.close()
}

/// Everything that comes out of templates or is compiled in, by its path in the site.
fn rendered(
    board: &Board,
    options: &SiteOptions,
    studies: &[studies::Study],
) -> Result<BTreeMap<String, String>, SiteError> {
    let (pages, prices) = (Pages::new(), Table::shipped());
    let mut found: BTreeMap<String, String> =
        page::LOOK_FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    if let Some(signers) = &board.signers_text {
        found.insert(SIGNERS_FILE.to_owned(), signers.clone());
    }
    let mut site = Rendered { pages, found };
    site.add("index.html", "index.html".to_owned(), &IndexPage::new(board, options, studies))?;
    site.add("history.html", "history.html".to_owned(), &HistoryPage::new(board))?;
    site.add("about.html", "about.html".to_owned(), &AboutPage::new(board))?;
    for track in &board.tracks {
        let folder = format!("tracks/{}", track.track.id);
        site.add("track.html", format!("{folder}/index.html"), &TrackPage::new(board, track, options))?;
        if let Some(page) = ComparePage::new(board, track) {
            site.add("compare.html", format!("{folder}/compare.html"), &page)?;
        }
    }
    for (path, page) in author_view::pages(board) {
        site.add("author.html", path, &page)?;
    }
    for (track, row) in rows(board) {
        site.add("entry.html", format!("{}/index.html", row_folder(row)), &EntryPage::new(board, track, row, &prices))?;
    }
    let feeds = feeds::files(board, options, &site.pages)?;
    site.found.extend(feeds);
    Ok(site.found)
}

/// Pages as they are made.
struct Rendered {
    pages: Pages,
    found: BTreeMap<String, String>,
}

impl Rendered {
    fn add(&mut self, template: &str, path: String, view: &impl Serialize) -> Result<(), SiteError> {
        let text = self.pages.render(template, &path, view)?;
        self.found.insert(path, text);
        Ok(())
    }
}

fn rows(board: &Board) -> impl Iterator<Item = (&RankedTrack, &Row)> {
    board.tracks.iter().flat_map(|track| track.rows.iter().map(move |row| (track, row)))
}

/// The folder of an entry's page, from the site's root.
fn row_folder(row: &Row) -> String {
    format!("entries/{}", row.path)
}

/// A file of an entry, to be copied only if it is still the one that was verified.
struct Copy {
    from: PathBuf,
    sha256: Option<Sha256Hex>,
}

impl Copy {
    fn bytes(&self) -> Result<Vec<u8>, SiteError> {
        let bytes = yaml::read(&self.from, LOG_CAP)?;
        match self.sha256 {
            Some(verified) if sha256_hex(&bytes) != verified => Err(SiteError::Changed { path: self.from.clone() }),
            _ => Ok(bytes),
        }
    }
}

/// The folder of a reproduction below its entry's `reproductions`, and whether it is the name that it has in the submissions:
/// one that is not fit for paths and commands is replaced by the beginning of its result's digest.
fn reproduction_folder(again: &Reproduction) -> (String, bool) {
    let name = again.entry.folder.file_name().unwrap_or_default().to_string_lossy();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.bytes().all(plain) {
        return (name.into_owned(), true);
    }
    (again.entry.result_sha256.to_string()[..16].to_owned(), false)
}

/// The files of an entry, with the digests of those that have one. No digest of a signature is kept: whoever uses it
/// verifies it.
fn entry_files(entry: &Entry) -> impl Iterator<Item = (&'static str, Option<Sha256Hex>)> {
    let variant = &entry.result.variant;
    let files = [
        (VARIANT_FILE, Some(variant.variant_sha256)),
        (RECIPE_FILE, Some(variant.recipe_sha256)),
        (LOG_FILE, Some(entry.result.log.sha256)),
        (RESULT_FILE, Some(entry.result_sha256)),
        (SIGNATURE_FILE, None),
    ];
    let own = (MANIFEST_FILE, Some(entry.result.dataset.manifest_sha256));
    files.into_iter().chain((!entry.result.dataset.published).then_some(own))
}

/// The files of all entries and of the sessions that reproduced them, by their paths in the site.
fn copies(board: &Board) -> BTreeMap<String, Copy> {
    let mut found = BTreeMap::new();
    for (_, row) in rows(board) {
        let folder = row_folder(row);
        found.extend(copies_of(&row.entry, &folder));
        for again in &row.entry.reproductions {
            let below = format!("{folder}/{REPRODUCTIONS_FOLDER}/{}", reproduction_folder(again).0);
            found.extend(copies_of(&again.entry, &below));
        }
    }
    found
}

fn copies_of(entry: &Entry, folder: &str) -> impl Iterator<Item = (String, Copy)> {
    let copy = move |(name, sha256)| (format!("{folder}/{name}"), Copy { from: entry.folder.join(name), sha256 });
    entry_files(entry).map(copy)
}
