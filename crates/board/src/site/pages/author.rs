//! Pages of authors: everything that is on the board under one name.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::board::{Board, Row};
use crate::site::figure::{counted, foreign, percentage};
use crate::site::pages::rows::GroupView;
use crate::site::shell::Shell;
use hlb_data::track::Track;

/// The page of an author.
#[derive(Debug, Serialize)]
pub(crate) struct AuthorPage<'a> {
    shell: Shell,
    name: String,
    count: String,
    tracks: Vec<AuthorTrack<'a>>,
}

/// The author's entries on one track.
#[derive(Debug, Serialize)]
struct AuthorTrack<'a> {
    id: &'a str,
    title: &'a str,
    target: String,
    groups: Vec<GroupView<'a>>,
}

/// All authors in the order of their names, with their rows.
pub(crate) fn authors(board: &Board) -> BTreeMap<&str, Vec<&Row>> {
    let mut found: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in board.tracks.iter().flat_map(|track| &track.rows) {
        for author in &row.entry.result.variant.authors {
            found.entry(author.as_str()).or_default().push(row);
        }
    }
    found
}

impl<'a> AuthorPage<'a> {
    pub(crate) fn new(board: &'a Board, name: &str, rows: &[&'a Row]) -> Self {
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        Self {
            shell: Shell::new(board, 2),
            name: foreign(name),
            count: counted(count, "entry", "entries"),
            tracks: board.tracks.iter().filter_map(|track| AuthorTrack::new(&track.track, rows)).collect(),
        }
    }
}

impl<'a> AuthorTrack<'a> {
    fn new(track: &'a Track, rows: &[&'a Row]) -> Option<Self> {
        let mut own: Vec<&'a Row> =
            rows.iter().copied().filter(|row| row.entry.result.track.as_str() == track.id).collect();
        own.dedup_by(|one, other| one.path == other.path);
        (!own.is_empty()).then(|| Self {
            id: &track.id,
            title: &track.title,
            target: percentage(track.target.percent()),
            groups: vec![GroupView::new(None, &own, own.len())],
        })
    }
}
