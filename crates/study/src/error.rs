//! What can be wrong with a study: its file, a variant in it, or the records that it is to go on from.

use std::io;
use std::path::PathBuf;

use hlb_board::SiteError;
use hlb_core::hint::Hint;
use hlb_core::text::{show, show_path};
use hlb_core::yaml::{ReadError, YamlError};
use hlb_protocol::run_log::LogError;
use hlb_recipe::variant::VariantError;
use hlb_session::SessionError;

/// A study that cannot be run or reported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum StudyError {
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Not YAML that we accept, or a key is wrong.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// A value that breaks a rule of study files.
    #[error("{shown_name}:{place} `{key_path}`: {problem}")]
    Rule { shown_name: String, place: String, key_path: String, problem: String },
    /// A variant that is no recipe of the track.
    #[error("{source} (in variant `{variant}`)")]
    Variant { variant: String, source: Box<VariantError> },
    /// The track asked for is none of the study's.
    #[error("the study has no track `{}`; it has {known}", show(.track))]
    Track { track: String, known: String },
    /// A line of the records that cannot be believed.
    #[error("{path}: line {line}: {problem}", path = show_path(path))]
    Record { path: PathBuf, line: usize, problem: String },
    /// The records are those of another study, or of another machine.
    #[error("the study in {path} cannot go on: {what} not the same as when it began", path = show_path(path))]
    Differs { path: PathBuf, what: String },
    #[error("{} cannot be read", show_path(path))]
    ReadRecords { path: PathBuf, source: io::Error },
    #[error("there are no records in {}; leave out --report-only to make some", show_path(folder))]
    NoRecords { folder: PathBuf },
    #[error("the folder {} cannot be made; name another with --out", show_path(folder))]
    CreateFolder { folder: PathBuf, source: io::Error },
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Report(#[from] SiteError),
    #[error(
        "the study was interrupted after {finished} of {planned} runs; they are kept in {}, and the same command \
         runs the others",
        show_path(folder)
    )]
    Interrupted { finished: usize, planned: usize, folder: PathBuf },
}

impl Hint for StudyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Yaml(error) => error.hint(),
            Self::Variant { source, .. } => source.hint(),
            Self::Track { .. } => Some("name one of them with --track, or add it to `tracks` in the file".to_owned()),
            Self::Record { .. } => {
                Some("the records are not to be edited; begin anew in another folder with --out DIR".to_owned())
            }
            Self::Differs { .. } => Some(
                "its runs cannot be compared with new ones; begin anew in another folder with --out DIR".to_owned(),
            ),
            // A study has no session that could be resumed.
            Self::Log(LogError::InUse { .. }) => {
                Some("wait for it to end, or name another folder with --out".to_owned())
            }
            Self::Log(LogError::Vanished { .. }) => Some("leave the folder alone while the study runs".to_owned()),
            Self::Log(_) => Some("the finished runs are kept; the same command runs the others".to_owned()),
            Self::Read(error) => error.hint(),
            Self::Session(error) => error.hint(),
            Self::Report(error) => error.hint(),
            _ => None,
        }
    }
}
