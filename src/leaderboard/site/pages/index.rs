//! What the template of the front page is told.

use serde::Serialize;

use crate::leaderboard::site::figure::{counted, foreign};
use crate::leaderboard::site::shell::Shell;
use crate::leaderboard::site::studies::Study;
use crate::leaderboard::site::pages::track::TrackView;
use crate::leaderboard::board::{Board, Rejected};
use crate::text::show_capped;

/// Most characters of the reason for a rejection: whole, since its author has to act on it.
const REASON_CAP: usize = 1000;

/// Most rows of a hardware class, and most unranked rows, of a track on the front page; the page of the track has all.
const MOST_ROWS: usize = 25;

/// The front page.
#[derive(Debug, Serialize)]
pub(crate) struct IndexPage {
    shell: Shell,
    entries: String,
    tracks: Vec<TrackView>,
    studies: Vec<Study>,
    rejected: Vec<RejectedView>,
}

#[derive(Debug, Serialize)]
struct RejectedView {
    folder: String,
    reason: String,
}

impl RejectedView {
    fn new(rejected: &Rejected) -> Self {
        Self { folder: foreign(&rejected.folder), reason: show_capped(&rejected.reason, REASON_CAP) }
    }
}

impl IndexPage {
    pub(crate) fn new(board: &Board, studies: &[Study]) -> Self {
        let entries = u32::try_from(board.entry_count()).unwrap_or(u32::MAX);
        Self {
            shell: Shell::new(board, 0),
            entries: counted(entries, "entry", "entries"),
            tracks: board.tracks.iter().map(|track| TrackView::new(track, MOST_ROWS)).collect(),
            studies: studies.to_vec(),
            rejected: board.rejected.iter().map(RejectedView::new).collect(),
        }
    }
}
