//! External results: what others published before this board, in tables of their own, never ranked with measured rows.

use serde::Serialize;

use crate::board::Board;
use crate::external::{self, ExternalResults};
use crate::site::shell::Shell;

/// The page of external results.
#[derive(Debug, Serialize)]
pub(crate) struct ExternalPage {
    shell: Shell,
    boards: Vec<ExternalResults>,
}

impl ExternalPage {
    pub(crate) fn new(board: &Board) -> Self {
        Self { shell: Shell::new(board, 0), boards: external::shipped() }
    }
}
