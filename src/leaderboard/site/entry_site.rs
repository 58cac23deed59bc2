//! What the site has of one entry: its page, and its files beside it.

use super::copies;
use super::entry_view::EntryPage;
use super::page::Pages;
use super::shell::Shell;
use super::{Put, SiteError, row_folder};
use crate::leaderboard::board::{Board, RankedTrack, Row};
use crate::price::Table;

/// Folders between a page and the site's root: `entries/TRACK/NAME`.
const DEPTH: usize = 3;

/// The paths of an entry's files in the site.
pub(super) fn paths(row: &Row) -> impl Iterator<Item = String> {
    copies::of_row(row).into_iter().map(|copy| copy.path).chain([page_path(row)])
}

fn page_path(row: &Row) -> String {
    format!("{}/index.html", row_folder(row))
}

/// What the pages of all entries have in common.
pub(super) struct EntrySites {
    pages: Pages,
    prices: Table,
    shell: Shell,
}

impl EntrySites {
    pub(super) fn new(board: &Board) -> Self {
        Self { pages: Pages::new(), prices: Table::shipped(), shell: Shell::new(board, DEPTH) }
    }

    /// Hands over an entry's files and its page.
    pub(super) fn put(&self, track: &RankedTrack, row: &Row, put: &Put) -> Result<(), SiteError> {
        for copy in copies::of_row(row) {
            put(&copy.path, &copy.bytes()?)?;
        }
        let path = page_path(row);
        let page = self.pages.render("entry.html", &path, &self.view(track, row))?;
        put(&path, page.as_bytes())
    }

    fn view(&self, track: &RankedTrack, row: &Row) -> EntryPage {
        EntryPage::new(self.shell.clone(), track, row, &self.prices)
    }
}
