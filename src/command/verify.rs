//! `hlb-bench verify`: is an entry what it says?

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::Verify;
use crate::clock;
use crate::command::{Answer, markdown};
use crate::hint::{Context as _, Hint as _, Result};
use crate::leaderboard::{SIGNERS_FILE, entry_folders, read_signers};
use crate::printer::answer;
use crate::report;
use crate::result::{Entry, EntryError, LOG_FILE, RESULT_FILE, Trust, check_entry};
use crate::signing::AllowedSigners;
use crate::units::human_seconds;

/// Columns of the table in Markdown.
const COLUMNS: [&str; 6] = ["entry", "verdict", "trust", "signed by", "time-to-accuracy", "what is wrong"];

/// Runs the command.
pub(super) fn verify(arguments: &Verify) -> Result<Answer> {
    let mut good = true;
    if arguments.markdown {
        answer(&markdown::head(&COLUMNS));
    }
    for path in &arguments.paths {
        for folder in folders(path)? {
            let signers = signers(&folder, arguments.signers.as_deref())?;
            good &= report(&folder, &check_entry(&folder, &signers, clock::calendar()), arguments);
        }
    }
    Ok(if good { Answer::Done } else { Answer::NotSo })
}

/// The entry itself, or the entries below.
fn folders(path: &Path) -> Result<Vec<PathBuf>> {
    let kind = std::fs::symlink_metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
    if kind.is_file() {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        return Ok(vec![parent.unwrap_or(Path::new(".")).to_owned()]);
    }
    let is_entry = [RESULT_FILE, LOG_FILE].iter().any(|name| path.join(name).exists());
    let below = if is_entry { Vec::new() } else { entry_folders(path)? };
    Ok(if below.is_empty() { vec![path.to_owned()] } else { below })
}

/// The signers named, else those of the board that the entry lies in: two folders up, where `submit` keeps them and
/// nowhere else, so that an entry cannot bring a list of its own.
pub(super) fn signers(entry: &Path, named: Option<&Path>) -> Result<AllowedSigners> {
    if let Some(named) = named {
        return Ok(read_signers(named)?);
    }
    let entry = std::fs::canonicalize(entry).with_context(|| format!("{} cannot be read", entry.display()))?;
    match entry.ancestors().nth(2) {
        Some(board) => Ok(read_signers(&board.join(SIGNERS_FILE))?),
        None => Ok(AllowedSigners::default()),
    }
}

/// Prints one verdict; whether it is good.
fn report(folder: &Path, checked: &Result<Entry, EntryError>, arguments: &Verify) -> bool {
    let good = matches!(checked, Ok(entry) if entry.trust != Trust::Unsigned);
    if arguments.json {
        answer(&verdict(folder, checked, good).to_string());
    } else if arguments.markdown {
        answer(&row(folder, checked, good));
    } else {
        say(checked, good);
    }
    good
}

fn say(checked: &Result<Entry, EntryError>, good: bool) {
    match checked {
        Ok(entry) => answer(&described(entry, good)),
        Err(error) => {
            answer(&format!("REJECTED {error}"));
            report::print_hint(error.hint().as_deref());
        }
    }
}

/// The headline of an entry.
fn time(entry: &Entry) -> String {
    let median = entry.result.derived.summary.time_to_accuracy_seconds.median;
    median.map_or_else(|| "target not reached".to_owned(), human_seconds)
}

fn described(entry: &Entry, good: bool) -> String {
    let signer = entry
        .trust
        .signer()
        .map_or_else(String::new, |signer| format!(" by {} ({})", signer.principal, signer.fingerprint));
    let word = if good { "VERIFIED" } else { "UNSIGNED, otherwise in order:" };
    format!("{word} {}: {}, {}{signer}", entry.folder.display(), time(entry), entry.trust.words())
}

/// The row of an entry, in the order of [`COLUMNS`]. Names and reasons hold what strangers wrote.
fn row(folder: &Path, checked: &Result<Entry, EntryError>, good: bool) -> String {
    let word = match (good, checked) {
        (true, _) => "verified",
        (false, Ok(_)) => "**unsigned**",
        (false, Err(_)) => "**rejected**",
    };
    let entry = checked.as_ref().ok();
    let signer = entry.and_then(|entry| entry.trust.signer()).map(|signer| signer.principal.as_str());
    let problem = checked.as_ref().err().map(|error| error.fault.to_string());
    markdown::line(&[
        markdown::foreign(&folder.to_string_lossy()),
        word.to_owned(),
        entry.map_or_else(String::new, |entry| entry.trust.words().to_owned()),
        markdown::foreign(signer.unwrap_or_default()),
        entry.map_or_else(String::new, time),
        markdown::foreign(&problem.unwrap_or_default()),
    ])
}

fn verdict(folder: &Path, checked: &Result<Entry, EntryError>, good: bool) -> serde_json::Value {
    let entry = checked.as_ref().ok();
    json!({
        "entry": folder.display().to_string(),
        "verified": good,
        "trust": entry.map(|entry| entry.trust.words()),
        "principal": entry.and_then(|entry| entry.trust.signer()).map(|signer| signer.principal.clone()),
        "result_sha256": entry.map(|entry| entry.result_sha256),
        "problem": checked.as_ref().err().map(|error| error.fault.to_string()),
    })
}
