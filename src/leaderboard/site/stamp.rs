//! What tells that a file was not touched since it was written, without reading it: whoever writes to it or puts another in
//! its place changes its time of change, which the system sets and nobody else can.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::artifact::{Sha256Hex, sha256_hex};

/// The files of a site, by their paths in it.
pub(in crate::leaderboard) type Stamps = BTreeMap<String, Stamp>;

/// A file as it was when it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::leaderboard) struct Stamp {
    sha256: Sha256Hex,
    device: u64,
    inode: u64,
    bytes: u64,
    changed_seconds: i64,
    changed_nanoseconds: i64,
}

impl Stamp {
    /// Of a file that holds bytes of this digest now; `None` for anything but a regular file.
    pub(super) fn of(file: &Path, sha256: Sha256Hex) -> Option<Self> {
        let facts = fs::symlink_metadata(file).ok().filter(fs::Metadata::is_file)?;
        Some(Self {
            sha256,
            device: facts.dev(),
            inode: facts.ino(),
            bytes: facts.len(),
            changed_seconds: facts.ctime(),
            changed_nanoseconds: facts.ctime_nsec(),
        })
    }

    /// Whether the file still holds what it held.
    pub(in crate::leaderboard) fn holds(&self, file: &Path) -> bool {
        let now = Self::of(file, self.sha256);
        let touched = || fs::read(file).is_ok_and(|bytes| sha256_hex(&bytes) == self.sha256);
        now == Some(*self) || (now.is_some() && touched())
    }

    /// Whether the file is untouched and holds bytes of this digest.
    pub(super) fn is_of(&self, file: &Path, sha256: Sha256Hex) -> bool {
        Self::of(file, sha256) == Some(*self)
    }
}
