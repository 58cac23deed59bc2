//! The commands that make a pull request of what was just filed, for the user to
//! read and paste.
//!
//! Nothing here changes a repository: git is only asked.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::terminal::note;
use hlb_board::SIGNERS_FILE;
use hlb_core::text::is_hidden;
use hlb_result::{ANNOUNCEMENTS_FOLDER, REPRODUCTIONS_FOLDER};

/// Prints how the folder that was filed on this board becomes a pull request. There are no commands
/// for a board outside of a git repository, or one that git ignores.
pub(crate) fn print_proposal(board: &Path, filed: &Path) {
    match commands(board, filed) {
        Some(commands) => {
            note("to propose it:");
            for command in &commands {
                note(&format!("  {command}"));
            }
            if !is_on_path("gh") {
                note("then open a pull request from that branch");
            }
        }
        None => note("to propose it, copy it into a clone of the board, at the same place; see docs/guide/submit.md"),
    }
}

/// The lines, safe to paste: each word is plain or quoted.
fn commands(board: &Path, filed: &Path) -> Option<Vec<String>> {
    let board = std::fs::canonicalize(board).ok()?;
    let filed = std::fs::canonicalize(filed).ok()?;
    let top = top(&board)?;
    let entry = below(&filed, &top)?;
    if !would_be_added(&top, &entry) {
        return None;
    }
    let (branch, message) = names_of(&below(&filed, &board)?)?;
    let signers = below(&board.join(SIGNERS_FILE), &top).filter(|signers| is_changed(&top, signers));
    let added = names(&filed)?.into_iter().map(|name| format!("{entry}/{name}")).chain(signers.clone());
    let add = quoted_all(added);
    // What else is staged stays so.
    let commit = quoted_all([entry].into_iter().chain(signers));
    let git = [
        format!("git switch --create {branch}"),
        format!("git add -- {add}"),
        format!("git commit --message {} -- {commit}", quoted(&message)),
        format!("git push --set-upstream origin {branch}"),
    ];
    let gh = is_on_path("gh").then(|| "gh pr create --fill".to_owned());
    Some(enter(&top).into_iter().chain(git).chain(gh).collect())
}

/// How the shell gets to the top of the working tree, if it is not there.
fn enter(top: &Path) -> Option<String> {
    let here = std::env::current_dir().and_then(std::fs::canonicalize).ok();
    (here.as_deref() != Some(top)).then(|| format!("cd {}", quoted(&top.to_string_lossy())))
}

/// What the branch and the commit are called, from the place on the board: `track/entry` or
/// `track/entry/reproductions/name`. Two kinds of branches, because git allows none below another.
fn names_of(place: &str) -> Option<(String, String)> {
    let plain = |word: &str| {
        let of_plain = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        of_plain && !word.is_empty() && !word.starts_with('-')
    };
    let words: Vec<&str> = place.split('/').collect();
    match words[..] {
        _ if !words.iter().all(|word| plain(word)) => None,
        [track, entry] => Some((format!("entry/{track}/{entry}"), format!("Enter {entry} on {track}"))),
        [track, ANNOUNCEMENTS_FOLDER, name] => {
            Some((format!("announcement/{track}/{name}"), format!("Announce {name} on {track}")))
        }
        [track, entry, REPRODUCTIONS_FOLDER, name] => {
            Some((format!("reproduction/{track}/{entry}/{name}"), format!("Reproduce {entry} on {track}")))
        }
        _ => None,
    }
}

/// A path relative to a folder that holds it; `None` where it cannot be shown as it is.
fn below(path: &Path, folder: &Path) -> Option<String> {
    let text = path.strip_prefix(folder).ok()?.to_str()?;
    (!text.chars().any(is_hidden)).then(|| text.to_owned())
}

/// The names of the files in a folder, sorted; an entry has no folders when it is filed.
fn names(folder: &Path) -> Option<Vec<String>> {
    let names = std::fs::read_dir(folder).ok()?.map(|item| item.ok()?.file_name().into_string().ok());
    let mut names = names.collect::<Option<Vec<String>>>()?;
    names.sort();
    Some(names)
}

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if !word.is_empty() && !word.starts_with('-') && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn quoted_all(words: impl Iterator<Item = String>) -> String {
    words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

fn git(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// The folder of the working tree; `None` outside of one, and where there is no git.
fn top(folder: &Path) -> Option<PathBuf> {
    let output = git(folder, &["rev-parse", "--show-toplevel"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|text| output.status.success() && !text.is_empty())?;
    let top = text.strip_suffix('\n')?;
    (!top.chars().any(is_hidden)).then(|| PathBuf::from(top))
}

/// Whether git would take the path in: it is not ignored.
fn would_be_added(top: &Path, path: &str) -> bool {
    const NOT_IGNORED: i32 = 1;
    git(top, &["check-ignore", "--quiet", "--", path]).status().is_ok_and(|status| status.code() == Some(NOT_IGNORED))
}

/// Whether a file differs from what is committed, or is not committed at all.
fn is_changed(top: &Path, path: &str) -> bool {
    git(top, &["status", "--porcelain", "--", path]).output().is_ok_and(|output| !output.stdout.is_empty())
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_follow_from_the_place_on_the_board() {
        let (branch, message) = names_of("shapes/2026-11-23-tiny").unwrap();
        assert_eq!(branch, "entry/shapes/2026-11-23-tiny");
        assert_eq!(message, "Enter 2026-11-23-tiny on shapes");
        let (branch, message) = names_of("shapes/2026-11-23-tiny/reproductions/2026-11-24-00ff00ff").unwrap();
        assert_eq!(branch, "reproduction/shapes/2026-11-23-tiny/2026-11-24-00ff00ff");
        assert_eq!(message, "Reproduce 2026-11-23-tiny on shapes");
    }

    #[test]
    fn places_that_are_no_names_have_no_branch() {
        for place in ["", "shapes", "shapes/", "shapes/a b", "shapes/$(id)", "shapes/..", "-x/y", "a/b/other/c", "a/B"]
        {
            assert!(names_of(place).is_none(), "{place}");
        }
    }

    #[test]
    fn plain_words_stay_plain() {
        assert_eq!(quoted("submissions/shapes/2026-11-23-tiny"), "submissions/shapes/2026-11-23-tiny");
        assert_eq!(quoted("my board/it's"), "'my board/it'\\''s'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_reads_back_what_was_quoted(word in "[^\0]{0,40}") {
            let script = format!("printf %s {}", quoted(&word));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            prop_assert_eq!(output.stdout, word.as_bytes());
        }
    }
}
