//! Brings the files of a data set into a staging folder: downloads and archives, or a copy of what the user has.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Fetch, FetchError, Place};
use crate::cifar;
use crate::download::{DownloadError, Patience, Published, download};
use crate::file_list::{FileList, MOST_IMAGE_BYTES, list_name, place_of};
use crate::manifest::{self, Archive, CifarSource, IdxSource, ImageSource, Manifest, Source};
use crate::prepare::{list_of, verify};
use crate::store::{self, Folder};
use crate::unpack::{Limits, Unpacked, create, unpack};
use hlb_core::artifact::{ArtifactError, Sha256Hex, failed, sha256_file};
use hlb_core::bounded;
use hlb_core::text::show_path;

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
            // Verified in place, so that an error names the user's file.
            verify(self.manifest, &Folder::At(folder.clone()))?;
            for path in source.files.iter().filter_map(|file| store::idx_file(folder, file)) {
                copy(&path, &staging.join(path.file_name().unwrap_or_default()))?;
            }
            return Ok(());
        }
        for file in &source.files {
            let compressed = format!("{}.gz", file.name);
            let url = format!("{}/{compressed}", place.to_string().trim_end_matches('/'));
            let wanted = Published { file: &compressed, bytes: file.compressed_bytes, sha256: file.compressed_sha256 };
            copy(&self.downloaded(&url, &wanted)?, &staging.join(&compressed))?;
        }
        Ok(())
    }

    /// Downloads to a folder that stays if this process ends, so that the download can be resumed.
    fn downloaded(&self, url: &str, published: &Published) -> Result<PathBuf, FetchError> {
        let waiting = self.downloads();
        fs::create_dir_all(&waiting).map_err(failed("create the folder", &waiting))?;
        let path = waiting.join(published.file);
        let mut progress = |bytes| self.watch.progress(published.file, bytes, published.bytes);
        let outcome = download(url, published, &path, &mut progress, &Patience::default());
        outcome.map(|()| path).map_err(|error| self.recognized(error, url))
    }

    /// Names a wrong download if it is a known archive.
    fn recognized(&self, error: DownloadError, url: &str) -> FetchError {
        let known = match &error {
            DownloadError::Length { found, .. } => self.mistaken(url, "by its length, ", |bytes, _| bytes == *found),
            DownloadError::Digest { found, .. } => self.mistaken(url, "", |_, sha256| sha256 == *found),
            _ => None,
        };
        known.unwrap_or_else(|| error.into())
    }

    /// The error of a wrong archive if it is a known one.
    fn mistaken(&self, place: &str, how: &str, is_it: impl Fn(u64, Sha256Hex) -> bool) -> Option<FetchError> {
        let is = format!("{how}{}", identify(self.manifest, is_it)?);
        Some(FetchError::Mistaken { place: place.to_owned(), id: self.manifest.id.to_string(), is })
    }

    fn bring_cifar(&self, source: &CifarSource, place: &Place, staging: &Path) -> Result<(), FetchError> {
        let root = staging.join(&source.root);
        if let Some(folder) = unpacked_at(place, &source.archive) {
            // Verified in place, so that an error names the user's file.
            verify(self.manifest, &Folder::At(folder.to_owned()))?;
            for file in source.files() {
                let path = store::cifar_file(folder, &source.root, &file.name).unwrap_or_default();
                copy(&path, &root.join(&file.name))?;
            }
            return Ok(());
        }
        let archive = self.archive(&source.archive, place)?;
        let wanted = |path: &str| source.files().any(|file| path == format!("{}/{}", source.root, file.name));
        let sizes = || source.files().map(|file| cifar::file_bytes(file.records));
        let needs = Limits { members: 100, member_bytes: sizes().max().unwrap_or(0), total_bytes: sizes().sum() };
        self.unpack(&archive, staging, &wanted, needs).map(drop)
    }

    fn bring_images(&self, source: &ImageSource, place: &Place, staging: &Path) -> Result<(), FetchError> {
        if let Some(folder) = unpacked_at(place, &source.archive) {
            return self.copy_images(source, folder, staging);
        }
        let archive = self.archive(&source.archive, place)?;
        let members = u64::from(self.manifest.train) + u64::from(self.manifest.evaluation);
        let wanted = |path: &str| place_of(source, path).is_some();
        let needs = Limits { members, member_bytes: 0, total_bytes: 0 };
        let unpacked = self.unpack(&archive, staging, &wanted, needs)?;
        let list = FileList::of_unpacked(self.manifest, source, unpacked)
            .map_err(|problem| FetchError::Contents { archive, problem })?;
        Ok(list.write(&staging.join(list_name(source)))?)
    }

    /// An unpacked folder with the list of its files next to it, or the folder that both lie in.
    fn copy_images(&self, source: &ImageSource, folder: &Path, staging: &Path) -> Result<(), FetchError> {
        let is_root = folder.ends_with(&source.root) && !folder.join(&source.root).exists();
        let folder = if is_root { folder.parent().unwrap_or(folder) } else { folder };
        let list = list_of(self.manifest, source, folder).map_err(|problem| problem.of(self.manifest))?;
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
        let (found, expected) = (sha256_file(path)?, archive.sha256);
        if found == expected {
            return Ok(());
        }
        let known = self.mistaken(&show_path(path), "", |_, sha256| sha256 == found);
        let file = archive.file.clone();
        Err(known.unwrap_or(FetchError::Digest { path: path.to_owned(), file, found, expected }))
    }

    /// Unpacks an archive that has to hold at least what it `needs`.
    fn unpack(
        &self,
        archive: &Path,
        into: &Path,
        wanted: &dyn Fn(&str) -> bool,
        needs: Limits,
    ) -> Result<Vec<Unpacked>, FetchError> {
        let reader = bounded::open_named(archive).map_err(failed("open", archive))?;
        let bytes_in_archive = reader.metadata().map_err(failed("read", archive))?.len();
        // Images do not compress, and arrays may compress to nothing. Twice the number of files leaves room for strays.
        let limits = Limits {
            members: 2 * needs.members + 1000,
            member_bytes: needs.member_bytes.max(MOST_IMAGE_BYTES),
            total_bytes: bytes_in_archive.saturating_mul(4).max(needs.total_bytes.saturating_mul(2)).max(1 << 20),
        };
        let mut progress = |bytes| self.watch.progress("unpacking", bytes, bytes_in_archive);
        unpack(reader, into, wanted, limits, &mut progress)
            .map_err(|source| FetchError::Unpack { archive: archive.to_owned(), source })
    }
}

/// A folder without the archive in it.
fn unpacked_at<'a>(place: &'a Place, archive: &Archive) -> Option<&'a Path> {
    match place {
        Place::Path(path) if path.is_dir() && !path.join(&archive.file).is_file() => Some(path),
        _ => None,
    }
}

/// Copies into a staging folder, which is verified before it is published.
fn copy(from: &Path, to: &Path) -> Result<(), ArtifactError> {
    let mut file = bounded::open_named(from).map_err(failed("copy", from))?;
    create(to).and_then(|mut to| io::copy(&mut file, &mut to)).map(drop).map_err(failed("copy", from))
}

/// Describes a wrong archive: one that is easily mistaken for this one, or another data set's.
fn identify(manifest: &Manifest, is_it: impl Fn(u64, Sha256Hex) -> bool) -> Option<String> {
    let mistaken = manifest.archive().into_iter().flat_map(|archive| &archive.mistaken_for);
    if let Some(known) = mistaken.into_iter().find(|other| is_it(other.bytes, other.sha256)) {
        return Some(format!("this is {}", known.is));
    }
    let is_known = |other: &Manifest| other.archive().is_some_and(|archive| is_it(archive.bytes, archive.sha256));
    manifest::all().into_iter().find(is_known).map(|found| format!("this is the archive of `{}`", found.id))
}
