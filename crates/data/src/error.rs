//! What can be wrong with a data set on disk.

use std::io;
use std::path::{Path, PathBuf};

use crate::manifest::{self, Manifest};
use hlb_core::artifact::Sha256Hex;
use hlb_core::hint::Hint;
use hlb_core::text::{show, show_path};

/// A data set that is missing or not the right bytes.
#[derive(Debug, thiserror::Error)]
#[error("data set `{id}`{problem}")]
#[non_exhaustive]
pub struct DatasetError {
    /// Its id.
    pub id: String,
    /// What is wrong with it.
    pub problem: DatasetProblem,
}

/// What is wrong with a data set. The messages continue "data set `mnist`".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum DatasetProblem {
    /// Not found on this machine.
    #[error(" is not on this machine; looked in {looked}")]
    Missing { looked: String, package: Option<String> },
    /// A file of it is missing.
    #[error(": there is no `{name}` in {}", show_path(folder))]
    NoFile { name: String, folder: PathBuf },
    /// A file cannot be read or decompressed.
    #[error(": {} cannot be read: {source}", show_path(path))]
    Read { path: PathBuf, source: io::Error },
    /// A file that is not of its format.
    #[error(": {} {problem}", show_path(path))]
    Format { path: PathBuf, problem: String },
    /// Wrong bytes.
    #[error(": {} has SHA-256 {found}, expected {expected}", show_path(path))]
    Digest { path: PathBuf, found: Sha256Hex, expected: Sha256Hex },
    /// An unpacked folder without the list of its files.
    #[error(": {} has no {list} next to it, so its files cannot be verified", show_path(folder))]
    NoList { folder: PathBuf, list: String },
    /// A list of files that this program did not write, or that was made from another archive.
    #[error(": the list of files {}: {}", show_path(path), show(problem))]
    List { path: PathBuf, problem: String },
    /// Files that are not those of the list, each with what is wrong with it.
    #[error(": {} is not what was unpacked from the archive: {}", show_path(folder), first_few(.differences))]
    Differs { folder: PathBuf, differences: Vec<String> },
    /// Wrong arrays: a defect of this program, or a decoder that gives other pixels.
    #[error(": the decoded arrays have SHA-256 {found}, expected {expected}")]
    Content { found: Sha256Hex, expected: Sha256Hex },
    /// The process that decodes images did not do its part.
    #[error(": the process that decodes its images ended early ({why})")]
    Decoder { why: String },
    /// Images of many sizes on a track that does not resize, or images of one size on a track that does.
    #[error(" does not fit the track: it {0}")]
    Unfit(String),
}

/// Differences that a message lists before it counts the rest.
const SHOWN: usize = 5;

fn first_few(differences: &[String]) -> String {
    let shown = differences[..differences.len().min(SHOWN)].join("; ");
    match differences.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

/// Errors that reading a damaged compressed file gives.
const DAMAGE: [io::ErrorKind; 3] =
    [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput, io::ErrorKind::UnexpectedEof];

impl DatasetError {
    /// Whether the files were read and are not the right ones, as against not being there.
    pub fn is_about_bytes(&self) -> bool {
        use DatasetProblem::{Decoder, Missing, NoFile, NoList, Read, Unfit};
        match &self.problem {
            Missing { .. } | NoFile { .. } | NoList { .. } | Decoder { .. } | Unfit(_) => false,
            Read { source, .. } => DAMAGE.contains(&source.kind()),
            _ => true,
        }
    }
}

impl DatasetProblem {
    /// The error of a data set with this problem.
    pub(crate) fn of(self, manifest: &Manifest) -> DatasetError {
        DatasetError { id: manifest.id.to_string(), problem: self }
    }
}

impl Hint for DatasetError {
    fn hint(&self) -> Option<String> {
        use DatasetProblem::{Content, Decoder, Differs, Digest, Format, List, Missing, NoFile, NoList, Read, Unfit};
        let what = if manifest::is_shipped(&self.id) { &self.id } else { "--manifest FILE" };
        let fetch = format!("`hlb-bench data fetch {what}`");
        Some(match &self.problem {
            Missing { package, .. } => {
                let package = package.as_ref().map_or_else(String::new, |package| format!(", install {package}"));
                format!("run {fetch}{package}, or name its folder with --data")
            }
            NoFile { .. } => format!("run {fetch} for the whole data set"),
            NoList { .. } => format!(
                "give the archive that it was unpacked from to {fetch} with --from ARCHIVE; the list is made from it"
            ),
            Content { .. } => "please report this with the version of hlb-bench and the machine".to_owned(),
            Decoder { .. } => "free some memory and try again; if it ends so again, please report it".to_owned(),
            Unfit(_) => "use a manifest of the kind that the track's own data set has".to_owned(),
            Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "allow this user to read it".to_owned()
            }
            Read { .. } | Format { .. } | Digest { .. } => {
                format!("delete the file and run {fetch} for the right bytes")
            }
            List { .. } | Differs { .. } => format!("run {fetch} for the right bytes"),
        })
    }
}

/// The error of a file that cannot be read.
pub(crate) fn unreadable<E: Into<io::Error>>(path: &Path) -> impl FnOnce(E) -> DatasetProblem + use<'_, E> {
    |error| DatasetProblem::Read { path: path.to_owned(), source: error.into() }
}
