//! The folder that the site lives in. It remembers what was written, and never touches anything else.
//!
//! The marker lists the files of the last build, one path a line, so that the next one can tell its own stale pages
//! from files that somebody put there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Destination, SiteError, Stamp, Stamps};
use crate::artifact::{Sha256Hex, sha256_hex, write_atomic, write_unsynced};

/// The file that makes a folder a site of ours.
pub(super) const MARKER: &str = ".hlb-bench-site";

const MARKER_HEAD: &str = "# Written by `hlb-bench leaderboard`, which may replace or remove the files listed here.\n";

/// An open site.
#[derive(Debug)]
pub(in crate::leaderboard) struct SiteFolder {
    root: PathBuf,
    before: BTreeSet<String>,
    planned: BTreeSet<String>,
    /// Those of an earlier build; `None` if nobody asks for new ones.
    stamps_before: Option<Stamps>,
    stamps: Mutex<Stamps>,
}

impl SiteFolder {
    /// Opens a new, empty or marked folder. From here on the marker lists old and new files, so that a build that is
    /// cut short leaves nothing that the next one would not know.
    pub(super) fn open(
        root: &Path,
        planned: BTreeSet<String>,
        stamps_before: Option<Stamps>,
    ) -> Result<Self, SiteError> {
        if let Some(path) = planned.iter().find(|path| !is_plain(path)) {
            return Err(SiteError::Path { path: path.clone() });
        }
        fs::create_dir_all(root).map_err(failed("create the folder", root))?;
        let before = listed(root)?;
        let folder = Self { root: root.to_owned(), before, planned, stamps_before, stamps: Mutex::default() };
        folder.mark(folder.before.union(&folder.planned))?;
        Ok(folder)
    }

    /// Removes what only the build before had, and notes what there is now. Returns the stamps of all files, the marker's among
    /// them, if there were to be any.
    pub(super) fn close(self) -> Result<Stamps, SiteError> {
        for stale in self.before.difference(&self.planned) {
            self.remove(stale)?;
        }
        self.mark(self.planned.iter())?;
        self.stamp(MARKER, sha256_hex(marker_text(self.planned.iter()).as_bytes()));
        Ok(self.stamps.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts the bytes where they belong, unless they are there already. `sha256` is their digest, where stamps are kept.
    fn place(&self, path: &str, bytes: &[u8], sha256: Option<Sha256Hex>) -> Result<(), SiteError> {
        let file = self.root.join(path);
        let is_there = || fs::read(&file).is_ok_and(|found| found == bytes);
        if self.before.contains(path) && (self.is_untouched(path, &file, sha256) || is_there()) {
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

    fn is_untouched(&self, path: &str, file: &Path, sha256: Option<Sha256Hex>) -> bool {
        let stamp = self.stamps_before.as_ref().and_then(|stamps| stamps.get(path));
        stamp.zip(sha256).is_some_and(|(stamp, sha256)| stamp.is_of(file, sha256))
    }

    fn stamp(&self, path: &str, sha256: Sha256Hex) {
        if let Some(stamp) = Stamp::of(&self.root.join(path), sha256) {
            self.stamps.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), stamp);
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
        if fs::read(&file).is_ok_and(|found| found == text.as_bytes()) {
            return Ok(());
        }
        Ok(write_atomic(&file, text.as_bytes())?)
    }
}

impl Destination for SiteFolder {
    fn put(&self, path: &str, bytes: &[u8], sha256: Option<Sha256Hex>) -> Result<(), SiteError> {
        debug_assert!(self.planned.contains(path), "only planned files are remembered");
        let sha256 = self.stamps_before.as_ref().map(|_| sha256.unwrap_or_else(|| sha256_hex(bytes)));
        self.place(path, bytes, sha256)?;
        if let Some(sha256) = sha256 {
            self.stamp(path, sha256);
        }
        Ok(())
    }
}

/// The marker of a site that has these files.
pub(super) fn marker_text<'a>(paths: impl Iterator<Item = &'a String>) -> String {
    let lines = paths.flat_map(|path| [path.as_str(), "\n"]);
    std::iter::once(MARKER_HEAD).chain(lines).collect()
}

pub(super) fn failed<'a>(step: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> SiteError + use<'a> {
    move |source| SiteError::Folder { step, path: path.to_owned(), source }
}

/// The files that the build before wrote. A folder with files and without a marker is somebody else's.
pub(super) fn listed(root: &Path) -> Result<BTreeSet<String>, SiteError> {
    let marker = root.join(MARKER);
    match fs::read_to_string(&marker) {
        // A line that leads out of the site was not written by us.
        Ok(text) => Ok(text.lines().filter(|line| is_plain(line)).map(str::to_owned).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut items = fs::read_dir(root).map_err(failed("list", root))?;
            if items.next().is_some() {
                return Err(SiteError::Foreign { path: root.to_owned() });
            }
            Ok(BTreeSet::new())
        }
        Err(error) => Err(failed("read", &marker)(error)),
    }
}

/// A relative path of plain ASCII names, so that it is one line of the marker and a link as it stands.
fn is_plain(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    !path.is_empty() && path.bytes().all(plain) && inside
}
