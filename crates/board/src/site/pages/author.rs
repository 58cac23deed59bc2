//! Pages of authors: everything that is on the board under one name.

use std::collections::BTreeMap;

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::board::{Board, RankedTrack, Row};
use crate::site::figure::{entries, foreign, percentage};
use crate::site::pages::rows;

/// All authors in the order of their names, with their rows.
pub(crate) fn authors(board: &Board) -> BTreeMap<&str, Vec<&Row>> {
    let mut found: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in board.tracks.iter().flat_map(|track| &track.rows) {
        for author in &row.entry.result.variant.authors {
            found.entry(author.as_str()).or_default().push(row);
        }
    }
    for open in &board.unanswered {
        for author in &open.announcement.authors {
            found.entry(author.as_str()).or_default();
        }
    }
    found
}

/// The page of an author.
pub(crate) fn page(board: &Board, name: &str, rows: &[&Row]) -> Value {
    let tracks = board.tracks.iter().filter_map(|track| on_track(track, rows));
    let open = board.unanswered.iter().map(|open| &open.announcement);
    let own = open.filter(|open| open.authors.iter().any(|author| author.as_str() == name));
    context! {
        name => foreign(name),
        count => entries(rows.len()),
        tracks => tracks.collect::<Value>(),
        unanswered => Serde(own.collect::<Vec<_>>()),
    }
}

/// The author's entries on one track, if there are any.
fn on_track(RankedTrack { track, .. }: &RankedTrack, rows: &[&Row]) -> Option<Value> {
    let mut own: Vec<&Row> = rows.iter().copied().filter(|row| row.entry.result.track.as_str() == track.id).collect();
    own.dedup_by(|one, other| one.path == other.path);
    (!own.is_empty()).then(|| {
        context! {
            id => &track.id,
            title => &track.title,
            target => percentage(track.target.percent()),
            group => rows::group(None, &own, own.len()),
        }
    })
}
