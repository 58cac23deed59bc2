//! What an archive is refused for.

use std::io;

use crate::hint::Hint;
use crate::text::show;

/// An archive that is not unpacked. What was written before is worth nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The folder to unpack into is not an empty folder.
    #[error("`{}` is not an empty folder", show(.folder))]
    NotEmpty {
        /// The folder.
        folder: String,
    },
    /// A member whose path could lead elsewhere, or could deceive who reads it.
    #[error("the path of the archive's member `{}` {problem}", show(.name))]
    Name {
        /// Path as far as it is text.
        name: String,
        /// What is wrong with it, as a verb and its object.
        problem: &'static str,
    },
    /// Neither a file nor a folder.
    #[error("the archive's member `{}` is {kind}; only files and folders are unpacked", show(.name))]
    Kind {
        /// Path as far as it is text.
        name: String,
        /// What it is, with its article.
        kind: &'static str,
    },
    /// A folder with data, or two headers that disagree: readers would disagree about where the next member begins.
    #[error("the archive's member `{}` is given two different sizes", show(.name))]
    Size {
        /// Path.
        name: String,
    },
    /// Two members of one name, or a file that others lie under.
    #[error("the archive holds `{}` twice", show(.name))]
    Duplicate {
        /// Path.
        name: String,
    },
    /// A larger member than accepted.
    #[error("the archive's member `{}` says it has {bytes} bytes; {limit} are accepted", show(.name))]
    MemberTooLarge {
        /// Path.
        name: String,
        /// Bytes by its header.
        bytes: u64,
        /// Limit in bytes.
        limit: u64,
    },
    /// More data than accepted.
    #[error("the archive's members have more than {limit} bytes in all, at `{}`", show(.name))]
    TotalTooLarge {
        /// Path of the member that is too much.
        name: String,
        /// Limit in bytes.
        limit: u64,
    },
    /// More members than accepted.
    #[error("the archive holds more than {limit} files and folders")]
    TooManyMembers {
        /// Limit.
        limit: u64,
    },
    /// A header that nobody should have written.
    #[error("the archive's header at byte {place} of the unpacked stream {problem}")]
    Header {
        /// Offset in the unpacked stream.
        place: u64,
        /// What is wrong with it, as a verb and its object.
        problem: &'static str,
    },
    /// The archive ends before its end mark.
    #[error("the archive is cut off after {place} bytes of the unpacked stream")]
    Truncated {
        /// Bytes of the unpacked stream that were there.
        place: u64,
    },
    /// The compressed stream is not gzip, or its checksum is wrong.
    #[error("the archive is damaged after {place} bytes of the unpacked stream: {source}")]
    Damaged {
        /// Bytes of the unpacked stream that were there.
        place: u64,
        /// What the decompressor said.
        source: io::Error,
    },
    /// Something follows the archive.
    #[error("the archive goes on after its end: {problem}")]
    Trailing {
        /// What follows.
        problem: &'static str,
    },
    /// The archive cannot be read.
    #[error("the archive cannot be read: {source}")]
    Read {
        /// Cause.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write `{}`: {source}", show(.name))]
    Write {
        /// Path in the archive.
        name: String,
        /// Cause.
        source: io::Error,
    },
}

impl Hint for UnpackError {
    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::NotEmpty { .. } => "give an empty folder",
            Self::Write { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space on the disk",
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "choose a folder that you may write to"
                }
                _ => return None,
            },
            Self::Read { .. } => return None,
            Self::Truncated { .. } | Self::Damaged { .. } => "fetch the archive again",
            Self::MemberTooLarge { .. } | Self::TotalTooLarge { .. } | Self::TooManyMembers { .. } => {
                "check that this is the archive that its manifest describes"
            }
            _ => "do not use this archive; one of your own is packed with `tar -czf ARCHIVE.tar.gz FOLDER`",
        };
        Some(text.to_owned())
    }
}
