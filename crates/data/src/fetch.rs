//! Fetches a data set into the user's data folder: from its publisher, from mirrors, or from local files. A folder gets its
//! name only when everything in it is verified.

mod lock;
mod prune;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tempfile::TempDir;

use crate::cifar;
use crate::download::{DownloadError, Patience, Published, download};
use crate::error::DatasetError;
use crate::file_list::{FileList, ListError, list_name, place_of};
use crate::manifest::{self, Archive, CifarSource, IdxSource, ImageSource, Manifest, Source};
use crate::prepare::{list_of, verify};
use crate::store::{self, Folder};
use crate::unpack::{Limits, UnpackError, Unpacked, unpack};
use crate::watch::Watch;
use hlb_core::artifact::{ArtifactError, Sha256Hex, publish_dir, sha256_file};
use hlb_core::hint::Hint;
use lock::{FetchLock, lock_file};

pub use prune::prune_downloads;

/// Where to take a data set from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An address: of the file itself, or that the publisher's files lie under.
    Address(String),
    /// A file or folder on this machine.
    Path(PathBuf),
}

impl FromStr for Place {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.starts_with("http://") || text.starts_with("https://");
        Ok(if address { Self::Address(text.to_owned()) } else { Self::Path(PathBuf::from(text)) })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(url) => formatter.write_str(url),
            Self::Path(path) => write!(formatter, "{}", path.display()),
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
    #[error("{path} has SHA-256 {found}, the publisher's {file} has {expected}")]
    Digest { path: PathBuf, file: String, found: Sha256Hex, expected: Sha256Hex },
    /// The archive holds what it should not.
    #[error("{archive}: {source}")]
    Unpack { archive: PathBuf, source: UnpackError },
    /// The archive does not hold what it should.
    #[error("{archive}: {source}")]
    Contents { archive: PathBuf, source: ListError },
    /// A folder that has neither the archive nor the unpacked files.
    #[error("{folder} has neither {wanted}")]
    NotThere { folder: PathBuf, wanted: String },
    /// What was brought is not the data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A file cannot be read or copied.
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] ArtifactError),
}

impl Hint for FetchError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unconfirmed { .. } => {
                Some("add --accept-unconfirmed to use it anyway; no track uses this data set".to_owned())
            }
            Self::Mistaken { id, .. } | Self::Dataset(DatasetError::NoList { id, .. }) => {
                Some(format!("run `hlb-bench data fetch {id}` for the right archive, or name it with --from"))
            }
            Self::Digest { .. } | Self::NoAddress { .. } | Self::NotThere { .. } => {
                Some("name the right archive, a folder that has it, or an address with --from".to_owned())
            }
            Self::Download(error) => error.hint(),
            Self::Unpack { source, .. } => source.hint(),
            Self::Dataset(error) => error.hint(),
            Self::Write(error) => error.hint(),
            Self::Contents { .. } => None,
            Self::Io { source, .. } => {
                (source.kind() == io::ErrorKind::StorageFull).then(|| "free some space on the disk".to_owned())
            }
        }
    }
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> FetchError + use<'_> {
    |source| FetchError::Io { path: path.to_owned(), source }
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
        fs::create_dir_all(self.into).map_err(io_at(self.into))?;
        let _lock = self.lock()?;
        if self.is_there(&target) {
            return Ok(target);
        }
        let staging = self.staged_from_any()?;
        self.move_aside(&target)?;
        publish_dir(staging.path(), &target)?;
        // The folder was renamed, so its removal is switched off.
        let _ = staging.keep();
        self.forget_downloads();
        Ok(target)
    }

    fn is_there(&self, target: &Path) -> bool {
        self.manifest.source == Source::BuiltIn || verify(self.manifest, &Folder::At(target.to_owned())).is_ok()
    }

    fn lock(&self) -> Result<FetchLock, FetchError> {
        let path = lock_file(self.into, self.manifest.id.as_str());
        let waits = || self.watch.note(&format!("another process is fetching `{}`; waiting for it", self.manifest.id));
        FetchLock::wait(&path, &waits).map_err(io_at(&path))
    }

    /// The data set from the first place that has it, verified; otherwise the last error.
    fn staged_from_any(&self) -> Result<TempDir, FetchError> {
        let own: Vec<Place> = self.publisher().into_iter().collect();
        let places = if self.places.is_empty() { &own[..] } else { self.places };
        let mut last = FetchError::NoAddress { id: self.manifest.id.to_string(), file: self.wanted_file() };
        for (index, place) in places.iter().enumerate() {
            match self.staged_from(place) {
                Ok(staging) => return Ok(staging),
                Err(error) => last = error,
            }
            if let Some(next) = places.get(index + 1) {
                self.watch.note(&format!("{last}; trying {next}"));
            }
        }
        Err(last)
    }

    /// The publisher's address, if the manifest names one.
    fn publisher(&self) -> Option<Place> {
        match &self.manifest.source {
            Source::Idx(source) => Some(Place::Address(source.base_url.clone())),
            _ => self.manifest.archive().and_then(|archive| archive.url.clone()).map(Place::Address),
        }
    }

    fn wanted_file(&self) -> String {
        self.manifest.archive().map_or_else(|| "its files".to_owned(), |archive| archive.file.clone())
    }

    /// A verified folder that takes its name when it is published.
    fn staged_from(&self, place: &Place) -> Result<TempDir, FetchError> {
        let staging = tempfile::Builder::new().prefix(".staging-").tempdir_in(self.into).map_err(io_at(self.into))?;
        fs::set_permissions(staging.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .map_err(io_at(staging.path()))?;
        self.bring(place, staging.path())?;
        verify(self.manifest, &Folder::At(staging.path().to_owned()))?;
        Ok(staging)
    }

    /// Puts the files into the staging folder.
    fn bring(&self, place: &Place, staging: &Path) -> Result<(), FetchError> {
        match &self.manifest.source {
            Source::BuiltIn => Ok(()),
            Source::Idx(source) => self.bring_idx(source, place, staging),
            Source::Cifar(source) => self.bring_cifar(source, place, staging),
            Source::Images(source) => self.bring_images(source, place, staging),
        }
    }

    /// Folder of downloads that can be resumed.
    fn downloads(&self) -> PathBuf {
        self.into.join(format!(".{}.downloads", self.manifest.id))
    }

    /// Verified downloads are unpacked or copied by now.
    fn forget_downloads(&self) {
        let _ = fs::remove_dir_all(self.downloads());
    }

    fn move_aside(&self, target: &Path) -> Result<(), FetchError> {
        if !target.exists() {
            return Ok(());
        }
        for number in 1.. {
            let aside = self.into.join(format!("{}.damaged-{number}", self.manifest.id));
            match publish_dir(target, &aside) {
                Err(ArtifactError::Exists { .. }) => {}
                other => {
                    other?;
                    self.watch.note(&format!(
                        "{} was not the data set; it is now {}",
                        target.display(),
                        aside.display()
                    ));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn bring_idx(&self, source: &IdxSource, place: &Place, staging: &Path) -> Result<(), FetchError> {
        if let Place::Path(folder) = place {
            return self.copy_idx(source, folder, staging);
        }
        source.files.iter().try_for_each(|file| {
            let compressed = format!("{}.gz", file.name);
            let url = format!("{}/{compressed}", place.to_string().trim_end_matches('/'));
            let wanted = Published { file: &compressed, bytes: file.compressed_bytes, sha256: file.compressed_sha256 };
            copy(&self.downloaded(&url, &wanted)?, &staging.join(&compressed))
        })
    }

    /// Verified in place, so that an error names the user's file.
    fn copy_idx(&self, source: &IdxSource, folder: &Path, staging: &Path) -> Result<(), FetchError> {
        let files: Vec<Option<PathBuf>> = source.files.iter().map(|file| store::idx_file(folder, file)).collect();
        if let Some((missing, _)) = source.files.iter().zip(&files).find(|(_, found)| found.is_none()) {
            let wanted = format!("{} nor {}.gz", missing.name, missing.name);
            return Err(FetchError::NotThere { folder: folder.to_owned(), wanted });
        }
        verify(self.manifest, &Folder::At(folder.to_owned()))?;
        files.iter().flatten().try_for_each(|path| copy(path, &staging.join(path.file_name().unwrap_or_default())))
    }

    /// Downloads to a folder that stays if this process ends, so that the download can be resumed.
    fn downloaded(&self, url: &str, published: &Published) -> Result<PathBuf, FetchError> {
        let waiting = self.downloads();
        fs::create_dir_all(&waiting).map_err(io_at(&waiting))?;
        let path = waiting.join(published.file);
        let mut progress = |bytes| self.watch.progress(published.file, bytes, published.bytes);
        let outcome = download(url, published, &path, &mut progress, &Patience::default());
        outcome.map(|()| path).map_err(|error| self.recognized(error, url))
    }

    /// Names a wrong download if it is a known archive.
    fn recognized(&self, error: DownloadError, url: &str) -> FetchError {
        let is = match &error {
            DownloadError::Length { found, .. } => {
                identify(self.manifest, |bytes, _| bytes == *found).map(|is| format!("by its length, {is}"))
            }
            DownloadError::Digest { found, .. } => identify(self.manifest, |_, sha256| sha256 == *found),
            _ => None,
        };
        match is {
            Some(is) => FetchError::Mistaken { place: url.to_owned(), id: self.manifest.id.to_string(), is },
            None => error.into(),
        }
    }

    fn bring_cifar(&self, source: &CifarSource, place: &Place, staging: &Path) -> Result<(), FetchError> {
        if let Some(folder) = unpacked_at(place, &source.archive) {
            return self.copy_cifar(source, folder, staging);
        }
        let archive = self.archive(&source.archive, place)?;
        let wanted = |path: &str| {
            path.strip_prefix(&source.root)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|name| source.files().any(|file| file.name == name))
        };
        let sizes = || source.files().map(|file| cifar::file_bytes(file.records));
        let least = Least { files: 100, member_bytes: sizes().max().unwrap_or(0), total_bytes: sizes().sum() };
        self.unpack(&archive, staging, &wanted, least).map(|_| ())
    }

    /// Verified in place, so that an error names the user's file.
    fn copy_cifar(&self, source: &CifarSource, folder: &Path, staging: &Path) -> Result<(), FetchError> {
        let has = |name: &str| store::cifar_file(folder, &source.root, name);
        if source.files().any(|file| has(&file.name).is_none()) {
            return Err(not_there(folder, &source.archive, &source.root));
        }
        verify(self.manifest, &Folder::At(folder.to_owned()))?;
        let copy_in = |name: &str| copy(&has(name).unwrap_or_default(), &staging.join(&source.root).join(name));
        source.files().try_for_each(|file| copy_in(&file.name))
    }

    fn bring_images(&self, source: &ImageSource, place: &Place, staging: &Path) -> Result<(), FetchError> {
        if let Some(folder) = unpacked_at(place, &source.archive) {
            return self.copy_images(source, folder, staging);
        }
        let archive = self.archive(&source.archive, place)?;
        let images = u64::from(self.manifest.train) + u64::from(self.manifest.evaluation);
        let wanted = |path: &str| place_of(source, path).is_some();
        let least = Least { files: images, member_bytes: 0, total_bytes: 0 };
        let unpacked = self.unpack(&archive, staging, &wanted, least)?;
        let list = FileList::of_unpacked(self.manifest, source, unpacked)
            .map_err(|source| FetchError::Contents { archive, source })?;
        Ok(list.write(&staging.join(list_name(source)))?)
    }

    /// An unpacked folder with the list of its files next to it, or the folder that both lie in.
    fn copy_images(&self, source: &ImageSource, folder: &Path, staging: &Path) -> Result<(), FetchError> {
        let is_root =
            folder.file_name().is_some_and(|name| name == source.root.as_str()) && !folder.join(&source.root).exists();
        let folder = if is_root { folder.parent().unwrap_or(folder) } else { folder };
        if !folder.join(&source.root).is_dir() {
            return Err(not_there(folder, &source.archive, &source.root));
        }
        let list = list_of(self.manifest, source, folder)?;
        verify(self.manifest, &Folder::At(folder.to_owned()))?;
        for (number, file) in (1..).zip(list.files()) {
            copy(&folder.join(&file.path), &staging.join(&file.path))?;
            self.watch.progress("images", number, list.files().len() as u64);
        }
        Ok(list.write(&staging.join(list_name(source)))?)
    }

    /// The verified archive: downloaded, or where the user has it.
    fn archive(&self, archive: &Archive, place: &Place) -> Result<PathBuf, FetchError> {
        match place {
            Place::Address(url) => {
                let whole = url.ends_with(&archive.file) || self.places.is_empty();
                let url = if whole { url.clone() } else { format!("{}/{}", url.trim_end_matches('/'), archive.file) };
                self.downloaded(&url, &Published { file: &archive.file, bytes: archive.bytes, sha256: archive.sha256 })
            }
            Place::Path(path) => {
                let path = if path.is_dir() { path.join(&archive.file) } else { path.clone() };
                self.check_archive(archive, &path)?;
                Ok(path)
            }
        }
    }

    fn check_archive(&self, archive: &Archive, path: &Path) -> Result<(), FetchError> {
        let found = sha256_file(path)?;
        if found == archive.sha256 {
            return Ok(());
        }
        if let Some(is) = identify(self.manifest, |_, sha256| sha256 == found) {
            return Err(FetchError::Mistaken {
                place: path.display().to_string(),
                id: self.manifest.id.to_string(),
                is,
            });
        }
        let file = archive.file.clone();
        Err(FetchError::Digest { path: path.to_owned(), file, found, expected: archive.sha256 })
    }

    fn unpack(
        &self,
        archive: &Path,
        into: &Path,
        wanted: &dyn Fn(&str) -> bool,
        least: Least,
    ) -> Result<Vec<Unpacked>, FetchError> {
        // Images do not compress, and arrays may compress to nothing. Twice the number of files leaves room for strays.
        let bytes_in_archive = fs::metadata(archive).map_err(io_at(archive))?.len();
        let limits = Limits {
            members: 2 * least.files + 1000,
            member_bytes: least.member_bytes.max(64 << 20),
            total_bytes: bytes_in_archive.saturating_mul(4).max(least.total_bytes.saturating_mul(2)).max(1 << 20),
        };
        let reader = File::open(archive).map_err(io_at(archive))?;
        let mut progress = |bytes| self.watch.progress("unpacking", bytes, bytes_in_archive);
        unpack(reader, into, wanted, limits, &mut progress)
            .map_err(|source| FetchError::Unpack { archive: archive.to_owned(), source })
    }
}

/// What an archive has to hold at least.
#[derive(Clone, Copy)]
struct Least {
    files: u64,
    member_bytes: u64,
    total_bytes: u64,
}

/// A folder without the archive in it.
fn unpacked_at<'a>(place: &'a Place, archive: &Archive) -> Option<&'a Path> {
    match place {
        Place::Path(path) if path.is_dir() && !path.join(&archive.file).is_file() => Some(path),
        _ => None,
    }
}

fn not_there(folder: &Path, archive: &Archive, root: &str) -> FetchError {
    FetchError::NotThere {
        folder: folder.to_owned(),
        wanted: format!("{} nor the unpacked folder {root}", archive.file),
    }
}

/// Copies into a staging folder, which is verified before it is published.
fn copy(from: &Path, to: &Path) -> Result<(), FetchError> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(io_at(folder))?;
    }
    fs::copy(from, to).map(|_| ()).map_err(io_at(from))
}

/// Describes a wrong archive: one that is easily mistaken for this one, or another data set's.
fn identify(manifest: &Manifest, is_it: impl Fn(u64, Sha256Hex) -> bool) -> Option<String> {
    let mistaken = manifest.archive().into_iter().flat_map(|archive| &archive.mistaken_for);
    if let Some(known) = mistaken.into_iter().find(|other| is_it(other.bytes, other.sha256)) {
        return Some(format!("this is {}", known.is));
    }
    let all = manifest::all();
    let found = all.iter().find(|other| other.archive().is_some_and(|archive| is_it(archive.bytes, archive.sha256)))?;
    Some(format!("this is the archive of `{}`", found.id))
}
