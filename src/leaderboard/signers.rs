//! Who may sign for the board that an entry lies on.

use std::path::Path;

use crate::leaderboard::SIGNERS_FILE;
use crate::leaderboard::board::{BoardError, read_signers};
use crate::signing::AllowedSigners;

/// The signers in the file `named`, else those of the board that the entry lies on: two folders up,
/// where `submit` keeps them and nowhere else, so that an entry cannot bring a list of its own.
pub fn signers_for(entry: &Path, named: Option<&Path>) -> Result<AllowedSigners, BoardError> {
    if let Some(named) = named {
        return read_signers(named);
    }
    let unreadable = |source| BoardError::Folder { path: entry.to_owned(), source };
    let entry = std::fs::canonicalize(entry).map_err(unreadable)?;
    match entry.ancestors().nth(2) {
        Some(board) => read_signers(&board.join(SIGNERS_FILE)),
        None => Ok(AllowedSigners::default()),
    }
}
