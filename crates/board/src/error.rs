//! Why the submissions cannot be read at all.

use std::io;
use std::path::PathBuf;

use crate::retractions::{RETRACTIONS_FILE, RetractionError};
use hlb_result::signing::AllowedSignersError;
use hlb_core::hint::Hint;
use hlb_core::text::show;

/// The submissions cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum BoardError {
    #[error("{path} cannot be read: {source}")]
    Folder { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Signers(#[from] AllowedSignersError),
    #[error(transparent)]
    Retractions(#[from] RetractionError),
    /// A retraction of an entry that is not on the board: with a typing error the entry that was meant would stay ranked.
    #[error("`{file}` retracts `{entry}`, which is not an entry of this board", file = RETRACTIONS_FILE, entry = show(entry))]
    NothingToRetract { entry: String },
}

impl Hint for BoardError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Signers(error) => error.hint(),
            Self::Retractions(error) => error.hint(),
            Self::Folder { .. } | Self::NothingToRetract { .. } => None,
        }
    }
}
