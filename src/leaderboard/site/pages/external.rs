//! External results: what others published before this board, in tables of their own, never ranked with measured rows.

use serde::Serialize;

use crate::history::{self, History};
use crate::leaderboard::board::Board;
use crate::leaderboard::site::shell::Shell;

/// The page of external results.
#[derive(Debug, Serialize)]
pub(crate) struct ExternalPage {
    shell: Shell,
    boards: Vec<History>,
}

impl ExternalPage {
    pub(crate) fn new(board: &Board) -> Self {
        Self { shell: Shell::new(board, 0), boards: history::shipped() }
    }
}
