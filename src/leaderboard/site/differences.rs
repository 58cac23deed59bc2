//! What parts a site from what its submissions make of it. Nothing is written, and every file is read: what an earlier build
//! remembers is not asked.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::folder::{MARKER, failed, listed, marker_text};
use super::{Destination, Once, SiteError, SiteOptions, paths, put_all};
use crate::artifact::Sha256Hex;
use crate::leaderboard::Workers;
use crate::leaderboard::board::Board;

/// The files by which a site is not current, each by its path in it, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Files that are not there.
    pub missing: BTreeSet<String>,
    /// Files that an earlier build wrote, or that stand among the site's own, and belong to no entry.
    pub extra: BTreeSet<String>,
    /// Files that hold other bytes.
    pub differ: BTreeSet<String>,
}

impl Differences {
    /// Whether the site is current.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Holds a site against a board. A file of somebody else's at the top of the site, such as `CNAME`, is no difference: builds
/// leave it alone too.
pub fn compare(board: &Board, site: &Path, options: &SiteOptions, workers: Workers) -> Result<Differences, SiteError> {
    let once = Once::new(board, options, workers)?;
    let planned = paths(board, &once);
    let before = if site.exists() { listed(site)? } else { BTreeSet::new() };
    let comparison = Comparison { site, found: Mutex::default() };
    put_all(board, &once, workers, &comparison)?;
    comparison.put(MARKER, marker_text(planned.iter()).as_bytes(), None)?;
    let mut found = comparison.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    if site.exists() {
        let there = files(site)?;
        let ours = |path: &String| before.contains(path) || is_among(path, &planned);
        found.extra =
            there.into_iter().filter(|path| path != MARKER && !planned.contains(path) && ours(path)).collect();
    }
    Ok(found)
}

/// Whether a path lies in a folder at the top of the site that the site has files in.
fn is_among(path: &str, planned: &BTreeSet<String>) -> bool {
    let Some((top, _)) = path.split_once('/') else { return false };
    planned.iter().any(|planned| planned.split_once('/').is_some_and(|(folder, _)| folder == top))
}

struct Comparison<'a> {
    site: &'a Path,
    found: Mutex<Differences>,
}

impl Destination for Comparison<'_> {
    fn put(&self, path: &str, bytes: &[u8], _: Option<Sha256Hex>) -> Result<(), SiteError> {
        let file = self.site.join(path);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match fs::symlink_metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => found.missing.insert(path.to_owned()),
            Err(error) => return Err(failed("read", &file)(error)),
            Ok(facts) if !facts.is_file() || facts.len() != bytes.len() as u64 => found.differ.insert(path.to_owned()),
            Ok(_) => {
                drop(found);
                if fs::read(&file).map_err(failed("read", &file))? == bytes {
                    return Ok(());
                }
                self.found.lock().unwrap_or_else(PoisonError::into_inner).differ.insert(path.to_owned())
            }
        };
        Ok(())
    }
}

/// Everything below the site but folders, by its path in it.
fn files(site: &Path) -> Result<BTreeSet<String>, SiteError> {
    let (mut found, mut open) = (BTreeSet::new(), vec![site.to_owned()]);
    while let Some(folder) = open.pop() {
        for item in fs::read_dir(&folder).map_err(failed("list", &folder))? {
            let item = item.map_err(failed("list", &folder))?;
            if item.file_type().map_err(failed("list", &folder))?.is_dir() {
                open.push(item.path());
            } else {
                let path = item.path();
                found.insert(path.strip_prefix(site).unwrap_or(&path).to_string_lossy().into_owned());
            }
        }
    }
    Ok(found)
}
