//! Why the submissions cannot be read, or the site cannot be built.

use std::io;
use std::path::PathBuf;

use crate::site::SiteError;
use crate::{RETRACTIONS_FILE, STATES_FILE};
use hlb_core::artifact::ArtifactError;
use hlb_core::bounded::ReadError;
use hlb_core::hint::Hint;
use hlb_core::text::{show, show_path};
use hlb_core::yaml::YamlError;
use hlb_result::RunnersError;
use hlb_result::signing::AllowedSignersError;

/// The submissions cannot be read, or the site cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum BoardError {
    /// The folder of entries, or one in it.
    #[error("`{path}` cannot be read: {source}", path = show_path(path))]
    Folder { path: PathBuf, source: io::Error },
    /// A list of signers, or the entry whose list is looked for.
    #[error("`{path}` cannot be read: {source}", path = show_path(path))]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Signers(#[from] AllowedSignersError),
    #[error(transparent)]
    Runners(#[from] RunnersError),
    /// The list of retractions, or a result that a state covers, cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The list of retractions is invalid.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A retraction of an entry that is not on the board: with a typing error the entry that was meant would stay ranked.
    #[error("`{file}` retracts `{entry}`, which is not an entry of this board", file = RETRACTIONS_FILE, entry = show(entry))]
    NothingToRetract { entry: String },
    /// A line of the chain of states that does not follow from those before it.
    #[error("state {number} in `{STATES_FILE}` {problem}")]
    State { number: usize, problem: String },
    /// The chain of states cannot be written.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    Site(#[from] SiteError),
}

impl BoardError {
    /// Whether entries changed while the site was built, so that the same build may succeed the next time.
    pub fn is_of_a_change(&self) -> bool {
        matches!(self, Self::Site(SiteError::Changed { .. } | SiteError::Read(_)))
    }
}

impl Hint for BoardError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Signers(error) => error.hint(),
            Self::Runners(error) => error.hint(),
            Self::Read(error) => error.hint(),
            Self::Yaml(error) => error.hint(),
            Self::State { .. } => {
                Some("restore the file from git: states are added at its end and never changed".to_owned())
            }
            Self::Artifact(error) => error.hint(),
            Self::Site(error) => error.hint(),
            Self::Folder { .. } => Some("name the folder of entries with --submissions".to_owned()),
            Self::NothingToRetract { .. } => {
                Some("write the entry as TRACK/DATE-NAME, as its folder is called".to_owned())
            }
            Self::File { .. } => None,
        }
    }
}
