//! Fetches a data set into the user's data folder: from its publisher, from mirrors, or from local files. A folder gets its
//! name only when everything in it is verified.

mod bring;
mod prune;

use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::download::DownloadError;
use crate::error::{DatasetError, DatasetProblem};
use crate::lock::{FetchLock, lock_file};
use crate::manifest::{Manifest, Source};
use crate::prepare::verify;
use crate::store::Folder;
use crate::unpack::UnpackError;
use crate::watch::Watch;
use hlb_core::artifact::{ArtifactError, Sha256Hex, failed, publish_dir};
use hlb_core::hint::Hint;
use hlb_core::text::show_path;

pub use prune::prune_downloads;

/// Where to take a data set from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An address: of the file itself, or that the publisher's files lie under.
    Address(String),
    /// A file or folder on this machine.
    Path(PathBuf),
}

impl From<&str> for Place {
    fn from(text: &str) -> Self {
        let address = text.starts_with("http://") || text.starts_with("https://");
        if address { Self::Address(text.to_owned()) } else { Self::Path(PathBuf::from(text)) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(url) => formatter.write_str(url),
            Self::Path(path) => write!(formatter, "{}", show_path(path)),
        }
    }
}

/// A fetch that failed; what was verified before stays.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum FetchError {
    /// No second source confirms its digests.
    #[error("data set `{id}`: no second source confirms the digest of its archive")]
    Unconfirmed { id: String },
    /// No publisher's address in the manifest.
    #[error("data set `{id}`: its manifest names no address to download {file} from")]
    NoAddress { id: String, file: String },
    /// No answer, or not the file.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// Another, known archive.
    #[error("{place} is not the archive of `{id}`: {is}")]
    Mistaken { place: String, id: String, is: String },
    /// Another, unknown archive.
    #[error("{} has SHA-256 {found}, the publisher's {file} has {expected}", show_path(path))]
    Digest { path: PathBuf, file: String, found: Sha256Hex, expected: Sha256Hex },
    /// The archive holds what it should not.
    #[error("{}: {source}", show_path(archive))]
    Unpack { archive: PathBuf, source: UnpackError },
    /// The archive does not hold what it should.
    #[error("{}: {problem}", show_path(archive))]
    Contents { archive: PathBuf, problem: String },
    /// What was brought is not the data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl Hint for FetchError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unconfirmed { .. } => {
                Some("add --accept-unconfirmed to use it anyway; no track uses this data set".to_owned())
            }
            Self::Mistaken { id, .. } | Self::Dataset(DatasetError { id, problem: DatasetProblem::NoList { .. } }) => {
                Some(format!("run `hlb-bench data fetch {id}` for the right archive, or name it with --from"))
            }
            Self::Digest { .. }
            | Self::NoAddress { .. }
            | Self::Dataset(DatasetError { problem: DatasetProblem::NoFile { .. }, .. }) => {
                Some("name the right archive, a folder that has it, or an address with --from".to_owned())
            }
            Self::Download(error) => error.hint(),
            Self::Unpack { source, .. } => source.hint(),
            Self::Dataset(error) => error.hint(),
            Self::Artifact(error) => error.hint(),
            Self::Contents { .. } => None,
        }
    }
}

/// What to fetch, and how.
pub struct Fetch<'a> {
    /// What it is.
    pub manifest: &'a Manifest,
    /// Where it may be, in the order to try; empty for the publisher's address.
    pub places: &'a [Place],
    /// Accept an archive whose digest no second source confirms.
    pub accept_unconfirmed: bool,
    /// Folder of the user's data sets; a folder named after this one comes to lie in it.
    pub into: &'a Path,
    /// Receives progress and notes.
    pub watch: &'a dyn Watch,
}

impl Fetch<'_> {
    /// Fetches the data set unless it is there, and returns its folder. A folder of that name with wrong files is moved
    /// aside, not deleted. Only one process fetches a data set at a time; others wait.
    pub fn run(&self) -> Result<PathBuf, FetchError> {
        let target = self.into.join(self.manifest.id.as_str());
        if self.is_there(&target) {
            return Ok(target);
        }
        if !self.manifest.is_confirmed() && !self.accept_unconfirmed {
            return Err(FetchError::Unconfirmed { id: self.manifest.id.to_string() });
        }
        fs::create_dir_all(self.into).map_err(failed("create the folder", self.into))?;
        let _lock = self.lock()?;
        if self.is_there(&target) {
            return Ok(target);
        }
        let staging = self.staged_from_any()?;
        self.move_aside(&target)?;
        publish_dir(staging.path(), &target)?;
        // The folder was renamed, so its removal is switched off.
        let _ = staging.keep();
        // Verified downloads are unpacked or copied by now.
        let _ = fs::remove_dir_all(self.downloads());
        Ok(target)
    }

    fn is_there(&self, target: &Path) -> bool {
        self.manifest.source == Source::BuiltIn || verify(self.manifest, &Folder::At(target.to_owned())).is_ok()
    }

    fn lock(&self) -> Result<FetchLock, FetchError> {
        let path = lock_file(self.into, self.manifest.id.as_str());
        let waits = || self.watch.note(&format!("another process is fetching `{}`; waiting for it", self.manifest.id));
        Ok(FetchLock::wait(&path, &waits).map_err(failed("lock", &path))?)
    }

    /// The data set from the first place that has it, verified; otherwise the last error.
    fn staged_from_any(&self) -> Result<TempDir, FetchError> {
        let archive = self.manifest.archive();
        let publisher = match &self.manifest.source {
            Source::Idx(source) => Some(source.base_url.clone()),
            _ => archive.and_then(|archive| archive.url.clone()),
        };
        let publisher: Vec<Place> = publisher.into_iter().map(Place::Address).collect();
        let mut last = None;
        for place in if self.places.is_empty() { &publisher } else { self.places } {
            if let Some(error) = last {
                self.watch.note(&format!("{error}; trying {place}"));
            }
            match self.staged_from(place) {
                Ok(staging) => return Ok(staging),
                Err(error) => last = Some(error),
            }
        }
        let file = archive.map_or_else(String::new, |archive| archive.file.clone());
        Err(last.unwrap_or_else(|| FetchError::NoAddress { id: self.manifest.id.to_string(), file }))
    }

    /// A verified folder that takes its name when it is published.
    fn staged_from(&self, place: &Place) -> Result<TempDir, FetchError> {
        let staging = tempfile::Builder::new()
            .prefix(".staging-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(self.into)
            .map_err(failed("create a folder in", self.into))?;
        self.bring(place, staging.path())?;
        verify(self.manifest, &Folder::At(staging.path().to_owned()))?;
        Ok(staging)
    }

    /// Folder of downloads that can be resumed.
    fn downloads(&self) -> PathBuf {
        self.into.join(format!(".{}.downloads", self.manifest.id))
    }

    fn move_aside(&self, target: &Path) -> Result<(), FetchError> {
        if !target.exists() {
            return Ok(());
        }
        let mut names = (1_u64..).map(|number| self.into.join(format!("{}.damaged-{number}", self.manifest.id)));
        let aside = names.find(|name| fs::symlink_metadata(name).is_err()).expect("some number is free");
        publish_dir(target, &aside)?;
        self.watch.note(&format!("{} was not the data set; it is now {}", show_path(target), show_path(&aside)));
        Ok(())
    }
}
