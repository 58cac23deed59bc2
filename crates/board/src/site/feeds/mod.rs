//! The figures of the board for programs, under keys and addresses that stay.
//!
//! `docs/reference/feeds.md` documents each file and what may change. Like the pages, they are a function of the board alone.
//!
//! | file | noun |
//! |---|---|
//! | `field` | keys of an entry and their values |
//! | `entries` | `entries.json` and `entries.csv` |
//! | `history` | `history.csv`: records by track, class and date |
//! | `atom` | `feed.xml`: the same records, newest first |
//! | `badge` | `badges/TRACK.svg` |
//! | `csv` | a line of a table |

mod atom;
mod badge;
mod csv;
mod entries;
mod field;
mod history;

pub use csv::{table as csv_table, text as csv_text};

use std::collections::BTreeMap;

use crate::board::Board;
use crate::site::error::SiteError;
use crate::site::options::SiteOptions;
use crate::site::templates::Pages;

/// Every file for programs, by its path in the site.
pub(super) fn files(
    board: &Board,
    options: &SiteOptions,
    pages: &Pages,
) -> Result<BTreeMap<String, String>, SiteError> {
    let mut found = BTreeMap::from([
        ("entries.json".to_owned(), entries::json(board)),
        ("entries.csv".to_owned(), entries::csv(board)),
        ("history.csv".to_owned(), history::csv(board)),
        (atom::FILE.to_owned(), atom::feed(board, options, pages)?),
    ]);
    for track in &board.tracks {
        found.insert(badge::path(&track.track), badge::svg(track, pages)?);
    }
    Ok(found)
}
