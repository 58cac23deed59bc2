//! Every file of a site and its content. What the site has once is rendered before the first file is written; entries follow
//! one by one, on several threads, so that a large board never lies in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use crate::board::{Board, RankedTrack, Row};
use crate::signers::SIGNERS_FILE;
use crate::site::addresses::author_page;
use crate::site::entry_site::{self, EntrySites, Put};
use crate::site::error::SiteError;
use crate::site::feeds;
use crate::site::options::SiteOptions;
use crate::site::pages::about::AboutPage;
use crate::site::pages::author::{self, AuthorPage};
use crate::site::pages::compare::ComparePage;
use crate::site::pages::external::ExternalPage;
use crate::site::pages::index::IndexPage;
use crate::site::pages::track::TrackPage;
use crate::site::studies::{self, Study};
use crate::site::templates::{LOOK_FILES, Pages};
use crate::workers::Workers;
use hlb_core::yaml;
use hlb_protocol::run_log::LOG_CAP;

/// The page that a visit begins with.
const INDEX: &str = "index.html";

/// Hands over every file of the site: what is linked to before what links to it, so that nothing is listed whose page a build
/// that failed halfway did not write.
pub(super) fn put_all(board: &Board, once: &Once, workers: Workers, put: &Put) -> Result<(), SiteError> {
    let entries = EntrySites::new(board);
    let rows: Vec<(&RankedTrack, &Row)> = rows(board).collect();
    workers.map(&rows, |(track, row)| entries.put(track, row, put)).into_iter().collect::<Result<(), _>>()?;
    for (path, from) in &once.reports {
        put(path, &yaml::read(from, LOG_CAP)?)?;
    }
    let (index, others): (Vec<_>, Vec<_>) = once.pages.iter().partition(|(path, _)| path.as_str() == INDEX);
    others.into_iter().chain(index).try_for_each(|(path, text)| put(path, text.as_bytes()))
}

/// The paths of all files of the site.
pub(super) fn paths(board: &Board, once: &Once) -> BTreeSet<String> {
    let of_entries = rows(board).flat_map(|(_, row)| entry_site::paths(row));
    once.pages.keys().chain(once.reports.keys()).cloned().chain(of_entries).collect()
}

/// What the site has once, by its path in it.
pub(super) struct Once {
    /// What comes out of templates or is compiled in.
    pages: BTreeMap<String, String>,
    /// What belongs to reports of studies, and where it is read from.
    reports: BTreeMap<String, PathBuf>,
}

impl Once {
    pub(super) fn new(board: &Board, options: &SiteOptions, workers: Workers) -> Result<Self, SiteError> {
        let studies = options.studies.as_deref().map(studies::find).transpose()?.unwrap_or_default();
        let templates = Pages::default();
        let mut pages = rendered(board, options, &studies, workers, &templates)?;
        let reports: BTreeMap<String, PathBuf> = studies.iter().flat_map(Study::files).collect();
        pages.extend(studies.iter().map(Study::page));
        Ok(Self { pages, reports })
    }
}

fn rendered(
    board: &Board,
    options: &SiteOptions,
    studies: &[Study],
    workers: Workers,
    templates: &Pages,
) -> Result<BTreeMap<String, String>, SiteError> {
    let made = workers.map(&plans(board, options, studies), |plan| plan(templates));
    let mut found = BTreeMap::new();
    for files in made {
        found.extend(files?);
    }
    found.extend(LOOK_FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    found.extend(board.signers_text.clone().map(|text| (SIGNERS_FILE.to_owned(), text)));
    Ok(found)
}

/// How some files are made: their paths and texts.
type Plan<'a> = Box<dyn Fn(&Pages) -> Result<BTreeMap<String, String>, SiteError> + Sync + 'a>;

/// All pages but those of entries, and the feeds; what may cost most comes first.
fn plans<'a>(board: &'a Board, options: &'a SiteOptions, studies: &'a [Study]) -> Vec<Plan<'a>> {
    let of_tracks = board.tracks.iter().flat_map(|track| {
        let folder = format!("tracks/{}", track.track.id);
        let page = plan("track.html", format!("{folder}/index.html"), || Some(TrackPage::new(board, track)));
        [page, plan("compare.html", format!("{folder}/compare.html"), || ComparePage::new(board, track))]
    });
    let feeds: Plan = Box::new(|pages| feeds::files(board, options, pages));
    let once = [
        plan("index.html", INDEX.to_owned(), || Some(IndexPage::new(board, studies))),
        plan("history.html", "history.html".to_owned(), || Some(ExternalPage::new(board))),
        plan("about.html", "about.html".to_owned(), || Some(AboutPage::new(board))),
    ];
    let of_authors = author::authors(board)
        .into_iter()
        .map(|(name, rows)| plan("author.html", author_page(name), move || Some(AuthorPage::new(board, name, &rows))));
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
