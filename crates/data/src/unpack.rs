//! Unpacks an untrusted `.tar.gz` archive into an empty folder.
//!
//! The crate `tar` reads the format; what is accepted is decided here. An archive with one bad member is refused, even
//! if that member is not wanted. Only files and folders with plain names are accepted, nothing is written outside the
//! folder, no link is made or followed, and mode, owner and times of the archive are ignored. Memory does not depend
//! on the archive: `tar` hands over one header at a time, [`Policy`] bounds those of long names, and data goes through
//! one buffer.

mod error;
mod policy;
mod stream;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use hlb_core::artifact::Sha256Hex;
use policy::Policy;
use stream::{BUFFER, Position, Stream};

pub use error::UnpackError;

/// Upper limits of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Members, wanted or not.
    pub members: u64,
    /// Bytes of one member.
    pub member_bytes: u64,
    /// Bytes of all members, wanted or not, and of the headers with their long names and attributes, if they have any.
    pub total_bytes: u64,
}

/// A file that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Path in the archive, with `/` between its parts; also the path under the folder.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256.
    pub sha256: Sha256Hex,
}

/// Unpacks the members that `wanted` accepts into `into`, an existing, empty folder of our own, and returns the files
/// written, in the order of the archive.
///
/// Folders are made where a wanted file needs one, so an empty folder does not come out. The compressed stream is one
/// gzip member, as `tar -z` writes it, with nothing after it; the stream inside ends with at least one block of zeros
/// and nothing but zeros after that. `progress` is called with the compressed bytes read so far.
/// Nothing is synced to the disk. On an error the caller removes the folder.
pub fn unpack(
    archive: impl Read,
    into: &Path,
    wanted: &dyn Fn(&str) -> bool,
    limits: Limits,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Unpacked>, UnpackError> {
    expect_empty(into)?;
    let position = Position::default();
    let mut archive = tar::Archive::new(Stream::new(archive, &position, progress));
    let mut policy = Policy::new(limits);
    let mut unpacked = Vec::new();
    let mut buffer = vec![0; BUFFER];
    for entry in archive.entries().map_err(|source| position.unreadable(source))?.raw(true) {
        let mut entry = entry.map_err(|source| position.unreadable(source))?;
        let Some(member) = policy.admit(&mut entry, &position)? else { continue };
        if member.is_file && wanted(&member.path) {
            let mut file = create(&into.join(&member.path)).map_err(|source| unwritten(&member.path, source))?;
            let sha256 = copy(&mut entry, &position, &member.path, &mut file, &mut buffer)?;
            unpacked.push(Unpacked { path: member.path, bytes: member.bytes, sha256 });
        }
    }
    policy.finish(&position)?;
    archive.into_inner().finish()?;
    Ok(unpacked)
}

/// Refuses a folder with content, which could include a link.
fn expect_empty(into: &Path) -> Result<(), UnpackError> {
    let empty = fs::read_dir(into).is_ok_and(|mut items| items.next().is_none());
    if empty { Ok(()) } else { Err(UnpackError::NotEmpty { folder: into.to_string_lossy().into_owned() }) }
}

/// Makes a new file, and the folders above it, with the mode that any new file gets.
#[expect(clippy::disallowed_methods, reason = "a new file is opened, and nothing is read")]
pub(crate) fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::options().write(true).create_new(true).open(path)
}

/// Writes a member's data and returns its digest.
fn copy(
    data: &mut impl Read,
    position: &Position,
    path: &str,
    file: &mut dyn Write,
    buffer: &mut [u8],
) -> Result<Sha256Hex, UnpackError> {
    let mut hasher = Sha256::new();
    loop {
        let count = data.read(buffer).map_err(|source| position.unreadable(source))?;
        if count == 0 {
            return Ok(hex::encode(hasher.finalize()).parse().expect("64 lower-case digits are a digest"));
        }
        hasher.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(|source| unwritten(path, source))?;
    }
}

fn unwritten(path: &str, source: io::Error) -> UnpackError {
    UnpackError::Write { name: path.to_owned(), source }
}
