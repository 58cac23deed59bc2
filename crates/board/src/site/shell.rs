//! What every page has around its content: the way back, and where else one can go.

use serde::Serialize;

use crate::board::Board;
use hlb_core::rules::RULES_VERSION;

/// Around the content of a page.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shell {
    /// Path back to the site's root.
    root: String,
    rules_version: &'static str,
    has_signers: bool,
    tracks: Vec<Destination>,
}

/// A page that all pages lead to.
#[derive(Debug, Clone, Serialize)]
struct Destination {
    id: String,
    title: String,
}

impl Shell {
    /// For a page so many folders below the root.
    pub(super) fn new(board: &Board, depth: usize) -> Self {
        let destination = |track: &crate::board::RankedTrack| Destination {
            id: track.track.id.clone(),
            title: track.track.title.clone(),
        };
        Self {
            root: "../".repeat(depth),
            rules_version: RULES_VERSION,
            has_signers: board.signers_text.is_some(),
            tracks: board.tracks.iter().map(destination).collect(),
        }
    }
}
