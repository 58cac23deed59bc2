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
//! | `options`, `base_url` | what a site is told beside its board; the address that it is published under |
//! | `feeds` | what programs read of the board |
//! | `index_view`, `track_view`, `entry_view`, `compare_view`, `author_view` | what each template is told |
//! | `shell`, `track_facts`, `row_view` | what several of them show |
//! | `studies` | reports that the site hands on |
//! | `calibration_view`, `telemetry_view`, `effort_view`, `cost_view`, `reproduction_view`, `dataset_view`, `machine_view` | what single sections of an entry's page are told |
//! | `entry_figures` | figures that both kinds of page show |
//! | `class_colours` | one colour for each hardware class |
//! | `plot` | frames, scales, ticks and lines, for all drawings |
//! | `run_chart`, `race_chart`, `pareto_chart`, `record_chart`, `spread_chart`, `sensor_chart` | what they draw |
//! | `figure` | numbers as words, unknown ones included |

mod about_view;
mod author_view;
mod base_url;
mod calibration_view;
mod class_colours;
mod compare_view;
mod copies;
mod cost_view;
mod dataset_view;
mod differences;
mod effort_view;
mod entry_figures;
mod entry_site;
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
mod stamp;
mod studies;
mod telemetry_view;
mod track_facts;
mod track_view;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::artifact::{ArtifactError, Sha256Hex};
use crate::hint::Hint;
use crate::leaderboard::board::{Board, RankedTrack, Row};
use crate::leaderboard::{SIGNERS_FILE, Workers};
use crate::result::LOG_CAP;
use crate::text::show;
use crate::yaml::{self, ReadError};

pub use base_url::{BaseUrl, BaseUrlError};
pub use feeds::linked_data;
pub(crate) use figure::{human_interval, percentage, ratio, scaled};
pub use options::SiteOptions;
pub(crate) use page::Pages;

pub use differences::{Differences, compare};
pub(super) use stamp::{Stamp, Stamps};

use about_view::AboutPage;
use author_view::AuthorPage;
use compare_view::ComparePage;
use copies::reproduction_folder;
use entry_site::EntrySites;
use feeds::crawler;
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
    /// The page of a study may hold anything.
    #[error("`{path}` does not begin as the page of a study does, so it may hold a script", path = show(&path.to_string_lossy()))]
    Study {
        /// The page.
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

impl Hint for SiteError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Foreign { .. } => Some("name an empty or new folder with `--out`".to_owned()),
            Self::Study { .. } => Some(
                "write it again with `hlb-bench study FILE --out FOLDER --report-only`, or remove its folder"
                    .to_owned(),
            ),
            Self::Changed { .. } => Some("build the site again once nothing writes to the submissions".to_owned()),
            Self::Write(error) => error.hint(),
            Self::Read(error) => error.hint(),
            _ => None,
        }
    }
}

/// The page that a visit begins with.
const INDEX: &str = "index.html";

/// Where the files of a site go.
trait Destination: Sync {
    /// Takes a file of the site; `sha256` is the digest of its bytes, where somebody has computed it already.
    fn put(&self, path: &str, bytes: &[u8], sha256: Option<Sha256Hex>) -> Result<(), SiteError>;
}

/// Writes the whole site into `out`, which has to be new, empty, or a site that this function wrote.
///
/// Pages of entries that are no longer on the board are removed; nothing else ever is. The files of each entry are
/// copied beside its page, and those of its reproductions, so that the links hold where only the site is published.
pub fn write(board: &Board, out: &Path) -> Result<(), SiteError> {
    write_with(board, out, &SiteOptions::default())
}

/// [`write()`], for a site that is told more than its board.
pub fn write_with(board: &Board, out: &Path, options: &SiteOptions) -> Result<(), SiteError> {
    write_on(board, out, options, Workers::all(), None).map(|_| ())
}

/// The same on so many threads. Files that bear the stamps of an earlier build are not read again; returns the new ones, or
/// none where none were given.
pub(super) fn write_on(
    board: &Board,
    out: &Path,
    options: &SiteOptions,
    workers: Workers,
    before: Option<Stamps>,
) -> Result<Stamps, SiteError> {
    let once = Once::new(board, options, workers)?;
    let folder = SiteFolder::open(out, paths(board, &once), before)?;
    put_all(board, &once, workers, &folder)?;
    folder.close()
}

/// Hands over every file of the site: what is linked to before what links to it, so that nothing is listed whose page a build
/// that failed halfway did not write.
fn put_all(board: &Board, once: &Once, workers: Workers, to: &impl Destination) -> Result<(), SiteError> {
    let entries = EntrySites::new(board);
    let rows: Vec<(&RankedTrack, &Row)> = rows(board).collect();
    workers.map(&rows, |(track, row)| entries.put(track, row, to)).into_iter().collect::<Result<(), _>>()?;
    for (path, from) in &once.reports {
        to.put(path, &yaml::read(from, LOG_CAP)?, None)?;
    }
    let (index, others): (Vec<_>, Vec<_>) = once.pages.iter().partition(|(path, _)| path.as_str() == INDEX);
    others.into_iter().chain(index).try_for_each(|(path, text)| to.put(path, text.as_bytes(), None))
}

/// The paths of all files of the site.
fn paths(board: &Board, once: &Once) -> BTreeSet<String> {
    let of_entries = rows(board).flat_map(|(_, row)| entry_site::paths(row));
    once.pages.keys().chain(once.reports.keys()).cloned().chain(of_entries).collect()
}

/// What the site has once, by its path in it.
struct Once {
    /// What comes out of templates or is compiled in.
    pages: BTreeMap<String, String>,
    /// What belongs to reports of studies, and where it is read from.
    reports: BTreeMap<String, PathBuf>,
}

impl Once {
    fn new(board: &Board, options: &SiteOptions, workers: Workers) -> Result<Self, SiteError> {
        let studies = options.studies.as_deref().map(studies::find).transpose()?.unwrap_or_default();
        let templates = Pages::new();
        let mut pages = rendered(board, options, &studies, workers, &templates)?;
        let reports: BTreeMap<String, PathBuf> = studies.iter().flat_map(studies::Study::files).collect();
        pages.extend(studies.iter().map(studies::Study::page));
        if let Some(base_url) = &options.base_url {
            let found = crawler::files(board, pages.keys(), base_url, &templates)?;
            pages.extend(found);
        }
        Ok(Self { pages, reports })
    }
}

fn rendered(
    board: &Board,
    options: &SiteOptions,
    studies: &[studies::Study],
    workers: Workers,
    templates: &Pages,
) -> Result<BTreeMap<String, String>, SiteError> {
    let made = workers.map(&plans(board, options, studies), |plan| plan(templates));
    let mut found = BTreeMap::new();
    for files in made {
        found.extend(files?);
    }
    found.extend(page::LOOK_FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    found.extend(board.signers_text.clone().map(|text| (SIGNERS_FILE.to_owned(), text)));
    Ok(found)
}

/// How some files are made: their paths and texts.
type Plan<'a> = Box<dyn Fn(&Pages) -> Result<BTreeMap<String, String>, SiteError> + Sync + 'a>;

/// All pages but those of entries, and the feeds; what may cost most comes first.
fn plans<'a>(board: &'a Board, options: &'a SiteOptions, studies: &'a [studies::Study]) -> Vec<Plan<'a>> {
    let of_tracks = board.tracks.iter().flat_map(|track| {
        let folder = format!("tracks/{}", track.track.id);
        let page = plan("track.html", format!("{folder}/index.html"), || Some(TrackPage::new(board, track, options)));
        [page, plan("compare.html", format!("{folder}/compare.html"), || ComparePage::new(board, track))]
    });
    let feeds: Plan = Box::new(|pages| feeds::files(board, options, pages));
    let once = [
        plan("index.html", INDEX.to_owned(), || Some(IndexPage::new(board, options, studies))),
        plan("history.html", "history.html".to_owned(), || Some(HistoryPage::new(board))),
        plan("about.html", "about.html".to_owned(), || Some(AboutPage::new(board))),
    ];
    let of_authors = author_view::authors(board).into_iter().map(|(name, rows)| {
        plan("author.html", author_view::author_page(name), move || Some(AuthorPage::new(board, name, &rows)))
    });
    of_tracks.chain([feeds]).chain(once).chain(of_authors).collect()
}

/// One page, if there is anything to show on it.
fn plan<'a, View: Serialize>(
    template: &'static str,
    path: String,
    view: impl Fn() -> Option<View> + Sync + 'a,
) -> Plan<'a> {
    Box::new(move |pages| {
        let page = |view: View| Ok((path.clone(), pages.render(template, &path, &view)?));
        view().map(page).into_iter().collect()
    })
}

fn rows(board: &Board) -> impl Iterator<Item = (&RankedTrack, &Row)> {
    board.tracks.iter().flat_map(|track| track.rows.iter().map(move |row| (track, row)))
}

/// The folder of an entry's page, from the site's root.
fn row_folder(row: &Row) -> String {
    format!("entries/{}", row.path)
}
