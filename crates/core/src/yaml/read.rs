//! A bounded number of bytes from a regular file. Pipes, devices and folders are refused, since they may block.

use std::fs::{File, FileType};
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::hint::Hint;
use crate::text::show_path;

/// Limit for files written by hand (variants, tracks, prices): 64 KiB.
pub const VARIANT_CAP: u64 = 64 * 1024;

/// Limit for results: 1 MiB, also the most that the guard accepts.
pub const RESULT_CAP: u64 = 1024 * 1024;

/// Why no bytes came from a file.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ReadError {
    /// The system did not open or read it.
    #[error("cannot read `{path}`", path = show_path(path))]
    Io { path: PathBuf, source: io::Error },
    /// Something else than a regular file has that name.
    #[error("`{path}` is {kind}, not a regular file", path = show_path(path))]
    NotAFile { path: PathBuf, kind: &'static str },
    /// More bytes than the cap; none was kept.
    #[error("`{path}` has {size} bytes, over the limit of {cap} bytes", path = show_path(path))]
    TooLarge { path: PathBuf, size: u64, cap: u64 },
}

impl Hint for ReadError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotAFile { kind, .. } if kind.contains("link") => "give the path of the file that the link leads to",
            Self::NotAFile { .. } => "give the path of a YAML file",
            Self::TooLarge { .. } => "check that this is the file you mean",
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "check the spelling of the path",
                io::ErrorKind::PermissionDenied => "make the file readable for this user",
                _ => return None,
            },
        };
        Some(text.to_owned())
    }
}

/// All bytes of a regular file of at most `cap` bytes.
///
/// A larger file is refused by its size before anything is read. A symbolic link is not followed (only the last part of
/// the path counts): in an untrusted folder it could lead to any file of this machine.
pub fn read(path: &Path, cap: u64) -> Result<Vec<u8>, ReadError> {
    let failed = |source: io::Error| ReadError::Io { path: path.to_owned(), source };
    let too_large = |size| ReadError::TooLarge { path: path.to_owned(), size, cap };
    let file = open(path)?;
    let facts = file.metadata().map_err(failed)?;
    if let Some(kind) = other_kind(facts.file_type()) {
        return Err(ReadError::NotAFile { path: path.to_owned(), kind });
    }
    let size = facts.len();
    if size > cap {
        return Err(too_large(size));
    }
    // Room for one more byte, so that a file of its stated size is read at once and not in pieces.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    // One more than the cap: a file may grow between the two calls, and files in /proc state a wrong size.
    file.take(cap.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > cap {
        return Err(too_large(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Opens without following a link and without waiting for the other end of a pipe.
fn open(path: &Path) -> Result<File, ReadError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let path = path.to_owned();
    rustix::fs::open(&path, flags, Mode::empty()).map(File::from).map_err(|error| match error {
        Errno::LOOP => ReadError::NotAFile { path, kind: "a symbolic link" },
        // What Linux says about a socket, and about a device or pipe without its other end.
        Errno::NXIO => ReadError::NotAFile { path, kind: "a socket or device" },
        error => ReadError::Io { path, source: error.into() },
    })
}

/// What something is that is not a regular file.
fn other_kind(found: FileType) -> Option<&'static str> {
    if found.is_file() {
        None
    } else if found.is_dir() {
        Some("a folder")
    } else if found.is_fifo() {
        Some("a pipe")
    } else {
        Some("a socket or device")
    }
}
