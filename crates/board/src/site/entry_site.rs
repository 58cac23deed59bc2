//! The files of the site for one entry: its page, and copies of its own files.

use crate::board::{Board, RankedTrack, Row};
use crate::site::addresses::entry_page;
use crate::site::copies;
use crate::site::error::SiteError;
use crate::site::pages::entry::EntryPage;
use crate::site::shell::Shell;
use crate::site::templates::Pages;
use hlb_machine::price::Table;

/// Folders between a page and the site's root: `entries/TRACK/NAME`.
const DEPTH: usize = 3;

/// Takes each file of a site: its path in it, and its bytes.
pub(crate) type Put<'a> = dyn Fn(&str, &[u8]) -> Result<(), SiteError> + Sync + 'a;

/// The paths of an entry's files in the site.
pub(super) fn paths(row: &Row) -> impl Iterator<Item = String> {
    copies::of_row(row).into_iter().map(|copy| copy.path).chain([entry_page(row)])
}

/// What the pages of all entries have in common.
pub(crate) struct EntrySites {
    pages: Pages,
    prices: Table,
    shell: Shell,
}

impl EntrySites {
    pub(super) fn new(board: &Board) -> Self {
        Self { pages: Pages::default(), prices: Table::shipped(), shell: Shell::new(board, DEPTH) }
    }

    /// Hands over an entry's files and its page.
    pub(super) fn put(&self, track: &RankedTrack, row: &Row, put: &Put) -> Result<(), SiteError> {
        for copy in copies::of_row(row) {
            put(&copy.path, &copy.bytes()?)?;
        }
        let path = entry_page(row);
        let view = EntryPage::new(&self.shell, track, row, &self.prices);
        let page = self.pages.render("entry.html", &path, &view)?;
        put(&path, page.as_bytes())
    }
}
