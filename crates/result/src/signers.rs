//! The list of keys that may sign for a board, and the board that an entry lies on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Keys that may sign for a board, in OpenSSH's format, in the folder of its entries.
pub const SIGNERS_FILE: &str = "allowed_signers";

/// The text of a list of signers; `None` if there is none, so that nobody may sign.
pub fn signers_text(list: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(list) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The folder of the board that an entry lies on: that of its track's folder, where `submit` puts it. `None` for an
/// entry too near to the root of the file system.
pub fn board_above(entry: &Path) -> io::Result<Option<PathBuf>> {
    Ok(fs::canonicalize(entry)?.ancestors().nth(2).map(Path::to_owned))
}
