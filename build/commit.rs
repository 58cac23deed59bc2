//! The commit that a program is built from, and the files whose changes make it another. The build script and its
//! test both include this file.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything in the work tree but submitted entries, none of which is compiled in.
const SOURCES: [&str; 3] = ["--", ".", ":(exclude)submissions"];

/// A checkout of the sources.
pub(crate) struct Checkout<'a>(pub(crate) &'a Path);

impl Checkout<'_> {
    /// The commit, with `-dirty` when the work tree differs from it; empty outside a git checkout.
    ///
    /// An untracked file counts as a difference unless git ignores it: a module that was never added is compiled in.
    pub(crate) fn commit(&self) -> String {
        let Some(head) = self.git(&["rev-parse", "HEAD"]) else {
            return String::new();
        };
        match self.git(&[&["status", "--porcelain"], &SOURCES[..]].concat()) {
            Some(changes) if changes.is_empty() => head,
            _ => format!("{head}-dirty"),
        }
    }

    /// The files that [`Checkout::commit`] depends on: all tracked sources, and where git notes a new commit.
    ///
    /// An untracked file is compiled in only by a change of a tracked one, so it need not be listed.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let tracked = self.git(&[&["ls-files", "-z"], &SOURCES[..]].concat()).unwrap_or_default();
        let tracked = tracked.split('\0').filter(|name| !name.is_empty());
        // In a linked work tree these two do not lie in `.git`, which is a file there.
        let noted = ["HEAD", "logs/HEAD"].map(|name| self.git(&["rev-parse", "--git-path", name]));
        tracked.map(PathBuf::from).chain(noted.into_iter().flatten().map(PathBuf::from)).collect()
    }

    /// What a git command prints. It takes no lock, since a refreshed index would look like a change.
    fn git(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("git");
        let output = command.current_dir(self.0).arg("--no-optional-locks").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
