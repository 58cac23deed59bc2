//! A bounded number of bytes from a regular file. No other module opens a file that somebody else may have written: pipes,
//! devices and folders are refused, since they may block or never end, and so are links, which could lead to any file of
//! this machine. A path that the user named may be a link.

use std::fs::{File, FileType};
use std::io::{self, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::hint::Hint;
use crate::text::show_path;

/// Limit for files written by hand (variants, tracks, prices) and small ones of this program: 64 KiB.
pub const SMALL_CAP: u64 = 64 * 1024;

/// Limit for results: 1 MiB, also the most that the guard of YAML accepts.
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

impl ReadError {
    /// Whether nothing has that name.
    pub fn is_of_no_file(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// For callers that name the path themselves.
impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io { source, .. } => source,
            ReadError::NotAFile { kind, .. } => Self::other(format!("it is {kind}, not a regular file")),
            ReadError::TooLarge { size, cap, .. } => {
                Self::other(format!("it has {size} bytes, over the limit of {cap} bytes"))
            }
        }
    }
}

impl Hint for ReadError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotAFile { kind, .. } if kind.contains("link") => "give the path of the file that the link leads to",
            Self::NotAFile { .. } => "give the path of a file",
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
/// the path counts).
pub fn read(path: &Path, cap: u64) -> Result<Vec<u8>, ReadError> {
    all(open(path)?, path, cap)
}

/// [`read`] for a path that the user named, or that this program made: it may be a link to a regular file.
pub fn read_named(path: &Path, cap: u64) -> Result<Vec<u8>, ReadError> {
    all(open_named(path)?, path, cap)
}

/// [`read`] as text.
pub fn read_text(path: &Path, cap: u64) -> Result<String, ReadError> {
    let not_text =
        |error| ReadError::Io { path: path.to_owned(), source: io::Error::new(io::ErrorKind::InvalidData, error) };
    String::from_utf8(read(path, cap)?).map_err(|error| not_text(error.utf8_error()))
}

/// Whether a regular file holds just these bytes; of anything else, whatever its size, it does not.
pub fn holds(path: &Path, bytes: &[u8]) -> Result<bool, ReadError> {
    match read(path, bytes.len() as u64) {
        Ok(found) => Ok(found == bytes),
        Err(error @ ReadError::Io { .. }) => Err(error),
        Err(_) => Ok(false),
    }
}

/// A regular file, for a reader with a bound of its own. A link is not followed.
pub fn open(path: &Path) -> Result<File, ReadError> {
    opened(path, OFlags::RDONLY | OFlags::NOFOLLOW)
}

/// [`open`] for a path that the user named: it may be a link to a regular file.
pub fn open_named(path: &Path) -> Result<File, ReadError> {
    opened(path, OFlags::RDONLY)
}

/// [`open`] for reading and then writing on, of at most `cap` bytes.
pub fn open_to_extend(path: &Path, cap: u64) -> Result<File, ReadError> {
    let file = opened(path, OFlags::RDWR | OFlags::NOFOLLOW)?;
    check_size(&file, path, cap)?;
    Ok(file)
}

/// Opens without waiting for the other end of a pipe.
fn opened(path: &Path, flags: OFlags) -> Result<File, ReadError> {
    let not_a_file = |kind| ReadError::NotAFile { path: path.to_owned(), kind };
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    // Not `open`, a system call that a confined decoder does not have.
    let file = rustix::fs::openat(CWD, path, flags, Mode::empty()).map(File::from).map_err(|error| match error {
        // Without the flag, it is a circle of links.
        Errno::LOOP => not_a_file("a symbolic link"),
        // What Linux says about a socket, and about a device or pipe without its other end.
        Errno::NXIO => not_a_file("a socket or device"),
        Errno::ISDIR => not_a_file("a folder"),
        error => ReadError::Io { path: path.to_owned(), source: error.into() },
    })?;
    let facts = file.metadata().map_err(failed(path))?;
    other_kind(facts.file_type()).map_or(Ok(file), |kind| Err(not_a_file(kind)))
}

fn all(file: File, path: &Path, cap: u64) -> Result<Vec<u8>, ReadError> {
    let size = check_size(&file, path, cap)?;
    // Room for one more byte, so that a file of its stated size is read at once and not in pieces.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    // One more than the cap: a file may grow between the two calls, and files in /proc state a wrong size.
    file.take(cap.saturating_add(1)).read_to_end(&mut bytes).map_err(failed(path))?;
    within(bytes.len() as u64, path, cap)?;
    Ok(bytes)
}

fn check_size(file: &File, path: &Path, cap: u64) -> Result<u64, ReadError> {
    within(file.metadata().map_err(failed(path))?.len(), path, cap)
}

fn within(size: u64, path: &Path, cap: u64) -> Result<u64, ReadError> {
    if size > cap { Err(ReadError::TooLarge { path: path.to_owned(), size, cap }) } else { Ok(size) }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ReadError + use<'_> {
    |source| ReadError::Io { path: path.to_owned(), source }
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const CAP: u64 = 1 << 20;

    type Reader = fn(&Path) -> Result<(), ReadError>;

    /// Every way to read or open a file, links last.
    const WAYS: [Reader; 6] = [
        |path| read(path, CAP).map(drop),
        |path| read_text(path, CAP).map(drop),
        |path| open(path).map(drop),
        |path| open_to_extend(path, CAP).map(drop),
        |path| read_named(path, CAP).map(drop),
        |path| open_named(path).map(drop),
    ];

    /// What a stranger may leave where a file is expected, by the word of its refusal.
    fn traps(folder: &Path) -> [(PathBuf, &'static str); 4] {
        let (pipe, zero, inside) = (folder.join("pipe"), folder.join("zero"), folder.join("inside"));
        rustix::fs::mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        symlink("/dev/zero", &zero).unwrap();
        symlink(&pipe, &inside).unwrap();
        [(pipe, "a pipe"), (zero, "device"), (inside, "a pipe"), (folder.to_owned(), "a folder")]
    }

    #[test]
    fn nothing_but_a_regular_file_is_read_and_nothing_blocks() {
        let folder = tempfile::tempdir().unwrap();
        for (path, kind) in traps(folder.path()) {
            let is_link = fs::symlink_metadata(&path).unwrap().is_symlink();
            for (index, way) in WAYS.into_iter().enumerate() {
                let wanted = if is_link && index < 4 { "a symbolic link" } else { kind };
                let error = way(&path).unwrap_err();
                assert!(matches!(error, ReadError::NotAFile { .. }) && error.to_string().contains(wanted), "{error}");
                assert!(io::Error::from(error).to_string().contains("not a regular file"));
            }
            assert!(!holds(&path, b"x").unwrap());
        }
    }

    #[test]
    fn a_large_file_is_refused_by_its_size_and_a_growing_one_by_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        File::create(&path).unwrap().set_len(100 << 20).unwrap();
        for way in [WAYS[0], WAYS[1], WAYS[3], WAYS[4]] {
            assert!(matches!(way(&path), Err(ReadError::TooLarge { size, .. }) if size == 100 << 20));
        }
        assert!(!holds(&path, b"x").unwrap());
        // Its stated size is 0.
        assert!(matches!(read(Path::new("/proc/self/maps"), 10), Err(ReadError::TooLarge { size: 11, .. })));
    }

    #[test]
    fn a_link_is_followed_only_where_the_user_named_it() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&path, "text").unwrap();
        symlink(&path, &link).unwrap();
        assert_eq!(read_named(&link, 4).unwrap(), b"text");
        assert_eq!(read_text(&path, 4).unwrap(), "text");
        assert!(holds(&path, b"text").unwrap() && !holds(&path, b"texts").unwrap() && !holds(&link, b"text").unwrap());
        let absent = holds(&folder.path().join("absent"), b"").unwrap_err();
        assert!(absent.is_of_no_file() && absent.hint().is_some());
    }
}
