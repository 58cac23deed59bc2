//! Brings the files of a data set into a staging folder: downloads and archives, or a copy of what the user has.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::{Fetch, FetchError, Place, io_at};
use crate::cifar;
use crate::download::{DownloadError, Patience, Published, download};
use crate::file_list::{FileList, list_name, place_of};
use crate::manifest::{self, Archive, CifarSource, IdxSource, ImageSource, Manifest, Source};
use crate::prepare::{list_of, verify};
use crate::store::{self, Folder};
use crate::unpack::{Limits, Unpacked, unpack};
use hlb_core::artifact::{Sha256Hex, sha256_file};

impl Fetch<'_> {
    /// Puts the files into the staging folder.
    pub(super) fn bring(&self, place: &Place, staging: &Path) -> Result<(), FetchError> {
        match &self.manifest.source {
            Source::BuiltIn => Ok(()),
            Source::Idx(source) => self.bring_idx(source, place, staging),
            Source::Cifar(source) => self.bring_cifar(source, place, staging),
            Source::Images(source) => self.bring_images(source, place, staging),
        }
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
