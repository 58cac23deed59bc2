//! A clone of a board with a remote that takes pushes, in a scratch folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::context::{Answer, answer};

/// A file of the project's own.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs git as somebody without settings of their own.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    named(command.current_dir(folder).args(arguments));
    let ran = answer(&command.output().unwrap());
    assert_eq!(ran.code, Some(0), "git {arguments:?}: {}{}", ran.stdout, ran.stderr);
    ran.stdout.trim_end().to_owned()
}

/// The environment in which git commits as Ada, on every machine.
pub(crate) fn named(command: &mut Command) {
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Ada Lovelace").env(format!("GIT_{role}_EMAIL"), "ada@example.org");
    }
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for inherited in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(inherited);
    }
}

/// Makes a folder a clone of `remote`, a new bare repository that has what is in the folder and not in `.gitignore`.
pub(crate) fn clone_with_remote(folder: &Path, remote: &Path) {
    git(folder, &["init", "--quiet", "--initial-branch", "main"]);
    git(folder, &["add", "."]);
    git(folder, &["commit", "--quiet", "--allow-empty", "--message", "Begin the board"]);
    let remote = remote.to_str().unwrap();
    git(folder, &["init", "--quiet", "--bare", "--initial-branch", "main", remote]);
    git(folder, &["remote", "add", "origin", remote]);
    git(folder, &["push", "--quiet", "--set-upstream", "origin", "main"]);
}

/// What the rules for pull requests say of a change.
pub(crate) fn policy(folder: &Path, base: &str, head: &str) -> Answer {
    let mut command = Command::new(project("scripts/submission-policy.sh"));
    named(command.arg(folder).args([base, head]));
    answer(&command.output().unwrap())
}
