//! Removes what unfinished fetches left behind.

use std::fs;
use std::io;
use std::path::Path;

use crate::lock::is_being_fetched;
use hlb_core::clock;

/// Removes incomplete downloads of one data set or of all, unless a process is fetching, and staging folders that a killed
/// process left an hour ago or more. Returns the bytes freed.
pub fn prune_downloads(data: &Path, id: Option<&str>) -> io::Result<u64> {
    let mut freed = 0;
    for item in fs::read_dir(data).into_iter().flatten() {
        let item = item?;
        let name = item.file_name().to_string_lossy().into_owned();
        let download = name.strip_prefix('.').and_then(|name| name.strip_suffix(".downloads"));
        let staging = id.is_none() && name.starts_with(".staging-") && is_old(&item.path());
        let chosen = |of: &str| id.is_none_or(|id| id == of) && !is_being_fetched(data, of);
        if staging || download.is_some_and(chosen) {
            freed += size_of(&item.path())?;
            fs::remove_dir_all(item.path())?;
        }
    }
    Ok(freed)
}

/// Whether the folder was last changed more than an hour ago.
fn is_old(folder: &Path) -> bool {
    let now = std::time::SystemTime::from(clock::calendar());
    let changed = fs::metadata(folder).and_then(|facts| facts.modified());
    changed.is_ok_and(|changed| now.duration_since(changed).is_ok_and(|age| age.as_secs() > 3600))
}

fn size_of(path: &Path) -> io::Result<u64> {
    let facts = fs::symlink_metadata(path)?;
    if !facts.is_dir() {
        return Ok(facts.len());
    }
    fs::read_dir(path)?.map(|item| size_of(&item?.path())).sum()
}
