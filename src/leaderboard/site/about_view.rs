//! What the page about the board is told.

use serde::Serialize;

use super::shell::Shell;
use super::track_facts::TrackFacts;
use crate::leaderboard::board::Board;

/// What the board is, its rules and its words, and how to get onto it.
#[derive(Debug, Serialize)]
pub(super) struct AboutPage {
    shell: Shell,
    tracks: Vec<TrackFacts>,
}

impl AboutPage {
    pub(super) fn new(board: &Board) -> Self {
        let tracks = board.tracks.iter().map(|track| TrackFacts::new(&track.track)).collect();
        Self { shell: Shell::new(board, 0), tracks }
    }
}
