//! The list of keys that may sign for a board.

use std::path::Path;

use crate::error::BoardError;
use hlb_result::signing::AllowedSigners;
use hlb_result::{board_above, runners_beside, signers_text};

pub use hlb_result::SIGNERS_FILE;

/// Reads a list of signers, and that of the runners next to it; a missing file is an empty list.
pub fn read_signers(path: &Path) -> Result<AllowedSigners, BoardError> {
    let text = text_of(path)?.unwrap_or_default();
    Ok(AllowedSigners::parse(&text, &path.display().to_string())?.with_runners(runners_beside(path)?))
}

/// The text of a file; `None` if there is none.
pub(crate) fn text_of(path: &Path) -> Result<Option<String>, BoardError> {
    signers_text(path).map_err(|source| BoardError::File { path: path.to_owned(), source })
}

/// The signers in the file `named`, else those of the board that the entry lies on: two folders up,
/// where `submit` keeps them and nowhere else, so that an entry cannot bring a list of its own.
pub fn signers_for(entry: &Path, named: Option<&Path>) -> Result<AllowedSigners, BoardError> {
    if let Some(named) = named {
        return read_signers(named);
    }
    let unreadable = |source| BoardError::File { path: entry.to_owned(), source };
    match board_above(entry).map_err(unreadable)? {
        Some(board) => read_signers(&board.join(SIGNERS_FILE)),
        None => Ok(AllowedSigners::default()),
    }
}
