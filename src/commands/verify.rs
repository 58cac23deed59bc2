//! `hlb-bench verify`: is an entry what it says?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::args::Verify;
use crate::commands::exit;
use crate::terminal::{
    CheckedEntry, answer, answer_json, answer_text, note, print_announcement, print_pull_request, print_states,
};
use hlb_board::{
    PullRequest, SIGNERS_FILE, STATES_FILE, StatesReport, Workers, entry_folders, read_signers, signers_for,
};
use hlb_core::clock;
use hlb_core::hint::{Context as _, Result, bail};
use hlb_core::text::show_path;
use hlb_result::{
    Entry, EntryError, Fault, LOG_FILE, RESULT_FILE, SignedAnnouncement, announcement_folders, answered_by, check_filed,
};
use hlb_session::{HistoryError, commit_that_added};

/// Runs the command.
pub(super) fn verify(arguments: &Verify) -> Result<ExitCode> {
    let mut good = judge(arguments)?;
    for path in &arguments.paths {
        good &= judge_states(path, arguments)?;
    }
    if arguments.markdown {
        answer_text(&CheckedEntry::markdown_head());
    }
    for path in &arguments.paths {
        for folder in folders(path)? {
            let signers = signers_for(&folder, arguments.signers.as_deref())?;
            let checked = check_filed(&folder, &signers, clock::calendar()).and_then(check_commit);
            let verdict = CheckedEntry::new(&folder, &checked);
            print(&verdict, arguments);
            good &= verdict.is_good();
        }
        good &= announcements_are_good(path, arguments)?;
    }
    Ok(exit::of_check(good))
}

/// Whether a pull request changes nothing that only a maintainer may change.
fn judge(arguments: &Verify) -> Result<bool> {
    let (Some(base), Some(author)) = (&arguments.base, &arguments.author) else { return Ok(true) };
    let [proposed] = arguments.paths.as_slice() else {
        bail!("with `--base`, one folder of submissions is checked, here {} are named", arguments.paths.len());
    };
    let found = PullRequest::read((base, proposed), author, clock::calendar(), Workers::all())?;
    print_pull_request(&found);
    Ok(found.problems.is_empty())
}

/// Whether the chain of states of a folder of submissions, if it has one, is whole and covers what was filed.
fn judge_states(path: &Path, arguments: &Verify) -> Result<bool> {
    let older = arguments.older_states.as_deref();
    let Some(report) = StatesReport::read(path, older)? else {
        if older.is_some() {
            bail!("`{}` has no `{STATES_FILE}` to compare the older one with", show_path(path));
        }
        return Ok(true);
    };
    print_states(&report, arguments.markdown);
    Ok(report.problems.is_empty())
}

/// Whether every announcement of a folder of submissions is signed and in order.
fn announcements_are_good(path: &Path, arguments: &Verify) -> Result<bool> {
    let mut good = true;
    // A file or an entry has none below it.
    for folder in announcement_folders(path).unwrap_or_default() {
        let signers = match &arguments.signers {
            Some(named) => signers_for(&folder, Some(named))?,
            None => read_signers(&path.join(SIGNERS_FILE))?,
        };
        let checked = SignedAnnouncement::read(&folder, &signers, clock::calendar());
        good &= checked.is_ok();
        print_announcement(&folder, &checked, (arguments.json, arguments.markdown));
    }
    Ok(good)
}

/// Checks that the commit that an entry's nonce follows from is the one that took its announcement in.
fn check_commit(entry: Entry) -> Result<Entry, EntryError> {
    let Ok(Some(announcement)) = answered_by(&entry) else { return Ok(entry) };
    let stated = entry.result.session.announced.as_ref().map(|announced| &announced.commit);
    let problem = match commit_that_added(&announcement) {
        Ok(commit) if stated == Some(&commit) => return Ok(entry),
        Ok(commit) => format!("commit {commit} took it in, and not the one that the nonce follows from"),
        Err(error @ HistoryError::NotAtHand { .. }) => {
            note(&format!("{}: its commit is not checked: {error}", show_path(&entry.folder)));
            return Ok(entry);
        }
        Err(error) => error.to_string(),
    };
    Err(EntryError { folder: entry.folder, fault: Box::new(Fault::Announcement { problem }) })
}

fn print(verdict: &CheckedEntry, arguments: &Verify) {
    if arguments.json {
        answer_json(&verdict.json().to_string());
    } else if arguments.markdown {
        answer(&verdict.markdown_row());
    } else {
        verdict.print();
    }
}

/// The entry itself, or the entries below.
fn folders(path: &Path) -> Result<Vec<PathBuf>> {
    let kind = std::fs::symlink_metadata(path)
        .with_context(|| format!("`{}` cannot be read; name an entry, or a folder of entries", show_path(path)))?;
    if kind.is_file() {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        return Ok(vec![parent.unwrap_or(Path::new(".")).to_owned()]);
    }
    let is_entry = [RESULT_FILE, LOG_FILE].iter().any(|name| path.join(name).exists());
    let below = if is_entry { Vec::new() } else { entry_folders(path)? };
    Ok(if below.is_empty() { vec![path.to_owned()] } else { below })
}
