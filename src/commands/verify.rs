//! `hlb-bench verify`: is an entry what it says?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::args::Verify;
use crate::commands::exit;
use crate::terminal::{CheckedEntry, answer, answer_json, answer_text, print_pull_request, print_states};
use hlb_board::{PullRequest, STATES_FILE, StatesReport, Workers, entry_folders, signers_for};
use hlb_core::clock;
use hlb_core::hint::{Context as _, Result, bail};
use hlb_core::text::show_path;
use hlb_result::{LOG_FILE, RESULT_FILE, check_entry};

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
            let checked = check_entry(&folder, &signers, clock::calendar());
            let verdict = CheckedEntry::new(&folder, &checked);
            print(&verdict, arguments);
            good &= verdict.is_good();
        }
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
