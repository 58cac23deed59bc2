//! The list of keys that may sign for a board.

use std::io;
use std::path::Path;

use crate::error::BoardError;
use hlb_result::signing::AllowedSigners;

/// Keys that may sign for a board, in OpenSSH's format, in the folder of its entries.
pub const SIGNERS_FILE: &str = "allowed_signers";

/// Reads a list of signers; a missing file is an empty list.
pub fn read_signers(path: &Path) -> Result<AllowedSigners, BoardError> {
    let text = text_of(path)?.unwrap_or_default();
    Ok(AllowedSigners::parse(&text, &path.display().to_string())?)
}

/// The text of a file; `None` if there is none.
pub(crate) fn text_of(path: &Path) -> Result<Option<String>, BoardError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BoardError::Folder { path: path.to_owned(), source }),
    }
}

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
