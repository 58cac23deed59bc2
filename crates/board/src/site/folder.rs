//! The folder of the site. Only files that an earlier build wrote are replaced or removed.
//!
//! The marker lists the files of the last build, one path a line, so that the next one can tell its own stale pages
//! from other files.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::site::MARKER;
use crate::site::error::SiteError;
use hlb_core::artifact::{write_atomic, write_unsynced};
use hlb_core::bounded;

const MARKER_HEAD: &str = "# Written by `hlb-bench leaderboard`, which may replace or remove the files listed here.\n";

/// Most bytes of the list of files: that of 50,000 entries.
const MARKER_CAP: u64 = 64 << 20;

/// An open site.
#[derive(Debug)]
pub(crate) struct SiteFolder {
    root: PathBuf,
    before: BTreeSet<String>,
    planned: BTreeSet<String>,
}

impl SiteFolder {
    /// Opens a new, empty or marked folder. From here on the marker lists old and new files, so that a build that is
    /// cut short leaves nothing that the next one would not know.
    pub(super) fn open(root: &Path, planned: BTreeSet<String>) -> Result<Self, SiteError> {
        if let Some(path) = planned.iter().find(|path| !is_plain(path)) {
            return Err(SiteError::Path { path: path.clone() });
        }
        fs::create_dir_all(root).map_err(failed("create the folder", root))?;
        let before = listed(root)?;
        let folder = Self { root: root.to_owned(), before, planned };
        folder.mark(folder.before.union(&folder.planned))?;
        Ok(folder)
    }

    /// Removes what only the build before had, and notes what there is now.
    pub(super) fn close(self) -> Result<(), SiteError> {
        for stale in self.before.difference(&self.planned) {
            self.remove(stale)?;
        }
        self.mark(self.planned.iter())
    }

    /// Writes a file of the site, unless it holds these bytes already.
    pub(super) fn put(&self, path: &str, bytes: &[u8]) -> Result<(), SiteError> {
        debug_assert!(self.planned.contains(path), "only planned files are remembered");
        let file = self.root.join(path);
        if self.before.contains(path) && bounded::holds(&file, bytes).unwrap_or(false) {
            return Ok(());
        }
        match write_unsynced(&file, bytes) {
            Err(error) if error.is_of_no_folder() => {
                let parent = file.parent().unwrap_or(&self.root);
                fs::create_dir_all(parent).map_err(failed("create the folder", parent))?;
                Ok(write_unsynced(&file, bytes)?)
            }
            written => Ok(written?),
        }
    }

    fn remove(&self, path: &str) -> Result<(), SiteError> {
        let file = self.root.join(path);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &file)(error)),
            _ => {}
        }
        // Stops at the first folder that is not empty.
        let folders = file.ancestors().skip(1).take_while(|folder| *folder != self.root);
        let _left = folders.take_while(|folder| fs::remove_dir(folder).is_ok()).count();
        Ok(())
    }

    fn mark<'a>(&self, paths: impl Iterator<Item = &'a String>) -> Result<(), SiteError> {
        let (file, text) = (self.root.join(MARKER), marker_text(paths));
        if bounded::holds(&file, text.as_bytes()).unwrap_or(false) {
            return Ok(());
        }
        Ok(write_atomic(&file, text.as_bytes())?)
    }
}

/// The marker of a site that has these files.
pub(crate) fn marker_text<'a>(paths: impl Iterator<Item = &'a String>) -> String {
    let lines = paths.flat_map(|path| [path.as_str(), "\n"]);
    std::iter::once(MARKER_HEAD).chain(lines).collect()
}

pub(super) fn failed<'a>(step: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> SiteError + use<'a> {
    move |source| SiteError::Folder { step, path: path.to_owned(), source }
}

/// The files that the previous build wrote. A folder with files but without a marker is not ours.
pub(super) fn listed(root: &Path) -> Result<BTreeSet<String>, SiteError> {
    let marker = root.join(MARKER);
    match bounded::read_text(&marker, MARKER_CAP) {
        // A line that leads out of the site was not written by us.
        Ok(text) => Ok(text.lines().filter(|line| is_plain(line)).map(str::to_owned).collect()),
        Err(error) if error.is_of_no_file() => {
            let mut items = fs::read_dir(root).map_err(failed("list", root))?;
            if items.next().is_some() {
                return Err(SiteError::Foreign { path: root.to_owned() });
            }
            Ok(BTreeSet::new())
        }
        Err(error) => Err(error.into()),
    }
}

/// A relative path of plain ASCII names, so that it is one line of the marker and a link as it stands.
fn is_plain(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    !path.is_empty() && path.bytes().all(plain) && inside
}
