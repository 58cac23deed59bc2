//! `hlb-bench verify`: is an entry what it says?

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::cli::Verify;
use crate::clock;
use crate::command::Answer;
use crate::leaderboard::{SIGNERS_FILE, entry_folders, read_signers};
use crate::printer::{Label, answer, labelled};
use crate::result::{Entry, EntryError, LOG_FILE, RESULT_FILE, Trust, check_entry};
use crate::signing::AllowedSigners;
use crate::units::human_seconds;

/// Runs the command.
pub(super) fn verify(arguments: &Verify) -> Result<Answer> {
    let mut good = true;
    for path in &arguments.paths {
        for folder in folders(path)? {
            let signers = signers(&folder, arguments.signers.as_deref())?;
            good &= report(&folder, check_entry(&folder, &signers, clock::calendar()), arguments.json);
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
fn report(folder: &Path, checked: Result<Entry, EntryError>, json: bool) -> bool {
    let good = matches!(&checked, Ok(entry) if entry.trust != Trust::Unsigned);
    if json {
        answer(&verdict(folder, &checked, good).to_string());
        return good;
    }
    match checked {
        Ok(entry) => answer(&described(&entry, good)),
        Err(error) => {
            answer(&format!("REJECTED {error}"));
            if let Some(hint) = error.hint() {
                labelled(Label::Hint, &hint);
            }
        }
    }
    good
}

fn described(entry: &Entry, good: bool) -> String {
    let summary = &entry.result.derived.summary;
    let time = summary.time_to_accuracy_seconds.median.map_or_else(|| "target not reached".to_owned(), human_seconds);
    let signer = entry
        .trust
        .signer()
        .map_or_else(String::new, |signer| format!(" by {} ({})", signer.principal, signer.fingerprint));
    let word = if good { "VERIFIED" } else { "UNSIGNED, otherwise in order:" };
    format!("{word} {}: {time}, {}{signer}", entry.folder.display(), entry.trust.words())
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
