//! What can be wrong with a data set on disk.

use std::io;
use std::path::PathBuf;

use crate::cifar::CifarError;
use crate::file_list::{Difference, ListError};
use crate::idx::IdxError;
use crate::image::ImageError;
use crate::manifest;
use hlb_core::artifact::Sha256Hex;
use hlb_core::hint::Hint;
use hlb_core::text::show;

/// Data that is missing or not the right bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum DatasetError {
    /// Not found on this machine.
    #[error("data set `{id}` is not on this machine; looked in {looked}")]
    Missing { id: String, looked: String, package: Option<String> },
    /// A file of it is missing.
    #[error("data set `{id}`: there is no `{name}` in {folder}")]
    NoFile { id: String, name: String, folder: PathBuf },
    /// A file cannot be read or decompressed.
    #[error("data set `{id}`: {} cannot be read: {source}", show(&.path.to_string_lossy()))]
    Read { id: String, path: PathBuf, source: io::Error },
    /// Header, count or length of an IDX file is wrong.
    #[error("data set `{id}`: {path} {source}")]
    Idx { id: String, path: PathBuf, source: IdxError },
    /// Length or labels of a CIFAR file are wrong.
    #[error("data set `{id}`: {path} {source}")]
    Cifar { id: String, path: PathBuf, source: CifarError },
    /// A file that is not an image.
    #[error("data set `{id}`: {} {source}", show(&.path.to_string_lossy()))]
    Image { id: String, path: PathBuf, source: ImageError },
    /// Wrong bytes.
    #[error("data set `{id}`: {} has SHA-256 {found}, expected {expected}", show(&.path.to_string_lossy()))]
    Digest { id: String, path: PathBuf, found: Sha256Hex, expected: Sha256Hex },
    /// An unpacked folder without the list of its files.
    #[error("data set `{id}`: {folder} has no {list} next to it, so its files cannot be verified")]
    NoList { id: String, folder: PathBuf, list: String },
    /// The list of files.
    #[error("data set `{id}`: {source}")]
    List { id: String, source: ListError },
    /// Files that are not those of the list.
    #[error("data set `{id}`: {folder} is not what was unpacked from the archive: {}", first_few(.differences))]
    Differs { id: String, folder: PathBuf, differences: Vec<Difference> },
    /// Wrong arrays: a defect of this program, or a decoder that gives other pixels.
    #[error("data set `{id}`: the decoded arrays have SHA-256 {found}, expected {expected}")]
    Content { id: String, found: Sha256Hex, expected: Sha256Hex },
    /// Images of many sizes on a track that does not resize, or images of one size on a track that does.
    #[error("data set `{id}` does not fit the track: it {problem}")]
    Unfit { id: String, problem: String },
}

/// Differences that a message lists before it counts the rest.
const SHOWN: usize = 5;

fn first_few(differences: &[Difference]) -> String {
    let mut text = differences.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if differences.len() > SHOWN {
        let more = format!("; and {} more", differences.len() - SHOWN);
        text.push_str(&more);
    }
    text
}

/// Errors that reading a damaged compressed file gives.
const DAMAGE: [io::ErrorKind; 3] =
    [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput, io::ErrorKind::UnexpectedEof];

impl DatasetError {
    /// Whether the files were read and are not the right ones, as against not being there.
    pub fn is_about_bytes(&self) -> bool {
        match self {
            Self::Missing { .. }
            | Self::NoFile { .. }
            | Self::NoList { .. }
            | Self::Unfit { .. }
            | Self::List { source: ListError::Read { .. }, .. } => false,
            Self::Read { source, .. } => DAMAGE.contains(&source.kind()),
            _ => true,
        }
    }
}

impl Hint for DatasetError {
    fn hint(&self) -> Option<String> {
        let fetch = |id: &str| {
            let what = if manifest::is_shipped(id) { id } else { "--manifest FILE" };
            format!("`hlb-bench data fetch {what}`")
        };
        Some(match self {
            Self::Read { source, .. } | Self::List { source: ListError::Read { source, .. }, .. }
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                "allow this user to read it".to_owned()
            }
            Self::Missing { id, package, .. } => {
                let package = package.as_ref().map_or_else(String::new, |package| format!(", install {package}"));
                format!("run {}{package}, or name its folder with --data", fetch(id))
            }
            Self::NoFile { id, .. } => format!("run {} for the whole data set", fetch(id)),
            Self::NoList { id, .. } => format!(
                "give the archive that it was unpacked from to {} with --from ARCHIVE; the list is made from it",
                fetch(id)
            ),
            Self::Content { .. } => "please report this with the version of hlb-bench and the machine".to_owned(),
            Self::Unfit { .. } => "use a manifest of the kind that the track's own data set has".to_owned(),
            Self::Read { id, .. } | Self::Idx { id, .. } | Self::Cifar { id, .. } | Self::Digest { id, .. } => {
                format!("delete the file and run {} for the right bytes", fetch(id))
            }
            Self::Image { id, .. } | Self::List { id, .. } | Self::Differs { id, .. } => {
                format!("run {} for the right bytes", fetch(id))
            }
        })
    }
}
