//! Every file of a site and its content. What the site has once is rendered before the first file is written; entries follow
//! one by one, on several threads, so that a large board never lies in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::board::{Board, RankedTrack, Row};
use crate::external;
use crate::signers::SIGNERS_FILE;
use crate::site::addresses::{author_page, entry_page};
use crate::site::copies;
use crate::site::error::SiteError;
use crate::site::feeds;
use crate::site::figure::entries;
use crate::site::options::SiteOptions;
use crate::site::pages::track::facts;
use crate::site::pages::{author, compare, entry, track};
use crate::site::studies::{self, Study};
use crate::site::templates::{LOOK_FILES, Pages};
use crate::workers::Workers;
use hlb_core::yaml;
use hlb_machine::price::Table;
use hlb_protocol::run_log::LOG_CAP;

/// The page that a visit begins with.
const INDEX: &str = "index.html";

/// Most rows of a hardware class, and most unranked rows, of a track on the front page; the page of the track has all.
const MOST_ROWS: usize = 25;

/// Takes each file of a site: its path in it, and its bytes.
pub(super) type Put<'a> = dyn Fn(&str, &[u8]) -> Result<(), SiteError> + Sync + 'a;

/// Hands over every file of the site: what is linked to before what links to it, so that nothing is listed whose page a build
/// that failed halfway did not write.
pub(super) fn put_all(board: &Board, once: &Once, workers: Workers, put: &Put) -> Result<(), SiteError> {
    let prices = Table::shipped();
    let put_entry = |(track, row): &(&RankedTrack, &Row)| {
        for copy in copies::of_row(row) {
            put(&copy.path, &copy.bytes()?)?;
        }
        let path = entry_page(row);
        let page = once.templates.render("entry.html", &path, entry::page(track, row, &prices))?;
        put(&path, page.as_bytes())
    };
    let rows: Vec<(&RankedTrack, &Row)> = rows(board).collect();
    workers.map(&rows, put_entry).into_iter().collect::<Result<(), _>>()?;
    for (path, from) in &once.reports {
        put(path, &yaml::read(from, LOG_CAP)?)?;
    }
    let (index, others): (Vec<_>, Vec<_>) = once.pages.iter().partition(|(path, _)| path.as_str() == INDEX);
    others.into_iter().chain(index).try_for_each(|(path, text)| put(path, text.as_bytes()))
}

/// The paths of all files of the site.
pub(super) fn paths(board: &Board, once: &Once) -> BTreeSet<String> {
    let of_entry = |row| copies::of_row(row).into_iter().map(|copy| copy.path).chain([entry_page(row)]);
    let of_entries = rows(board).flat_map(|(_, row)| of_entry(row));
    once.pages.keys().chain(once.reports.keys()).cloned().chain(of_entries).collect()
}

fn rows(board: &Board) -> impl Iterator<Item = (&RankedTrack, &Row)> {
    board.tracks.iter().flat_map(|track| track.rows.iter().map(move |row| (track, row)))
}

/// What the site has once, by its path in it.
pub(super) struct Once {
    templates: Pages,
    /// What comes out of templates or is compiled in.
    pages: BTreeMap<String, String>,
    /// What belongs to reports of studies, and where it is read from.
    reports: BTreeMap<String, PathBuf>,
}

impl Once {
    pub(super) fn new(board: &Board, options: &SiteOptions, workers: Workers) -> Result<Self, SiteError> {
        let studies = options.studies.as_deref().map(studies::find).transpose()?.unwrap_or_default();
        let templates = Pages::of_board(board);
        let mut pages = BTreeMap::new();
        for files in workers.map(&plans(board, options, &studies), |plan| plan(&templates)) {
            pages.extend(files?);
        }
        pages.extend(LOOK_FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        pages.extend(board.signers_text.clone().map(|text| (SIGNERS_FILE.to_owned(), text)));
        pages.extend(studies.iter().map(Study::page));
        Ok(Self { templates, pages, reports: studies.iter().flat_map(Study::files).collect() })
    }
}

/// How some files are made: their paths and texts.
type Plan<'a> = Box<dyn Fn(&Pages) -> Result<BTreeMap<String, String>, SiteError> + Sync + 'a>;

/// All pages but those of entries, and the feeds; what may cost most comes first.
fn plans<'a>(board: &'a Board, options: &'a SiteOptions, studies: &'a [Study]) -> Vec<Plan<'a>> {
    let of_tracks = board.tracks.iter().flat_map(|track| {
        let folder = format!("tracks/{}", track.track.id);
        let page = plan("track.html", format!("{folder}/index.html"), || Some(track::page(track)));
        [page, plan("compare.html", format!("{folder}/compare.html"), || compare::page(track))]
    });
    let feeds: Plan = Box::new(|pages| feeds::files(board, options, pages));
    let once = [
        plan("index.html", INDEX.to_owned(), || Some(front(board, studies))),
        plan("history.html", "history.html".to_owned(), || Some(context! { boards => Serde(external::shipped()) })),
        plan("about.html", "about.html".to_owned(), || Some(about(board))),
    ];
    let of_authors = author::authors(board)
        .into_iter()
        .map(|(name, rows)| plan("author.html", author_page(name), move || Some(author::page(board, name, &rows))));
    of_tracks.chain([feeds]).chain(once).chain(of_authors).collect()
}

/// One page, if there is anything to show on it.
fn plan<'a>(template: &'static str, path: String, view: impl Fn() -> Option<Value> + Sync + 'a) -> Plan<'a> {
    Box::new(move |pages| {
        let page = |view| Ok((path.clone(), pages.render(template, &path, view)?));
        view().map(page).into_iter().collect()
    })
}

fn front(board: &Board, studies: &[Study]) -> Value {
    context! {
        entries => entries(board.entry_count()),
        tracks => board.tracks.iter().map(|track| track::section(track, MOST_ROWS)).collect::<Value>(),
        studies => Serde(studies),
        rejected => Serde(&board.rejected),
    }
}

fn about(board: &Board) -> Value {
    context! { tracks => board.tracks.iter().map(|track| facts(&track.track)).collect::<Value>() }
}
