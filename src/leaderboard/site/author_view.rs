//! Pages of authors: everything that is on the board under one name.

use std::collections::BTreeMap;

use serde::Serialize;

use super::figure::{counted, foreign};
use super::row_view::GroupView;
use super::shell::Shell;
use crate::artifact::sha256_hex;
use crate::leaderboard::board::{Board, Row};

/// Longest readable part of an address.
const SLUG_CAP: usize = 40;

/// The page of an author.
#[derive(Debug, Serialize)]
pub(super) struct AuthorPage {
    shell: Shell,
    name: String,
    count: String,
    tracks: Vec<AuthorTrack>,
}

/// The author's entries on one track.
#[derive(Debug, Serialize)]
struct AuthorTrack {
    id: String,
    title: String,
    target: String,
    groups: Vec<GroupView>,
}

/// The page of a name, from the site's root.
///
/// A name is anything that a person may be called, an address is plain ASCII: letters and digits are kept, and the
/// beginning of the name's digest keeps apart what would fall together.
pub(super) fn author_page(name: &str) -> String {
    let lower = name.to_lowercase();
    let plain: String = lower.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let words: Vec<&str> = plain.split('-').filter(|word| !word.is_empty()).collect();
    let mut slug = words.join("-");
    slug.truncate(SLUG_CAP);
    format!("authors/{}-{}/index.html", slug.trim_end_matches('-'), &sha256_hex(name.as_bytes()).to_string()[..8])
        .replace("/-", "/")
}

/// All authors in the order of their names, with their rows.
pub(super) fn authors(board: &Board) -> BTreeMap<&str, Vec<&Row>> {
    let mut found: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in board.tracks.iter().flat_map(|track| &track.rows) {
        for author in &row.entry.result.variant.authors {
            found.entry(author.as_str()).or_default().push(row);
        }
    }
    found
}

impl AuthorPage {
    pub(super) fn new(board: &Board, name: &str, rows: &[&Row]) -> Self {
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        Self {
            shell: Shell::new(board, 2),
            name: foreign(name),
            count: counted(count, "entry", "entries"),
            tracks: board.tracks.iter().filter_map(|track| AuthorTrack::new(&track.track, rows)).collect(),
        }
    }
}

impl AuthorTrack {
    fn new(track: &crate::track::Track, rows: &[&Row]) -> Option<Self> {
        let mut own: Vec<&Row> =
            rows.iter().copied().filter(|row| row.entry.result.track.as_str() == track.id).collect();
        own.dedup_by(|one, other| one.path == other.path);
        (!own.is_empty()).then(|| Self {
            id: track.id.clone(),
            title: track.title.clone(),
            target: super::figure::percentage(track.target.percent()),
            groups: vec![GroupView::new(None, &own, own.len())],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_can_be_read_in_its_address() {
        let page = author_page("Grace Hopper");
        assert!(page.starts_with("authors/grace-hopper-") && page.ends_with("/index.html"), "{page}");
        assert_ne!(author_page("王小明"), author_page("李小红"));
    }

    proptest! {
        #[test]
        fn an_address_is_plain(name in ".{1,80}") {
            let page = author_page(&name);
            let folder = page.strip_prefix("authors/").and_then(|rest| rest.strip_suffix("/index.html"));
            let folder = folder.expect("a folder and a page");
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            prop_assert!(folder.bytes().all(plain) && !folder.starts_with('-') && folder.len() >= 8, "{page}");
        }
    }
}
