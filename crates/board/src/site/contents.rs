//! Every file of a site and its content. What the site has once is rendered before the first file is written; entries follow
//! one by one, on several threads, so that a large board never lies in memory.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::STATES_FILE;
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
use hlb_core::text::{show, show_path};
use hlb_machine::price::Table;

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
    let (index, others): (Vec<_>, Vec<_>) = once.pages.iter().partition(|(path, _)| path.as_str() == INDEX);
    others.into_iter().chain(index).try_for_each(|(path, text)| put(path, text.as_bytes()))
}

/// The paths of all files of the site; an error if two are one.
pub(super) fn paths(board: &Board, once: &Once) -> Result<BTreeSet<String>, SiteError> {
    let mut claims = once.claims.clone();
    for (_, row) in rows(board) {
        claims.add(entry_page(row), &format!("the page of entry `{}`", show(&row.path)))?;
        copies::of_row(row)
            .into_iter()
            .try_for_each(|copy| claims.add(copy.path, &format!("a copy of `{}`", show_path(&copy.from))))?;
    }
    Ok(claims.0.into_keys().collect())
}

/// What each file of the site is, by its path.
#[derive(Debug, Clone, Default)]
struct Claims(BTreeMap<String, String>);

impl Claims {
    fn add(&mut self, path: String, what: &str) -> Result<(), SiteError> {
        match self.0.insert(path.clone(), what.to_owned()) {
            None => Ok(()),
            Some(one) => Err(SiteError::Twice { path, one, other: what.to_owned() }),
        }
    }
}

fn rows(board: &Board) -> impl Iterator<Item = (&RankedTrack, &Row)> {
    board.tracks.iter().flat_map(|track| track.rows.iter().map(move |row| (track, row)))
}

/// What the site has once, by its path in it.
pub(super) struct Once {
    templates: Pages,
    claims: Claims,
    /// What comes out of templates or is compiled in.
    pages: BTreeMap<String, String>,
}

impl Once {
    pub(super) fn new(board: &Board, options: &SiteOptions, workers: Workers) -> Result<Self, SiteError> {
        let studies = options.studies.as_ref().map(studies::find).transpose()?.unwrap_or_default();
        let templates = Pages::of_board(board);
        let (mut claims, mut pages) = (Claims::default(), BTreeMap::new());
        let mut add = |what: &str, path: String, text: String| {
            claims.add(path.clone(), what)?;
            pages.insert(path, text);
            Ok::<_, SiteError>(())
        };
        let plans = plans(board, options, &studies);
        for (plan, files) in plans.iter().zip(workers.map(&plans, |plan| (plan.make)(&templates))) {
            files?.into_iter().try_for_each(|(path, text)| add(&plan.what, path, text))?;
        }
        LOOK_FILES
            .iter()
            .try_for_each(|(path, text)| add("part of every page", (*path).to_owned(), (*text).to_owned()))?;
        board
            .signers_text
            .iter()
            .try_for_each(|text| add("the list of signers", SIGNERS_FILE.to_owned(), text.clone()))?;
        board
            .states_text
            .iter()
            .try_for_each(|text| add("the chain of states", STATES_FILE.to_owned(), text.clone()))?;
        for (path, text) in studies.iter().flat_map(Study::files) {
            add("the report of a study", path, text)?;
        }
        Ok(Self { templates, claims, pages })
    }
}

/// Makes some files: their paths and texts.
type Make<'a> = dyn Fn(&Pages) -> Result<BTreeMap<String, String>, SiteError> + Sync + 'a;

/// How some files are made.
struct Plan<'a> {
    /// For messages.
    what: String,
    make: Box<Make<'a>>,
}

/// All pages but those of entries, and the feeds; what may cost most comes first.
fn plans<'a>(board: &'a Board, options: &'a SiteOptions, studies: &'a [Study]) -> Vec<Plan<'a>> {
    let of_tracks = board.tracks.iter().flat_map(|track| {
        let folder = format!("tracks/{}", track.track.id);
        let page = plan("track.html", format!("{folder}/index.html"), || Some(track::page(track)));
        [page, plan("compare.html", format!("{folder}/compare.html"), || compare::page(track))]
    });
    let feeds = Plan { what: "a feed".to_owned(), make: Box::new(|pages| feeds::files(board, options, pages)) };
    let once = [
        plan("index.html", INDEX.to_owned(), || Some(front(board, studies))),
        plan("history.html", "history.html".to_owned(), || Some(context! { boards => Serde(external::shipped()) })),
        plan("about.html", "about.html".to_owned(), || Some(about(board))),
    ];
    let of_authors = author::authors(board).into_iter().map(|(name, rows)| {
        let page = plan("author.html", author_page(name), move || Some(author::page(board, name, &rows)));
        Plan { what: format!("the page of author `{}`", show(name)), ..page }
    });
    of_tracks.chain([feeds]).chain(once).chain(of_authors).collect()
}

/// One page, if there is anything to show on it.
fn plan<'a>(template: &'static str, path: String, view: impl Fn() -> Option<Value> + Sync + 'a) -> Plan<'a> {
    let what = format!("a page made of {template}");
    let make = move |pages: &Pages| {
        let page = |view| Ok((path.clone(), pages.render(template, &path, view)?));
        view().map(page).into_iter().collect()
    };
    Plan { what, make: Box::new(make) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_with_one_address_are_both_named() {
        let mut claims = Claims::default();
        claims.add("a/index.html".to_owned(), "the page of author `Ada`").expect("the first");
        claims.add("b/index.html".to_owned(), "the page of author `Bob`").expect("another");
        let error = claims.add("a/index.html".to_owned(), "the page of author `Eve`").expect_err("taken");
        let words = "`a/index.html` would be both the page of author `Ada` and the page of author `Eve`";
        assert_eq!(error.to_string(), words);
    }
}
