//! Finds a data set on disk, verifies it byte for byte and decodes it. Nothing unverified ever leaves this module.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use flate2::read::MultiGzDecoder;

use crate::artifact::{Sha256Hex, sha256_hex};
use crate::dataset::idx::{self, IdxError};
use crate::dataset::manifest::{IdxFile, Manifest, Source};
use crate::dataset::{content_digest, shapes};
use crate::wire::Arrays;

/// Data that is missing or not the right bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// Nowhere to be found.
    #[error("data set `{id}` is not on this machine; looked in {looked}")]
    Missing {
        /// Data set.
        id: String,
        /// Folders looked in.
        looked: String,
        /// Package that installs it, in words.
        package: String,
    },
    /// A file of it is missing.
    #[error("data set `{id}`: there is no `{name}` or `{name}.gz` in {folder}")]
    NoFile {
        /// Data set.
        id: String,
        /// File.
        name: String,
        /// Folder.
        folder: PathBuf,
    },
    /// A file cannot be read or decompressed.
    #[error("data set `{id}`: {path} cannot be read: {source}")]
    Read {
        /// Data set.
        id: String,
        /// File.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// Header, count or length is wrong.
    #[error("data set `{id}`: {path} {source}")]
    Format {
        /// Data set.
        id: String,
        /// File.
        path: PathBuf,
        /// What is wrong.
        source: IdxError,
    },
    /// The bytes are others.
    #[error("data set `{id}`: {path} has SHA-256 {found}, expected {expected}")]
    Digest {
        /// Data set.
        id: String,
        /// File (decompressed).
        path: PathBuf,
        /// Found.
        found: Sha256Hex,
        /// Expected.
        expected: Sha256Hex,
    },
    /// The decoded arrays are others: a defect of this program.
    #[error("data set `{id}`: the decoded arrays have SHA-256 {found}, expected {expected}")]
    Content {
        /// Data set.
        id: String,
        /// Found.
        found: Sha256Hex,
        /// Expected.
        expected: Sha256Hex,
    },
}

/// What a damaged compressed file is to its reader.
const DAMAGE: [io::ErrorKind; 3] =
    [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput, io::ErrorKind::UnexpectedEof];

impl DatasetError {
    /// Whether the files were read and are not the right ones, as against not being there.
    pub fn is_about_bytes(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::NoFile { .. } => false,
            Self::Read { source, .. } => DAMAGE.contains(&source.kind()),
            Self::Format { .. } | Self::Digest { .. } | Self::Content { .. } => true,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { id, package, .. } => {
                Some(format!("run `hlb-bench data fetch {id}`, install {package}, or name its folder with --data"))
            }
            Self::NoFile { id, .. } => Some(format!("run `hlb-bench data fetch {id}` for the whole data set")),
            Self::Read { id, .. } | Self::Format { id, .. } | Self::Digest { id, .. } => Some(format!(
                "delete the file and run `hlb-bench data fetch {id}` for the right bytes; nothing was trained"
            )),
            Self::Content { .. } => Some("please report this with the version of hlb-bench and the machine".to_owned()),
        }
    }
}

/// Where a data set was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folder {
    /// Made by the program.
    BuiltIn,
    /// In this folder.
    At(PathBuf),
}

/// The folder of the user's own data sets: `$HLB_BENCH_DATA`, else the user's data folder.
pub fn default_folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("HLB_BENCH_DATA") {
        return PathBuf::from(folder);
    }
    let base = etcetera::choose_base_strategy().map(|strategy| strategy.data_dir());
    base.unwrap_or_else(|_| PathBuf::from(".")).join("hlb-bench")
}

/// Finds a data set: in the folder given, else in the user's data folder, else where its package puts it.
pub fn find(manifest: &Manifest, given: Option<&Path>) -> Result<Folder, DatasetError> {
    let Source::Idx { package, package_folder, files, .. } = &manifest.source else { return Ok(Folder::BuiltIn) };
    if let Some(folder) = given {
        return Ok(Folder::At(folder.to_owned()));
    }
    let candidates = [default_folder().join(&manifest.id), PathBuf::from(package_folder)];
    let holds = |folder: &&PathBuf| files.iter().all(|file| file_in(folder, &file.name).is_some());
    match candidates.iter().find(holds) {
        Some(folder) => Ok(Folder::At(folder.clone())),
        None => Err(DatasetError::Missing {
            id: manifest.id.clone(),
            looked: candidates.map(|folder| folder.display().to_string()).join(" and "),
            package: package.clone(),
        }),
    }
}

/// The plain file, else the compressed one.
fn file_in(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|path| path.is_file())
}

/// Verifies and decodes.
pub fn load(manifest: &Manifest, folder: &Folder) -> Result<Arrays, DatasetError> {
    let arrays = match (&manifest.source, folder) {
        (Source::Idx { files, .. }, Folder::At(folder)) => load_idx(manifest, files, folder)?,
        _ => made(),
    };
    let found = content_digest(&arrays);
    if found == manifest.content_sha256 {
        return Ok(arrays);
    }
    Err(DatasetError::Content { id: manifest.id.clone(), found, expected: manifest.content_sha256 })
}

fn made() -> Arrays {
    let shapes = shapes::generate();
    Arrays {
        train_images: shapes.train.images,
        train_labels: shapes.train.labels,
        eval_images: shapes.eval.images,
        eval_labels: shapes.eval.labels,
    }
}

fn load_idx(manifest: &Manifest, files: &[IdxFile], folder: &Path) -> Result<Arrays, DatasetError> {
    let mut parts = Vec::with_capacity(files.len());
    for (part, file) in files.iter().enumerate() {
        parts.push(load_part(manifest, part, file, folder)?);
    }
    let mut parts = parts.into_iter();
    let mut next = || parts.next().unwrap_or_default();
    Ok(Arrays { train_images: next(), train_labels: next(), eval_images: next(), eval_labels: next() })
}

/// One file: header and counts first, since they say more than a digest, then the digest of every byte.
fn load_part(manifest: &Manifest, part: usize, file: &IdxFile, folder: &Path) -> Result<Vec<u8>, DatasetError> {
    let id = || manifest.id.clone();
    let path = file_in(folder, &file.name).ok_or_else(|| DatasetError::NoFile {
        id: id(),
        name: file.name.clone(),
        folder: folder.to_owned(),
    })?;
    let bytes =
        read(&path, file.bytes).map_err(|source| DatasetError::Read { id: id(), path: path.clone(), source })?;
    let body = idx::decode(&bytes, part, manifest.shapes).map_err(|source| DatasetError::Format {
        id: id(),
        path: path.clone(),
        source,
    })?;
    let found = sha256_hex(&bytes);
    if found == file.sha256 {
        return Ok(body);
    }
    Err(DatasetError::Digest { id: id(), path, found, expected: file.sha256 })
}

/// The file's bytes, decompressed; never more than one over what it should be, so that a bomb fills no memory.
fn read(path: &Path, expected: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        MultiGzDecoder::new(file).take(expected + 1).read_to_end(&mut bytes)?;
    } else {
        file.take(expected + 1).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
