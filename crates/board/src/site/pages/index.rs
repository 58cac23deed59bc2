//! The front page.

use serde::Serialize;

use crate::board::{Board, Rejected};
use crate::site::figure::counted;
use crate::site::pages::track::TrackView;
use crate::site::shell::Shell;
use crate::site::studies::Study;

/// Most rows of a hardware class, and most unranked rows, of a track on the front page; the page of the track has all.
const MOST_ROWS: usize = 25;

/// The front page.
#[derive(Debug, Serialize)]
pub(crate) struct IndexPage<'a> {
    shell: Shell,
    entries: String,
    tracks: Vec<TrackView<'a>>,
    studies: &'a [Study],
    rejected: &'a [Rejected],
}

impl<'a> IndexPage<'a> {
    pub(crate) fn new(board: &'a Board, studies: &'a [Study]) -> Self {
        let entries = u32::try_from(board.entry_count()).unwrap_or(u32::MAX);
        Self {
            shell: Shell::new(board, 0),
            entries: counted(entries, "entry", "entries"),
            tracks: board.tracks.iter().map(|track| TrackView::new(track, MOST_ROWS)).collect(),
            studies,
            rejected: &board.rejected,
        }
    }
}
