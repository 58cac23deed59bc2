//! From verified files to the arrays that are trained on.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use flate2::read::MultiGzDecoder;

use crate::arrays::{ArrayShapes, Arrays};
use crate::cache::{self, CacheKey, Stored, Unusable};
use crate::content_digest;
use crate::decode_all::decode_all;
use crate::duplicates::{Duplicates, count_duplicates};
use crate::error::DatasetError;
use crate::file_list::{FileList, ListedFile, Split, list_name};
use crate::image::DECODER;
use crate::manifest::{CifarFile, CifarSource, IdxFile, IdxSource, ImageSource, Manifest, Source};
use crate::resize::Resize;
use crate::store::{self, Folder};
use crate::watch::Watch;
use crate::{cifar, idx, shapes};
use hlb_core::artifact::{Sha256Hex, sha256_hex};

/// A data set ready to be trained on.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The arrays.
    pub arrays: Arrays,
    /// SHA-256 over the arrays.
    pub content_sha256: Sha256Hex,
    /// Exact duplicates among the images.
    pub duplicates: Duplicates,
    /// Decoder and resizer of the images; `None` without either.
    pub decoder: Option<&'static str>,
}

/// Prepares the arrays of a data set. Images come from the cache if possible; other formats are read, verified and
/// decoded every time, which takes no longer. `given` is the user's folder for the files, if there is one.
pub fn prepare(
    manifest: &Manifest,
    resize: Option<Resize>,
    given: Option<&Path>,
    watch: &dyn Watch,
) -> Result<Prepared, DatasetError> {
    let shapes = shapes_of(manifest, resize)?;
    let (stored, decoder) = match (&manifest.source, resize) {
        (Source::Images(source), Some(resize)) => {
            (of_images(manifest, source, shapes, resize, given, watch)?, Some(DECODER))
        }
        _ => (of_arrays(manifest, resize, read(manifest, shapes, &store::find(manifest, given)?)?), None),
    };
    if let Some(known) = manifest.content(resize).filter(|known| known.sha256 != stored.sha256) {
        let id = manifest.id.to_string();
        return Err(DatasetError::Content { id, found: stored.sha256, expected: known.sha256 });
    }
    Ok(Prepared { arrays: stored.arrays, content_sha256: stored.sha256, duplicates: stored.duplicates, decoder })
}

fn shapes_of(manifest: &Manifest, resize: Option<Resize>) -> Result<ArrayShapes, DatasetError> {
    let problem = if resize.is_some() { "has images of one size already" } else { "has images that are not resized" };
    let unfit = || DatasetError::Unfit { id: manifest.id.to_string(), problem: problem.to_owned() };
    manifest.shapes(resize).ok_or_else(unfit)
}

/// With digest and duplicates; those of published content are known.
fn of_arrays(manifest: &Manifest, resize: Option<Resize>, arrays: Arrays) -> Stored {
    let sha256 = content_digest(&arrays);
    let known = manifest.content(resize).filter(|known| known.sha256 == sha256 && manifest.is_published());
    let duplicates = known.map_or_else(|| count_duplicates(&arrays), |known| known.duplicates);
    Stored { arrays, sha256, duplicates }
}

/// Reads images that are arrays already.
fn read(manifest: &Manifest, shapes: ArrayShapes, folder: &Folder) -> Result<Arrays, DatasetError> {
    let bytes = match (&manifest.source, folder) {
        (Source::Idx(source), Folder::At(folder)) => read_idx(manifest, source, shapes, folder)?,
        (Source::Cifar(source), Folder::At(folder)) => read_cifar(manifest, source, folder)?,
        _ => made(),
    };
    Ok(Arrays::new(bytes, shapes).expect("each file was checked against the manifest, and the manifest's sums too"))
}

fn made() -> Vec<u8> {
    let made = shapes::generate();
    [made.train.images, made.train.labels, made.eval.images, made.eval.labels].concat()
}

/// Verifies every byte of a data set without preparing it.
pub fn verify(manifest: &Manifest, folder: &Folder) -> Result<(), DatasetError> {
    match (&manifest.source, folder) {
        (Source::Images(source), Folder::At(folder)) => verify_images(manifest, source, folder),
        _ => read(manifest, shapes_of(manifest, None)?, folder).map(|_| ()),
    }
}

fn read_idx(
    manifest: &Manifest,
    source: &IdxSource,
    shapes: ArrayShapes,
    folder: &Path,
) -> Result<Vec<u8>, DatasetError> {
    let part = |(part, file)| read_idx_file(manifest, shapes, part, file, folder);
    Ok(source.files.iter().enumerate().map(part).collect::<Result<Vec<_>, _>>()?.concat())
}

/// One file: first its header and counts, whose errors explain more, then its digest.
fn read_idx_file(
    manifest: &Manifest,
    shapes: ArrayShapes,
    part: usize,
    file: &IdxFile,
    folder: &Path,
) -> Result<Vec<u8>, DatasetError> {
    let id = || manifest.id.to_string();
    let compressed = format!("{}.gz", file.name);
    let path = store::idx_file(folder, file).ok_or_else(|| {
        let name = if file.sha256.is_some() { format!("{}` or `{compressed}", file.name) } else { compressed.clone() };
        DatasetError::NoFile { id: id(), name, folder: folder.to_owned() }
    })?;
    let bytes = inflated(&path, idx::file_bytes(part, shapes)).map_err(unreadable(manifest, &path))?;
    let damaged = |source| DatasetError::Idx { id: id(), path: path.clone(), source };
    let body = idx::decode(&bytes, part, shapes).map_err(damaged)?;
    let (found, expected) = match file.sha256 {
        Some(expected) => (sha256_hex(&bytes), expected),
        None => (sha256_hex(&fs::read(&path).map_err(unreadable(manifest, &path))?), file.compressed_sha256),
    };
    same(found, expected, manifest, path).map(|()| body)
}

fn unreadable<'a>(manifest: &'a Manifest, path: &'a Path) -> impl FnOnce(io::Error) -> DatasetError + use<'a> {
    |source| DatasetError::Read { id: manifest.id.to_string(), path: path.to_owned(), source }
}

fn same(found: Sha256Hex, expected: Sha256Hex, manifest: &Manifest, path: PathBuf) -> Result<(), DatasetError> {
    if found == expected {
        return Ok(());
    }
    Err(DatasetError::Digest { id: manifest.id.to_string(), path, found, expected })
}

/// The file's bytes, decompressed.
fn inflated(path: &Path, expected: u64) -> io::Result<Vec<u8>> {
    let compressed = path.extension().is_some_and(|extension| extension == "gz");
    if compressed { capped(MultiGzDecoder::new(File::open(path)?), expected) } else { plain(path, expected) }
}

fn plain(path: &Path, expected: u64) -> io::Result<Vec<u8>> {
    capped(File::open(path)?, expected)
}

/// Reads at most one byte over `expected`, since a small compressed file may decompress to any size.
fn capped(reader: impl io::Read, expected: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(expected.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_cifar(manifest: &Manifest, source: &CifarSource, folder: &Path) -> Result<Vec<u8>, DatasetError> {
    let split = |files: &[CifarFile]| -> Result<[Vec<u8>; 2], DatasetError> {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for file in files {
            let part = read_cifar_file(manifest, source, file, folder)?;
            images.extend(part.0);
            labels.extend(part.1);
        }
        Ok([images, labels])
    };
    Ok([split(&source.train)?.concat(), split(&source.evaluation)?.concat()].concat())
}

fn read_cifar_file(
    manifest: &Manifest,
    source: &CifarSource,
    file: &CifarFile,
    folder: &Path,
) -> Result<(Vec<u8>, Vec<u8>), DatasetError> {
    let id = || manifest.id.to_string();
    let path = store::cifar_file(folder, &source.root, &file.name).ok_or_else(|| DatasetError::NoFile {
        id: id(),
        name: file.name.clone(),
        folder: folder.to_owned(),
    })?;
    let bytes = plain(&path, cifar::file_bytes(file.records)).map_err(unreadable(manifest, &path))?;
    let classes = u32::try_from(manifest.classes.len()).unwrap_or(u32::MAX);
    let damaged = |source| DatasetError::Cifar { id: id(), path: path.clone(), source };
    let decoded = cifar::decode(&bytes, file.records, classes).map_err(damaged)?;
    same(sha256_hex(&bytes), file.sha256, manifest, path).map(|()| decoded)
}

/// The list of files next to an unpacked folder.
pub(crate) fn list_of(manifest: &Manifest, source: &ImageSource, folder: &Path) -> Result<FileList, DatasetError> {
    let id = || manifest.id.to_string();
    let path = folder.join(list_name(source));
    if path.is_file() {
        return FileList::read(&path, manifest, source).map_err(|source| DatasetError::List { id: id(), source });
    }
    if folder.join(&source.root).is_dir() {
        let folder = folder.join(&source.root);
        return Err(DatasetError::NoList { id: id(), folder, list: list_name(source) });
    }
    Err(DatasetError::NoFile { id: id(), name: source.root.clone(), folder: folder.to_owned() })
}

fn verify_images(manifest: &Manifest, source: &ImageSource, folder: &Path) -> Result<(), DatasetError> {
    let list = list_of(manifest, source, folder)?;
    let root = folder.join(&source.root);
    let differences = list.differences(folder, source).map_err(unreadable(manifest, &root))?;
    if differences.is_empty() {
        return Ok(());
    }
    Err(DatasetError::Differs { id: manifest.id.to_string(), folder: root, differences })
}

/// Images from the cache, else decoded and stored there.
fn of_images(
    manifest: &Manifest,
    source: &ImageSource,
    shapes: ArrayShapes,
    resize: Resize,
    given: Option<&Path>,
    watch: &dyn Watch,
) -> Result<Stored, DatasetError> {
    let key = CacheKey {
        dataset: manifest.id.as_str(),
        manifest_sha256: manifest.digest(),
        shapes,
        resize,
        decoder: DECODER,
    };
    let cache = cache::cache_folder();
    match key.open(&cache) {
        Ok(stored) => return Ok(stored),
        Err(Unusable::Absent) => {}
        Err(damaged) => watch.note(&format!("{damaged}; they are made again")),
    }
    let Folder::At(folder) = store::find(manifest, given)? else { unreachable!("images are never built in") };
    let arrays = decode(manifest, source, shapes, resize, &folder, watch)?;
    let stored = of_arrays(manifest, Some(resize), arrays);
    if let Err(error) = key.store(&cache, &stored) {
        watch.note(&format!("the preprocessed arrays are not kept: {error}; the next session has to decode again"));
    }
    Ok(stored)
}

/// Reads, verifies, decodes and resizes every image on the list.
fn decode(
    manifest: &Manifest,
    source: &ImageSource,
    shapes: ArrayShapes,
    resize: Resize,
    folder: &Path,
    watch: &dyn Watch,
) -> Result<Arrays, DatasetError> {
    let list = list_of(manifest, source, folder)?;
    let path_of = |file: &ListedFile| folder.join(&file.path);
    let read = |file: &ListedFile| {
        let path = path_of(file);
        let bytes = plain(&path, file.bytes).map_err(unreadable(manifest, &path))?;
        same(sha256_hex(&bytes), file.sha256, manifest, path).map(|()| bytes)
    };
    let refused = |file: &ListedFile, source| {
        let id = manifest.id.to_string();
        DatasetError::Image { id, path: path_of(file), source }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let of = list.files().len() as u64;
    let progress = |done: usize| watch.progress("images", done as u64, of);
    let images = decode_all(list.files(), read, refused, resize, threads, &progress)?;
    let of = |split| list.files().iter().filter(move |file| file.split == split).map(|file| file.label);
    let (train, evaluation) = images.split_at(shapes.train as usize * shapes.image_bytes());
    let labels = [of(Split::Train).collect::<Vec<_>>(), of(Split::Evaluation).collect()];
    let bytes = [train, &labels[0], evaluation, &labels[1]].concat();
    Ok(Arrays::new(bytes, shapes).expect("the list was checked against the manifest"))
}
