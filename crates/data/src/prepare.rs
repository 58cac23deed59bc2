//! From verified files to the arrays that are trained on.

use std::io::{self, Read as _};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::apart;
use crate::arrays::{ArrayShapes, Arrays};
use crate::cache::{self, CacheKey, Prepared};
use crate::confine::Guard;
use crate::duplicates::count_duplicates;
use crate::error::{DatasetError, DatasetProblem, unreadable};
use crate::file_list::{FileList, Split, list_name};
use crate::image::DECODER;
use crate::manifest::{CifarFile, CifarSource, IdxFile, ImageSource, Manifest, Source};
use crate::resize::Resize;
use crate::store::{self, Folder};
use crate::watch::Watch;
use crate::{cifar, idx, shapes};
use hlb_core::artifact::{Sha256Hex, sha256_file, sha256_hex};
use hlb_core::bounded;

/// Prepares the arrays of a data set. Images come from the cache if possible; other formats are read, verified and
/// decoded every time, which takes no longer. `given` is the user's folder for the files, if there is one.
pub fn prepare(
    manifest: &Manifest,
    resize: Option<Resize>,
    given: Option<&Path>,
    watch: &dyn Watch,
) -> Result<Prepared, DatasetError> {
    let shapes = shapes_of(manifest, resize)?;
    let prepared = match (&manifest.source, resize) {
        (Source::Images(source), Some(resize)) => of_images(manifest, source, shapes, resize, given, watch)?,
        _ => of_arrays(manifest, resize, read(manifest, shapes, &store::find(manifest, given)?)?),
    };
    match manifest.content(resize) {
        Some(known) if known.sha256 != prepared.content_sha256 => {
            let (found, expected) = (prepared.content_sha256, known.sha256);
            Err(DatasetProblem::Content { found, expected }.of(manifest))
        }
        _ => Ok(prepared),
    }
}

fn shapes_of(manifest: &Manifest, resize: Option<Resize>) -> Result<ArrayShapes, DatasetError> {
    let problem = if resize.is_some() { "has images of one size already" } else { "has images that are not resized" };
    manifest.shapes(resize).ok_or_else(|| DatasetProblem::Unfit(problem.to_owned()).of(manifest))
}

/// With digest and duplicates; those of published content are known.
fn of_arrays(manifest: &Manifest, resize: Option<Resize>, arrays: Arrays) -> Prepared {
    let content_sha256 = sha256_hex(arrays.bytes());
    let known = manifest.content(resize).filter(|known| known.sha256 == content_sha256 && manifest.is_published());
    let duplicates = known.map_or_else(|| count_duplicates(&arrays), |known| known.duplicates);
    Prepared { arrays, content_sha256, duplicates, decoder: resize.map(|_| DECODER), decoded_without: Vec::new() }
}

/// Reads images that are arrays already.
fn read(manifest: &Manifest, shapes: ArrayShapes, folder: &Folder) -> Result<Arrays, DatasetError> {
    let bytes = match (&manifest.source, folder) {
        (Source::Idx(source), Folder::At(folder)) => read_idx(&source.files, shapes, folder),
        (Source::Cifar(source), Folder::At(folder)) => read_cifar(source, shapes.classes, folder),
        _ => Ok(shapes::generate()),
    };
    let bytes = bytes.map_err(|problem| problem.of(manifest))?;
    Ok(Arrays::new(bytes, shapes).expect("each file was checked against the manifest, and the manifest's sums too"))
}

/// Verifies every byte of a data set without preparing it.
pub fn verify(manifest: &Manifest, folder: &Folder) -> Result<(), DatasetError> {
    match (&manifest.source, folder) {
        (Source::Images(source), Folder::At(folder)) => {
            verify_images(manifest, source, folder).map_err(|problem| problem.of(manifest))
        }
        _ => read(manifest, shapes_of(manifest, None)?, folder).map(drop),
    }
}

fn read_idx(files: &[IdxFile], shapes: ArrayShapes, folder: &Path) -> Result<Vec<u8>, DatasetProblem> {
    let body = |(part, file)| read_idx_file(part, file, shapes, folder);
    Ok(files.iter().enumerate().map(body).collect::<Result<Vec<_>, _>>()?.concat())
}

/// One file: first its header and counts, whose errors explain more, then its digest.
fn read_idx_file(part: usize, file: &IdxFile, shapes: ArrayShapes, folder: &Path) -> Result<Vec<u8>, DatasetProblem> {
    let path = store::idx_file(folder, file).ok_or_else(|| {
        let compressed = format!("{}.gz", file.name);
        let name = if file.sha256.is_some() { format!("{}` or `{compressed}", file.name) } else { compressed };
        DatasetProblem::NoFile { name, folder: folder.to_owned() }
    })?;
    let bytes = inflated(&path, idx::file_bytes(part, shapes)).map_err(unreadable(&path))?;
    let body = idx::decode(&bytes, part, shapes).map_err(|problem| malformed(&path, &problem))?;
    let (found, expected) = match file.sha256 {
        Some(expected) => (sha256_hex(&bytes), expected),
        None => {
            (sha256_file(&path).map_err(|error| unreadable(&path)(io::Error::other(error)))?, file.compressed_sha256)
        }
    };
    same(found, expected, &path)?;
    Ok(body)
}

fn malformed(path: &Path, problem: &impl ToString) -> DatasetProblem {
    DatasetProblem::Format { path: path.to_owned(), problem: problem.to_string() }
}

fn same(found: Sha256Hex, expected: Sha256Hex, path: &Path) -> Result<(), DatasetProblem> {
    if found == expected { Ok(()) } else { Err(DatasetProblem::Digest { path: path.to_owned(), found, expected }) }
}

/// The file's bytes, decompressed.
fn inflated(path: &Path, expected: u64) -> io::Result<Vec<u8>> {
    let compressed = path.extension().is_some_and(|extension| extension == "gz");
    if compressed { capped(MultiGzDecoder::new(bounded::open_named(path)?), expected) } else { plain(path, expected) }
}

fn plain(path: &Path, expected: u64) -> io::Result<Vec<u8>> {
    capped(bounded::open_named(path)?, expected)
}

/// Reads at most one byte over `expected`, since a small compressed file may decompress to any size.
fn capped(reader: impl io::Read, expected: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(expected.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The images and then the labels of each split.
fn read_cifar(source: &CifarSource, classes: u32, folder: &Path) -> Result<Vec<u8>, DatasetProblem> {
    let mut bytes = Vec::new();
    for files in [&source.train, &source.evaluation] {
        let mut all_labels = Vec::new();
        for file in files {
            let (images, labels) = read_cifar_file(source, file, classes, folder)?;
            bytes.extend(images);
            all_labels.extend(labels);
        }
        bytes.extend(all_labels);
    }
    Ok(bytes)
}

fn read_cifar_file(
    source: &CifarSource,
    file: &CifarFile,
    classes: u32,
    folder: &Path,
) -> Result<(Vec<u8>, Vec<u8>), DatasetProblem> {
    let missing = || DatasetProblem::NoFile { name: file.name.clone(), folder: folder.to_owned() };
    let path = store::cifar_file(folder, &source.root, &file.name).ok_or_else(missing)?;
    let bytes = plain(&path, cifar::file_bytes(file.records)).map_err(unreadable(&path))?;
    let decoded = cifar::decode(&bytes, file.records, classes).map_err(|problem| malformed(&path, &problem))?;
    same(sha256_hex(&bytes), file.sha256, &path)?;
    Ok(decoded)
}

/// The list of files next to an unpacked folder.
pub(crate) fn list_of(manifest: &Manifest, source: &ImageSource, folder: &Path) -> Result<FileList, DatasetProblem> {
    let (list, root) = (folder.join(list_name(source)), folder.join(&source.root));
    if list.is_file() {
        FileList::read(&list, manifest, source)
    } else if root.is_dir() {
        Err(DatasetProblem::NoList { folder: root, list: list_name(source) })
    } else {
        Err(DatasetProblem::NoFile { name: source.root.clone(), folder: folder.to_owned() })
    }
}

fn verify_images(manifest: &Manifest, source: &ImageSource, folder: &Path) -> Result<(), DatasetProblem> {
    let list = list_of(manifest, source, folder)?;
    let root = folder.join(&source.root);
    let differences = list.differences(folder, source).map_err(unreadable(&root))?;
    if differences.is_empty() { Ok(()) } else { Err(DatasetProblem::Differs { folder: root, differences }) }
}

/// Images from the cache, else decoded and stored there.
fn of_images(
    manifest: &Manifest,
    source: &ImageSource,
    shapes: ArrayShapes,
    resize: Resize,
    given: Option<&Path>,
    watch: &dyn Watch,
) -> Result<Prepared, DatasetError> {
    let (dataset, manifest_sha256) = (manifest.id.as_str(), manifest.digest());
    let key = CacheKey { dataset, manifest_sha256, shapes, resize, decoder: DECODER };
    let cache = cache::cache_folder();
    match key.open(&cache) {
        Ok(Some(prepared)) => return Ok(prepared),
        Ok(None) => {}
        Err(damaged) => watch.note(&format!("{damaged}; they are made again")),
    }
    let Folder::At(folder) = store::find(manifest, given)? else { unreachable!("images are never built in") };
    let list = list_of(manifest, source, &folder);
    let decoded = list.and_then(|list| decode(&list, shapes, resize, &folder, watch));
    let (arrays, decoded_without) = decoded.map_err(|problem| problem.of(manifest))?;
    let prepared = Prepared { decoded_without, ..of_arrays(manifest, Some(resize), arrays) };
    if let Err(error) = key.store(&cache, &prepared) {
        watch.note(&format!("the preprocessed arrays are not kept: {error}; the next session has to decode again"));
    }
    Ok(prepared)
}

/// Reads, verifies, decodes and resizes every image on the list; also the guards that their decoder went without.
fn decode(
    list: &FileList,
    shapes: ArrayShapes,
    resize: Resize,
    folder: &Path,
    watch: &dyn Watch,
) -> Result<(Arrays, Vec<Guard>), DatasetProblem> {
    let progress = |done: usize| watch.progress("images", done as u64, list.files().len() as u64);
    let labels = |split| list.files().iter().filter(move |file| file.split == split).map(|file| file.label);
    // The images of a split are followed by its labels.
    let collect = |images: &mut dyn io::Read| {
        let [train, _, evaluation, _] = shapes.byte_counts();
        let mut bytes = Vec::with_capacity(shapes.byte_counts().iter().sum());
        for (length, split) in [(train, Split::Train), (evaluation, Split::Evaluation)] {
            if (&mut *images).take(length as u64).read_to_end(&mut bytes)? != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes.extend(labels(split));
        }
        Ok(bytes)
    };
    let (bytes, without) = apart::decode(list.files(), folder, resize, &progress, collect)?;
    Ok((Arrays::new(bytes, shapes).expect("the list was checked against the manifest"), without))
}
