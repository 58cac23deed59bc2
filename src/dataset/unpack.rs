//! Unpacks a `.tar.gz` archive of strangers into a folder of our own.
//!
//! Every member is checked before a byte of it is read, whether it is wanted or not: an archive with one bad member is
//! a bad archive. Only files and folders with plain names are accepted. Nothing is ever written outside the folder, no
//! link is made or followed, and mode, owner and times of the archive are ignored. Memory does not grow with what the
//! archive claims: names are bounded, the headers that hold long names are bounded, data goes through one buffer.
//!
//! The crate `tar` reads whole long names into memory and lets several writings of one name pass, so only its knowledge
//! of a header's fields is used; which header comes next, and what belongs to it, is decided here.

mod census;
mod error;
mod member;
mod tape;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::artifact::Sha256Hex;
use census::Census;
use member::{Member, next_member};
use tape::Tape;

pub use error::UnpackError;

/// What an archive may hold at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Members: files and folders, wanted or not.
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

/// Unpacks the members that `wanted` says yes to into `into`, an existing, empty folder of our own; the list of the
/// files written, in the order of the archive.
///
/// Folders are made where a wanted file needs one, so an empty folder does not come out. The compressed stream is one
/// gzip member, as `tar -z` writes it, with nothing after it; the stream inside ends with at least one block of zeros
/// and nothing but zeros after that. `progress` is told the compressed bytes read so far, often and never fewer.
/// Nothing is synced to the disk, and on an error the caller removes the folder: what is in it is neither whole nor
/// verified.
pub fn unpack(
    archive: impl Read,
    into: &Path,
    wanted: &dyn Fn(&str) -> bool,
    limits: Limits,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Unpacked>, UnpackError> {
    expect_empty(into)?;
    let mut tape = Tape::new(archive, progress);
    let mut census = Census::new(limits);
    let mut unpacked = Vec::new();
    while let Some(member) = next_member(&mut tape)? {
        census.admit(&member)?;
        if member.is_file && wanted(&member.path) {
            let mut file = create(into, &member.path).map_err(|source| member.unwritten(source))?;
            unpacked.push(copy(&mut tape, &member, &mut file)?);
        } else {
            tape.pour(member.bytes, |_| Ok(()))?;
        }
    }
    tape.finish()?;
    Ok(unpacked)
}

/// Refuses a folder that somebody else may have put a link into.
fn expect_empty(into: &Path) -> Result<(), UnpackError> {
    let empty = fs::read_dir(into).is_ok_and(|mut items| items.next().is_none());
    if empty { Ok(()) } else { Err(UnpackError::NotEmpty { folder: into.to_string_lossy().into_owned() }) }
}

/// Makes a new file, and the folders above it, with the mode that any new file gets.
fn create(into: &Path, path: &str) -> io::Result<File> {
    let path = into.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::options().write(true).create_new(true).open(path)
}

/// Writes the data of a member, and says what was written.
fn copy<R: Read>(tape: &mut Tape<R>, member: &Member, file: &mut dyn Write) -> Result<Unpacked, UnpackError> {
    let mut hasher = Sha256::new();
    tape.pour(member.bytes, |piece| {
        hasher.update(piece);
        file.write_all(piece).map_err(|source| member.unwritten(source))
    })?;
    let sha256 = hex::encode(hasher.finalize()).parse().expect("64 lower-case digits are a digest");
    Ok(Unpacked { path: member.path.clone(), bytes: member.bytes, sha256 })
}
