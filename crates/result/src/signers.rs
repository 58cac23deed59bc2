//! The list of keys that may sign for a board, and the board that an entry lies on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::runners::{RunnersError, runners_beside};
use crate::signing::{AllowedSigners, AllowedSignersError, SIGNERS_CAP};
use hlb_core::bounded::{self, ReadError};
use hlb_core::text::show_path;

/// Keys that may sign for a board, in OpenSSH's format, in the folder of its entries.
pub const SIGNERS_FILE: &str = "allowed_signers";

/// The text of a board's list of signers, which may be a stranger's; `None` if there is none, so that nobody may sign.
pub fn signers_text(list: &Path) -> io::Result<Option<String>> {
    text(bounded::read(list, SIGNERS_CAP))
}

/// The text of a list of signers that the user named, which may be a link.
pub fn named_signers_text(list: &Path) -> io::Result<Option<String>> {
    text(bounded::read_named(list, SIGNERS_CAP))
}

fn text(read: Result<Vec<u8>, ReadError>) -> io::Result<Option<String>> {
    match read {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(io::Error::other),
        Err(error) if error.is_of_no_file() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whom a board trusts: what `text` says, which is that of its list of signers, with the runners named next to the `list`.
pub fn parse_signers<E>(text: &str, list: &Path) -> Result<AllowedSigners, E>
where
    E: From<AllowedSignersError> + From<RunnersError>,
{
    Ok(AllowedSigners::parse(text, &show_path(list))?.with_runners(runners_beside(list)?))
}

/// The folder of the board that an entry lies on: that of its track's folder, where `submit` puts it. `None` for an
/// entry too near to the root of the file system.
pub fn board_above(entry: &Path) -> io::Result<Option<PathBuf>> {
    Ok(fs::canonicalize(entry)?.ancestors().nth(2).map(Path::to_owned))
}
