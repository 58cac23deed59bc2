//! The commit of a board's history that took an announcement in.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hlb_core::hint::Hint;
use hlb_core::text::show_path;
use hlb_core::version::CommitId;
use hlb_result::ANNOUNCEMENT_FILE;

/// Why that commit is not known.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum HistoryError {
    #[error("the whole history of the board is not at hand in `{}`", show_path(.folder))]
    NotAtHand { folder: PathBuf },
    #[error("no commit of the board took in `{}`", show_path(.folder))]
    NotMerged { folder: PathBuf },
}

impl Hint for HistoryError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotAtHand { .. } => {
                "use a clone of the board that is not shallow (`git fetch --unshallow`)".to_owned()
            }
            Self::NotMerged { .. } => "wait until it is merged, then pull the board's main branch".to_owned(),
        })
    }
}

/// The first commit on the first-parent history of the checkout that added the announcement in `folder`. A pull request's
/// own commits are not on it, so the commit is the board's.
pub fn commit_that_added(folder: &Path) -> Result<CommitId, HistoryError> {
    let not_at_hand = || HistoryError::NotAtHand { folder: folder.to_owned() };
    let shallow = git(folder, &["rev-parse", "--is-shallow-repository"]).ok_or_else(not_at_hand)?;
    // The oldest commit of a shallow clone seems to add every file.
    if shallow.trim() != "false" {
        return Err(not_at_hand());
    }
    let log = ["log", "--first-parent", "-m", "--no-renames", "--diff-filter=A", "--reverse", "--format=%H", "--"];
    let log: Vec<&str> = log.into_iter().chain([ANNOUNCEMENT_FILE]).collect();
    let commits = git(folder, &log).ok_or_else(not_at_hand)?;
    let first = commits.lines().find_map(|line| line.parse().ok());
    first.ok_or_else(|| HistoryError::NotMerged { folder: folder.to_owned() })
}

/// What git says; `None` where it fails, or where there is none.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}
