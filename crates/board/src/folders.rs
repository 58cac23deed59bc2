//! The folders of a board's entries.

use std::path::{Path, PathBuf};

use crate::error::BoardError;
use hlb_result::{ANNOUNCEMENTS_FOLDER, RESULT_FILE};

/// Folders of entries, at most two levels below `folder`, in the order of their names. Hidden ones are work in
/// progress. A link is among them and not followed, so that it is rejected in its place.
pub fn entry_folders(folder: &Path) -> Result<Vec<PathBuf>, BoardError> {
    // Announcements are no entries, whether a board or a track was named.
    let is_entry = |folder: &PathBuf| !folder.ends_with(ANNOUNCEMENTS_FOLDER);
    let mut found = Vec::new();
    for track in folders_in(folder)?.into_iter().filter(is_entry) {
        let below = if track.is_symlink() { Vec::new() } else { folders_in(&track)? };
        if track.join(RESULT_FILE).exists() || below.is_empty() {
            found.push(track);
        } else {
            found.extend(below.into_iter().filter(is_entry));
        }
    }
    Ok(found)
}

fn folders_in(folder: &Path) -> Result<Vec<PathBuf>, BoardError> {
    let failed = |source| BoardError::Folder { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder).map_err(failed)? {
        let item = item.map_err(failed)?;
        let hidden = item.file_name().to_string_lossy().starts_with('.');
        let kind = item.file_type().map_err(failed)?;
        if (kind.is_dir() || kind.is_symlink()) && !hidden {
            found.push(item.path());
        }
    }
    found.sort();
    Ok(found)
}
