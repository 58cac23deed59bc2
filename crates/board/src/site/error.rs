//! Why the site cannot be written.

use std::io;
use std::path::PathBuf;

use crate::site::MARKER;
use hlb_core::artifact::ArtifactError;
use hlb_core::hint::Hint;
use hlb_core::text::{show, show_path};
use hlb_core::yaml::ReadError;

/// The site cannot be written or compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum SiteError {
    #[error("`{path}` is not empty and has no `{marker}`, so it is not a site that this program wrote", path = show_path(path), marker = MARKER)]
    Foreign { path: PathBuf },
    #[error("cannot {step} `{path}`", path = show_path(path))]
    Folder { step: &'static str, path: PathBuf, source: io::Error },
    #[error(transparent)]
    Write(#[from] ArtifactError),
    /// A file of an entry cannot be read again.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A file of an entry is not the one that was verified.
    #[error("`{path}` has changed since it was verified", path = show_path(path))]
    Changed { path: PathBuf },
    #[error("`{path}` does not begin like the page of a study, so it may contain a script", path = show_path(path))]
    Study { path: PathBuf },
    /// A path that would lead out of the site.
    #[error("`{path}` cannot be a path inside the site", path = show(path))]
    Path { path: String },
    /// A template does not match its data: a bug.
    #[error("page `{page}` cannot be rendered", page = show(page))]
    Render { page: String, source: Box<minijinja::Error> },
}

impl Hint for SiteError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Foreign { .. } => Some("name an empty or new folder with `--out`".to_owned()),
            Self::Study { .. } => Some(
                "write it again with `hlb-bench study FILE --out FOLDER --report-only`, or remove its folder"
                    .to_owned(),
            ),
            Self::Changed { .. } => Some("build the site again once nothing writes to the submissions".to_owned()),
            Self::Write(error) => error.hint(),
            Self::Read(error) => error.hint(),
            _ => None,
        }
    }
}
