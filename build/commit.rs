//! The commit that a program is built from, and the files whose changes make it another. The build script and its
//! test both include this file.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What no program is built from: documents, tests and submitted entries.
const OTHERS: [&str; 4] = [":(exclude).github", ":(exclude)docs", ":(exclude)submissions", ":(exclude)tests"];

/// Where a file that was never added is compiled in.
const INCLUDED: [&str; 5] = ["*.rs", "leaderboard", "recipes", "tracks", "datasets"];

/// A checkout of the sources.
pub(crate) struct Checkout<'a>(pub(crate) &'a Path);

impl Checkout<'_> {
    /// The commit, with `-dirty` when the sources differ from it; empty outside a git checkout.
    ///
    /// An untracked file counts as a difference only where a build may include it: a variant that somebody writes in
    /// the checkout changes no program.
    pub(crate) fn commit(&self) -> String {
        let Some(head) = self.git(&["rev-parse", "HEAD"]) else {
            return String::new();
        };
        let is_empty = |command: &[&str], paths: &[&str]| {
            self.git(&[command, &["--"], paths, &OTHERS].concat()).is_some_and(|listed| listed.is_empty())
        };
        let is_clean = is_empty(&["status", "--porcelain", "--untracked-files=no"], &["."])
            && is_empty(&["ls-files", "--others", "--exclude-standard"], &INCLUDED);
        if is_clean { head } else { format!("{head}-dirty") }
    }

    /// The files that [`Checkout::commit`] depends on: all tracked sources, and where git notes a new commit.
    ///
    /// An untracked file is compiled in only by a change of a tracked one, so it need not be listed.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let tracked = self.git(&[&["ls-files", "-z", "--", "."], &OTHERS[..]].concat()).unwrap_or_default();
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
