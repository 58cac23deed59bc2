//! Atomic writes of files and folders, and SHA-256 digests.
//!
//! A file gets its name only when its bytes are on the disk, and a folder only when it is complete, so a reader never
//! finds a part of either. [`publish_dir`] never replaces anything.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::bounded::{self, ReadError};
use crate::hint::Hint;
use crate::text::{self, show_path};

/// A file or folder that could not be written or read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ArtifactError {
    /// A step failed; `step` is a verb that the path follows.
    #[error("cannot {step} `{path}`", path = show_path(path))]
    Io { step: &'static str, path: PathBuf, source: io::Error },
    /// The name is taken.
    #[error("`{path}` exists already", path = show_path(path))]
    Exists { path: PathBuf },
    /// A folder, pipe or device where a file was asked for.
    #[error("`{path}` is not a regular file", path = show_path(path))]
    NotAFile { path: PathBuf },
}

impl ArtifactError {
    /// Whether the folder for a new file does not exist.
    pub fn is_of_no_folder(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl Hint for ArtifactError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Exists { .. } => Some("choose another name, or move it away first".to_owned()),
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Some("check the spelling of the path".to_owned()),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    Some("choose a folder that you may write to".to_owned())
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("free some space on the disk".to_owned())
                }
                io::ErrorKind::CrossesDevices => Some("put both folders on the same file system".to_owned()),
                _ => None,
            },
            Self::NotAFile { .. } => None,
        }
    }
}

/// The error of a step that the system refused; `step` is a verb that the path follows.
pub fn failed<'a, E: Into<io::Error>>(
    step: &'static str,
    path: &'a Path,
) -> impl FnOnce(E) -> ArtifactError + use<'a, E> {
    move |error| ArtifactError::Io { step, path: path.to_owned(), source: error.into() }
}

/// The folder that holds a path, `.` for a bare name.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Writes a folder's list of names to the disk.
#[expect(clippy::disallowed_methods, reason = "nothing is read, and what is not a folder is not synced either")]
fn sync_dir(folder: &Path) -> Result<(), ArtifactError> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(failed("sync the folder", folder))
}

/// Names of files that [`write_atomic`] has not finished begin with this; a killed process leaves one.
pub const DRAFT_PREFIX: &str = ".draft-";

/// Writes a file so that its name always leads to all of the old bytes or all of the new ones.
///
/// The bytes are written to a temporary file next to it, synced and then renamed. The mode is 0666 less the
/// umask, so 0644 as a rule. On any error the old file is as it was and no other file is left.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    write_draft(path, bytes, File::sync_all)?;
    sync_dir(parent(path))
}

/// [`write_atomic`] without waiting for the disk, for files that can be made again: other processes see all of the old bytes
/// or all of the new ones, but a power failure may lose both.
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
    write_draft(path, bytes, |_| Ok(()))
}

fn write_draft(path: &Path, bytes: &[u8], sync: impl Fn(&File) -> io::Result<()>) -> Result<(), ArtifactError> {
    let folder = parent(path);
    let mut draft = tempfile::Builder::new()
        .prefix(DRAFT_PREFIX)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(failed("create a file in", folder))?;
    draft.write_all(bytes).and_then(|()| sync(draft.as_file())).map_err(failed("write", path))?;
    draft.persist(path).map_err(|error| failed("write", path)(error.error))?;
    Ok(())
}

/// Gives a finished folder its final name, in one step and only if nothing has that name.
///
/// Both must lie on one file system. The names of the folder and of its new parent are on the disk when this returns;
/// the caller syncs the files inside ([`write_atomic`] does). On any error `staging` is as it was.
pub fn publish_dir(staging: &Path, target: &Path) -> Result<(), ArtifactError> {
    sync_dir(staging)?;
    match renameat_with(CWD, staging, CWD, target, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(rustix::io::Errno::EXIST | rustix::io::Errno::NOTEMPTY) => {
            return Err(ArtifactError::Exists { path: target.to_owned() });
        }
        // Some network and overlay file systems do not know the flag.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            claim_and_rename(staging, target)?;
        }
        Err(error) => return Err(failed("create", target)(error)),
    }
    sync_dir(parent(target))
}

/// [`publish_dir`] for file systems without `NOREPLACE`: an empty folder reserves the name, and the rename replaces it.
#[expect(clippy::disallowed_methods, reason = "this is the module that publishes")]
fn claim_and_rename(staging: &Path, target: &Path) -> Result<(), ArtifactError> {
    fs::create_dir(target).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => ArtifactError::Exists { path: target.to_owned() },
        _ => failed("create", target)(error),
    })?;
    fs::rename(staging, target).map_err(|error| {
        // This fails only if another process has put files into the folder, which then stay.
        let _kept = fs::remove_dir(target);
        failed("create", target)(error)
    })
}

/// Gives a finished file its final name, in one step. A file of that name is replaced.
///
/// Both must lie on one file system. The bytes and the name are on the disk when this returns. If the name cannot be
/// given, `part` and `target` are as they were.
#[expect(clippy::disallowed_methods, reason = "this is the module that publishes")]
pub fn publish_file(part: &Path, target: &Path) -> Result<(), ArtifactError> {
    if !fs::symlink_metadata(part).map_err(failed("read", part))?.is_file() {
        return Err(ArtifactError::NotAFile { path: part.to_owned() });
    }
    File::open(part).and_then(|opened| opened.sync_all()).map_err(failed("sync", part))?;
    fs::rename(part, target).map_err(failed("create", target))?;
    sync_dir(parent(target))
}

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits and read from nothing else. Zeros stand for no digest
/// elsewhere, and nothing has that digest.
#[derive(Clone, Copy, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline, description = "", extend("pattern" = "^[0-9a-f]{64}$"))]
pub struct Sha256Hex([u8; 32]);

/// A text that is not a [`Sha256Hex`]; it holds the text, made fit to be shown.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a SHA-256 digest: 64 digits from 0-9 and a-f that are not all 0 are")]
pub struct NotADigest(String);

impl fmt::Display for Sha256Hex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256Hex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sha256Hex({self})")
    }
}

impl FromStr for Sha256Hex {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let mut digest = [0; 32];
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        match hex::decode_to_slice(text, &mut digest) {
            Ok(()) if lower && digest != [0; 32] => Ok(Self(digest)),
            _ => Err(NotADigest(text::show_capped(text, 80))),
        }
    }
}

impl TryFrom<String> for Sha256Hex {
    type Error = NotADigest;

    fn try_from(text: String) -> Result<Self, NotADigest> {
        text.parse()
    }
}

impl From<Sha256Hex> for String {
    fn from(digest: Sha256Hex) -> Self {
        digest.to_string()
    }
}

/// The digest of bytes in memory.
pub fn sha256_hex(bytes: &[u8]) -> Sha256Hex {
    Sha256Hex(Sha256::digest(bytes).into())
}

/// The digest of a regular file of any size.
pub fn sha256_file(path: &Path) -> Result<Sha256Hex, ArtifactError> {
    let file = bounded::open_named(path).map_err(|error| match error {
        ReadError::NotAFile { path, .. } => ArtifactError::NotAFile { path },
        error => failed("read", path)(error),
    })?;
    let mut hasher = Sha256::new();
    io::copy(&mut io::BufReader::with_capacity(1 << 16, file), &mut hasher).map_err(failed("read", path))?;
    Ok(Sha256Hex(hasher.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    /// The names in a folder, sorted.
    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_written_file_replaces_the_old_one_and_leaves_no_draft() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.yaml");
        for write in [write_atomic, write_unsynced] {
            write(&path, b"old").unwrap();
            write(&path, b"new").unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"new");
            assert_eq!(names(folder.path()), ["result.yaml"]);
        }
    }

    #[test]
    fn a_written_file_has_the_mode_of_any_new_file() {
        let folder = tempfile::tempdir().unwrap();
        write_atomic(&folder.path().join("ours"), b"x").unwrap();
        File::create(folder.path().join("plain")).unwrap();
        let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode("ours"), mode("plain"));
    }

    #[test]
    fn a_failed_write_leaves_nothing_and_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("folder");
        fs::create_dir(&taken).unwrap();
        let error = write_atomic(&taken, b"x").unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write `{}`", taken.display()));
        assert_eq!(names(folder.path()), ["folder"]);
        let missing = folder.path().join("no/such");
        assert!(write_atomic(&missing, b"x").unwrap_err().to_string().contains("no`"));
    }

    /// A staging folder with one file, and a place for it.
    fn staged(folder: &Path) -> (PathBuf, PathBuf) {
        let staging = folder.join("staging");
        fs::create_dir(&staging).unwrap();
        write_atomic(&staging.join("a"), b"1").unwrap();
        (staging, folder.join("entry"))
    }

    #[test]
    fn a_published_folder_is_complete_and_staging_is_gone() {
        for publish in [publish_dir, claim_and_rename] {
            let folder = tempfile::tempdir().unwrap();
            let (staging, target) = staged(folder.path());
            publish(&staging, &target).unwrap();
            assert_eq!(names(folder.path()), ["entry"]);
            assert_eq!(names(&target), ["a"]);
        }
    }

    #[test]
    fn publishing_replaces_nothing_not_even_an_empty_folder() {
        for publish in [publish_dir, claim_and_rename] {
            let folder = tempfile::tempdir().unwrap();
            let (staging, target) = staged(folder.path());
            fs::create_dir(&target).unwrap();
            let error = publish(&staging, &target).unwrap_err();
            assert!(matches!(error, ArtifactError::Exists { .. }), "{error:?}");
            assert!(error.hint().is_some());
            assert_eq!(names(&staging), ["a"]);
            fs::remove_dir(&target).unwrap();
            fs::write(&target, b"a file").unwrap();
            assert!(publish(&staging, &target).is_err());
            assert_eq!(fs::read(&target).unwrap(), b"a file");
        }
    }

    #[test]
    fn a_published_file_replaces_the_old_one_whole_and_nothing_but_a_file_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let (part, target) = (folder.path().join("a.part"), folder.path().join("a"));
        fs::write(&target, b"old").unwrap();
        fs::write(&part, b"new").unwrap();
        publish_file(&part, &target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a"]);
        std::os::unix::fs::symlink(&target, &part).unwrap();
        let error = publish_file(&part, &folder.path().join("b")).unwrap_err();
        assert!(matches!(error, ArtifactError::NotAFile { .. }), "{error:?}");
        fs::create_dir(folder.path().join("taken")).unwrap();
        assert!(publish_file(&target, &folder.path().join("taken")).is_err());
        assert_eq!(names(folder.path()), ["a", "a.part", "taken"]);
    }

    #[test]
    fn digests_agree_with_the_standard_and_with_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        fs::write(&path, b"abc").unwrap();
        assert_eq!(sha256_hex(b"abc").to_string(), ABC);
        assert_eq!(sha256_file(&path).unwrap(), sha256_hex(b"abc"));
        assert!(matches!(sha256_file(folder.path()), Err(ArtifactError::NotAFile { .. })));
    }

    #[test]
    fn only_one_spelling_of_a_digest_is_read() {
        assert_eq!(ABC.parse::<Sha256Hex>().unwrap().to_string(), ABC);
        let zeros = "0".repeat(64);
        let bad = [
            "",
            "ba78",
            &ABC.to_uppercase(),
            &format!("{ABC}00"),
            &format!(" {}", &ABC[1..]),
            &ABC.replace('b', "g"),
            &zeros,
        ];
        for text in bad {
            assert!(text.parse::<Sha256Hex>().is_err(), "{text:?} was read");
        }
    }
}
