//! The list of keys that may sign for a board.

use std::io;
use std::path::Path;

use crate::error::BoardError;
use hlb_result::signing::AllowedSigners;
use hlb_result::{board_above, named_signers_text, parse_signers, signers_text};

pub use hlb_result::SIGNERS_FILE;

/// Reads a list of signers, and that of the runners next to it; a missing file is an empty list.
pub fn read_signers(path: &Path) -> Result<AllowedSigners, BoardError> {
    parse_signers(&text_of(path)?.unwrap_or_default(), path)
}

/// The text of a file; `None` if there is none.
pub(crate) fn text_of(path: &Path) -> Result<Option<String>, BoardError> {
    signers_text(path).map_err(unreadable(path))
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> BoardError + use<'_> {
    |source| BoardError::File { path: path.to_owned(), source }
}

/// The signers in the file `named`, else those of the board that the entry lies on: two folders up,
/// where `submit` keeps them and nowhere else, so that an entry cannot bring a list of its own.
pub fn signers_for(entry: &Path, named: Option<&Path>) -> Result<AllowedSigners, BoardError> {
    if let Some(named) = named {
        let text = named_signers_text(named).map_err(unreadable(named))?;
        return parse_signers(&text.unwrap_or_default(), named);
    }
    match board_above(entry).map_err(unreadable(entry))? {
        Some(board) => read_signers(&board.join(SIGNERS_FILE)),
        None => Ok(AllowedSigners::default()),
    }
}
