//! How a site differs from what its submissions give. Every file is read, and nothing is written.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::board::Board;
use crate::site::MARKER;
use crate::site::contents::{Once, paths, put_all};
use crate::site::error::SiteError;
use crate::site::folder::{failed, listed, marker_text};
use crate::site::options::SiteOptions;
use crate::workers::Workers;
use hlb_core::bounded;

/// The files by which a site is not current, each by its path in it, in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Files that are not there.
    pub missing: BTreeSet<String>,
    /// Files that an earlier build wrote, or in folders of the site, that the site should not have.
    pub extra: BTreeSet<String>,
    /// Files with other contents.
    pub differ: BTreeSet<String>,
}

impl Differences {
    /// Whether the site is current.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares a site with a board. A file at the top of the site that no build wrote, such as `CNAME`, is not a difference: builds
/// leave it alone too.
pub fn compare(board: &Board, site: &Path, options: &SiteOptions, workers: Workers) -> Result<Differences, SiteError> {
    let once = Once::new(board, options, workers)?;
    let planned = paths(board, &once)?;
    let before = if site.exists() { listed(site)? } else { BTreeSet::new() };
    let found = Mutex::new(Differences::default());
    let check = |path: &str, bytes: &[u8]| {
        let same = has_content(&site.join(path), bytes)?;
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        match same {
            Some(true) => false,
            Some(false) => found.differ.insert(path.to_owned()),
            None => found.missing.insert(path.to_owned()),
        };
        Ok(())
    };
    put_all(board, &once, workers, &check)?;
    check(MARKER, marker_text(planned.iter()).as_bytes())?;
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    if site.exists() {
        let ours = |path: &String| before.contains(path) || is_among(path, &planned);
        let extra = |path: &String| path != MARKER && !planned.contains(path) && ours(path);
        found.extra = files(site)?.into_iter().filter(extra).collect();
    }
    Ok(found)
}

/// Whether a regular file has this content; `None` if it does not exist.
fn has_content(file: &Path, bytes: &[u8]) -> Result<Option<bool>, SiteError> {
    match bounded::holds(file, bytes) {
        Err(error) if error.is_of_no_file() => Ok(None),
        held => Ok(Some(held?)),
    }
}

/// Whether a path lies in a folder at the top of the site that the site has files in.
fn is_among(path: &str, planned: &BTreeSet<String>) -> bool {
    let Some((top, _)) = path.split_once('/') else { return false };
    planned.iter().any(|planned| planned.split_once('/').is_some_and(|(folder, _)| folder == top))
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
