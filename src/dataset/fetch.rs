//! Brings a data set to the user's data folder: from its publisher, a mirror, or a folder. Only verified files stay.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::artifact::{ArtifactError, Sha256Hex, sha256_hex, write_atomic};
use crate::dataset::manifest::{IdxFile, Manifest, Source};
use crate::dataset::store::{self, DatasetError, Folder};

/// Where to take the files from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchSource {
    /// The publisher's address.
    Publisher,
    /// Another address that the same compressed files lie under.
    Mirror(String),
    /// A folder.
    Folder(PathBuf),
}

/// A fetch that failed; files verified before it stay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No answer, or not the file.
    #[error("{url} cannot be downloaded: {problem}")]
    Download {
        /// Address.
        url: String,
        /// What went wrong.
        problem: String,
    },
    /// Not the publisher's bytes.
    #[error("{url} has SHA-256 {found}, the publisher's file has {expected}")]
    Digest {
        /// Address.
        url: String,
        /// Found.
        found: Sha256Hex,
        /// Expected.
        expected: Sha256Hex,
    },
    /// What was brought is not the data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// File.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] ArtifactError),
}

impl FetchError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Download { .. } | Self::Digest { .. } => Some(
                "try again, name another address with --mirror, or a folder that has the files with --from".to_owned(),
            ),
            Self::Dataset(error) => error.hint(),
            _ => None,
        }
    }
}

/// Brings the files into `target` and verifies the whole data set there. `progress` is told each file and its bytes so far.
pub fn fetch(
    manifest: &Manifest,
    source: &FetchSource,
    target: &Path,
    progress: &mut dyn FnMut(&str, u64, u64),
) -> Result<(), FetchError> {
    let Source::Idx { base_url, files, .. } = &manifest.source else { return Ok(()) };
    if let FetchSource::Folder(folder) = source {
        store::load(manifest, &Folder::At(folder.clone()))?;
        return copy(files, folder, target);
    }
    let base = if let FetchSource::Mirror(url) = source { url } else { base_url };
    for file in files {
        let path = target.join(format!("{}.gz", file.name));
        if std::fs::read(&path).is_ok_and(|bytes| sha256_hex(&bytes) == file.compressed_sha256) {
            continue;
        }
        let url = format!("{}/{}.gz", base.trim_end_matches('/'), file.name);
        let bytes = download(&url, file, progress)?;
        create_folder(target)?;
        write_atomic(&path, &bytes)?;
    }
    store::load(manifest, &Folder::At(target.to_owned()))?;
    Ok(())
}

fn create_folder(target: &Path) -> Result<(), FetchError> {
    std::fs::create_dir_all(target).map_err(|source| FetchError::Read { path: target.to_owned(), source })
}

fn copy(files: &[IdxFile], folder: &Path, target: &Path) -> Result<(), FetchError> {
    create_folder(target)?;
    for file in files {
        for name in [file.name.clone(), format!("{}.gz", file.name)] {
            let path = folder.join(&name);
            if path.is_file() {
                let bytes = std::fs::read(&path).map_err(|source| FetchError::Read { path, source })?;
                write_atomic(&target.join(name), &bytes)?;
            }
        }
    }
    Ok(())
}

fn download(url: &str, file: &IdxFile, progress: &mut dyn FnMut(&str, u64, u64)) -> Result<Vec<u8>, FetchError> {
    let failed = |problem: String| FetchError::Download { url: url.to_owned(), problem };
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(Duration::from_secs(30)))
        .timeout_recv_response(Some(Duration::from_mins(1)))
        .build()
        .into();
    let response = agent.get(url).call().map_err(|error| failed(error.to_string()))?;
    let reader = response.into_body().into_reader();
    let bytes = receive(reader, file, progress).map_err(|error| failed(error.to_string()))?;
    let length = bytes.len() as u64;
    if length != file.compressed_bytes {
        return Err(failed(format!("{length} bytes or more came, the publisher's file has {}", file.compressed_bytes)));
    }
    let found = sha256_hex(&bytes);
    if found == file.compressed_sha256 {
        return Ok(bytes);
    }
    Err(FetchError::Digest { url: url.to_owned(), found, expected: file.compressed_sha256 })
}

/// At most one byte more than the file should have.
fn receive(reader: impl Read, file: &IdxFile, progress: &mut dyn FnMut(&str, u64, u64)) -> io::Result<Vec<u8>> {
    let mut reader = reader.take(file.compressed_bytes + 1);
    let mut bytes = Vec::new();
    loop {
        let before = bytes.len();
        reader.by_ref().take(1 << 16).read_to_end(&mut bytes)?;
        if bytes.len() == before {
            return Ok(bytes);
        }
        progress(&file.name, bytes.len() as u64, file.compressed_bytes);
    }
}
