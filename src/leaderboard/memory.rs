//! What is remembered of a build, so that the next one of the same submissions has nothing to do.
//!
//! A record is found by the site's path and counts only for the very inputs it was made of (see `inputs`), on the same start of
//! the system: after a power failure nobody knows which bytes are on the disk. It lies in a folder that only its owner may
//! write to, and never in a site, which strangers may be able to write to. A record that is cut short or altered is none.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::site::Stamps;
use crate::artifact::{Sha256Hex, sha256_hex, write_unsynced};
use crate::folders;
use crate::leaderboard::board::Rejected;

/// Form of the records.
const FORMAT: u32 = 1;

/// A folder of records.
#[derive(Debug, Clone)]
pub struct Memory {
    folder: PathBuf,
}

/// A build.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    format: u32,
    /// This start of the system.
    boot: String,
    /// Digest of all that the board follows from.
    pub(super) inputs: Sha256Hex,
    /// How many entries stood on the board.
    pub(super) entries: usize,
    /// Entries that did not.
    pub(super) rejected: Vec<Rejected>,
    /// The files of the site.
    pub(super) stamps: Stamps,
}

impl Record {
    /// A build that has just ended; `None` where the system does not say when it started.
    pub(super) fn new(inputs: Sha256Hex, entries: usize, rejected: Vec<Rejected>, stamps: Stamps) -> Option<Self> {
        Some(Self { format: FORMAT, boot: boot()?, inputs, entries, rejected, stamps })
    }
}

impl Memory {
    /// In the user's cache folder.
    pub fn of_user() -> Self {
        let cache = folders::cache().unwrap_or_else(|| std::env::temp_dir().join("hlb-bench"));
        Self { folder: cache.join("boards") }
    }

    /// In a folder of one's own, which is made if need be.
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder, and refuses one that others may write to.
    pub(super) fn open(&self) -> Result<(), String> {
        let said = |error: io::Error| format!("{} cannot be used: {error}", self.folder.display());
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(said)?;
        let facts = fs::metadata(&self.folder).map_err(said)?;
        let own = facts.uid() == rustix::process::geteuid().as_raw();
        if own && facts.mode() & 0o022 == 0 {
            return Ok(());
        }
        Err(format!("{} is not used: others than you may write to it", self.folder.display()))
    }

    /// Whether the folder lies in `site`, or is it. Both have to exist.
    pub(super) fn lies_in(&self, site: &Path) -> bool {
        let real = |path: &Path| fs::canonicalize(path).ok();
        real(&self.folder).zip(real(site)).is_some_and(|(folder, site)| folder.starts_with(site))
    }

    /// The last build of this site, if it is known and can still be relied on.
    pub(super) fn recall(&self, site: &Path) -> Option<Record> {
        let text = fs::read_to_string(self.file(site)?).ok()?;
        let (sha256, body) = text.split_once('\n')?;
        let record: Record =
            (sha256 == sha256_hex(body.as_bytes()).to_string()).then(|| serde_json::from_str(body).ok())??;
        (record.format == FORMAT && Some(&record.boot) == boot().as_ref()).then_some(record)
    }

    /// Remembers a build.
    pub(super) fn keep(&self, site: &Path, record: &Record) -> Result<(), String> {
        let file = self.file(site).ok_or("the site has no path")?;
        let body = serde_json::to_string(record).map_err(|error| error.to_string())?;
        let text = format!("{}\n{body}", sha256_hex(body.as_bytes()));
        write_unsynced(&file, text.as_bytes()).map_err(|error| error.to_string())
    }

    /// A name of the site's own; `None` before there is a site.
    fn file(&self, site: &Path) -> Option<PathBuf> {
        let site = fs::canonicalize(site).ok()?;
        let name = sha256_hex(site.as_os_str().as_encoded_bytes()).to_string();
        Some(self.folder.join(format!("{}.json", &name[..32])))
    }
}

/// The name that the system gives to its time since it started.
fn boot() -> Option<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}
