//! What an archive is refused for.

use std::io;

use hlb_core::hint::Hint;
use hlb_core::text::show;

/// An archive that is not unpacked; what was written before is not verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum UnpackError {
    /// The folder to unpack into is not an empty folder.
    #[error("`{}` is not an empty folder", show(.folder))]
    NotEmpty { folder: String },
    /// A member with a path that could lead elsewhere, of another kind, or that other readers would read differently.
    #[error("the archive's member `{}` {problem}", show(.name))]
    Member { name: String, problem: &'static str },
    /// More members or more data than accepted.
    #[error("the archive is too large: {problem}")]
    TooLarge { problem: String },
    /// A header that cannot be read; `place` is the offset of its member's first header in the unpacked stream.
    #[error("the archive's header at byte {place} of the unpacked stream is refused: {}", show(.problem))]
    Header { place: u64, problem: String },
    /// The archive ends before its end mark.
    #[error("the archive is cut off after {place} bytes of the unpacked stream")]
    Truncated { place: u64 },
    /// The compressed stream is not gzip, or its checksum is wrong.
    #[error("the archive is damaged after {place} bytes of the unpacked stream: {source}")]
    Damaged { place: u64, source: io::Error },
    /// Something follows the archive.
    #[error("the archive goes on after its end: {problem}")]
    Trailing { problem: &'static str },
    /// The archive cannot be read.
    #[error("the archive cannot be read: {source}")]
    Read { source: io::Error },
    /// A file or folder cannot be written.
    #[error("cannot write `{}`: {source}", show(.name))]
    Write { name: String, source: io::Error },
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
            Self::TooLarge { .. } => "check that this is the archive that its manifest describes",
            _ => "do not use this archive; one of your own is packed with `tar -czf ARCHIVE.tar.gz FOLDER`",
        };
        Some(text.to_owned())
    }
}
