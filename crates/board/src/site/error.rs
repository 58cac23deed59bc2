//! Why the site cannot be written.

use std::io;
use std::path::{Path, PathBuf};

use crate::site::MARKER;
use hlb_core::artifact::ArtifactError;
use hlb_core::bounded::ReadError;
use hlb_core::hint::{Failure, Hint};
use hlb_core::text::{show, show_path};

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
    /// The report of a study cannot be made again.
    #[error("the report in `{path}` cannot be made again: {problem}", path = show_path(path))]
    Study { path: PathBuf, problem: String, hint: Option<String> },
    /// A path that would lead out of the site.
    #[error("`{path}` cannot be a path inside the site", path = show(path))]
    Path { path: String },
    /// Two pages with one address: one would replace the other.
    #[error("`{path}` would be both {one} and {other}", path = show(path))]
    Twice { path: String, one: String, other: String },
    /// A template does not match its data: a bug.
    #[error("page `{page}` cannot be rendered", page = show(page))]
    Render { page: String, source: Box<minijinja::Error> },
}

impl SiteError {
    pub(super) fn study(folder: &Path, failure: &Failure) -> Self {
        let causes = failure.causes().map(ToString::to_string);
        let problem = std::iter::once(failure.to_string()).chain(causes).collect::<Vec<_>>().join(": ");
        Self::Study { path: folder.to_owned(), problem, hint: failure.hint().map(str::to_owned) }
    }
}

impl Hint for SiteError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Foreign { .. } => Some("name an empty or new folder with `--out`".to_owned()),
            Self::Study { hint, .. } => hint
                .clone()
                .or_else(|| Some("publish a study with its records and its file, or remove the folder".to_owned())),
            Self::Twice { .. } => Some("rename one of them, or leave it out".to_owned()),
            Self::Changed { .. } => Some("build the site again once nothing writes to the submissions".to_owned()),
            Self::Write(error) => error.hint(),
            Self::Read(error) => error.hint(),
            _ => None,
        }
    }
}
