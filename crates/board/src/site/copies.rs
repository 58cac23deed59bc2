//! The files of an entry that are copied next to its page if they are still as they were verified.

use std::path::PathBuf;

use crate::board::Row;
use crate::site::addresses::{digits, entry_folder, is_plain};
use crate::site::error::SiteError;
use hlb_core::artifact::{Sha256Hex, sha256_hex};
use hlb_core::bounded;
use hlb_protocol::run_log::LOG_CAP;
use hlb_result::{Entry, REPRODUCTIONS_FOLDER, Reproduction};

/// A file of an entry, to be copied only if it is still the one that was verified.
pub(super) struct EntryFile {
    /// Its path in the site.
    pub path: String,
    pub from: PathBuf,
    /// Digest of what was verified; `None` for a signature.
    sha256: Option<Sha256Hex>,
}

impl EntryFile {
    /// Reads the file again.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, SiteError> {
        let bytes = bounded::read(&self.from, LOG_CAP)?;
        match self.sha256 {
            Some(verified) if sha256_hex(&bytes) != verified => Err(SiteError::Changed { path: self.from.clone() }),
            _ => Ok(bytes),
        }
    }
}

/// The files of a row's entry, and then those of the sessions that reproduced it.
pub(crate) fn of_row(row: &Row) -> Vec<EntryFile> {
    let folder = entry_folder(row);
    let mut found: Vec<EntryFile> = of_entry(&row.entry, &folder).collect();
    for again in &row.entry.reproductions {
        let below = format!("{folder}/{REPRODUCTIONS_FOLDER}/{}", reproduction_folder(again).0);
        found.extend(of_entry(&again.entry, &below));
    }
    found
}

fn of_entry(entry: &Entry, folder: &str) -> impl Iterator<Item = EntryFile> {
    entry.files().map(move |(name, sha256)| EntryFile {
        path: format!("{folder}/{name}"),
        from: entry.folder.join(name),
        sha256,
    })
}

/// The folder of a reproduction below its entry's `reproductions`, and whether it is the name that it has in the submissions:
/// one that is not fit for paths and commands is replaced by the beginning of its result's digest.
pub(crate) fn reproduction_folder(again: &Reproduction) -> (String, bool) {
    let name = again.entry.folder.file_name().unwrap_or_default().to_string_lossy();
    if is_plain(&name) && !name.starts_with('-') {
        return (name.into_owned(), true);
    }
    (digits(again.entry.result_sha256), false)
}
