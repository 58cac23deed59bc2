//! The page about the board.

use serde::Serialize;

use crate::board::Board;
use crate::site::pages::track_facts::TrackFacts;
use crate::site::shell::Shell;

/// What the board is, its rules and its words, and how to get onto it.
#[derive(Debug, Serialize)]
pub(crate) struct AboutPage {
    shell: Shell,
    tracks: Vec<TrackFacts>,
}

impl AboutPage {
    pub(crate) fn new(board: &Board) -> Self {
        let tracks = board.tracks.iter().map(|track| TrackFacts::new(&track.track)).collect();
        Self { shell: Shell::new(board, 0), tracks }
    }
}
