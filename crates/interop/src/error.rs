//! Entries that cannot be exported as asked.

use hlb_core::hint::Hint;

/// What stands in the way of an export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ExportError {
    #[error("there is no run {run}; the session has {runs}")]
    NoSuchRun { run: u32, runs: usize },
    /// A format that takes a time, and a run without one.
    #[error("run {run} did not reach the target, and this format states a time to it")]
    NotReached { run: u32 },
    /// The start of the session is no calendar time.
    #[error("the session's start `{}` is not a time in the form of RFC 3339", hlb_core::text::show(.0))]
    Start(String),
    #[error("it cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Hint for ExportError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuchRun { .. } => Some("leave out --run for the median run".to_owned()),
            Self::NotReached { .. } => {
                Some("name a run that reached with --run; `export csv` shows them all".to_owned())
            }
            Self::Start(_) | Self::Json(_) => None,
        }
    }
}
