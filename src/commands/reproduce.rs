//! `hlb-bench reproduce`: repeats an entry's session from the entry alone, and says whether the two
//! agree. The entry's own files never change; a signed reproduction is filed with them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use crate::args::Reproduce;
use crate::commands::{exit, session_arguments, sign};
use crate::terminal::{answer, answer_json, note, print_proposal, print_summary};
use hlb_board::{SIGNERS_FILE, signers_for};
use hlb_core::clock::{self, Clock as _, MonotonicClock};
use hlb_core::hint::{Context as _, Result};
use hlb_core::text::visible_path;
use hlb_result::signing::KeyChoice;
use hlb_result::{
    Agreement, BoardSigner, Entry, FinishedSession, Trust, between, board_of, check_entry, file_reproduction,
};

/// Runs the command. Whatever can be refused is refused before the first step of training.
pub(super) fn reproduce(arguments: &Reproduce, process: &MonotonicClock) -> Result<ExitCode> {
    let entry = check_entry(&arguments.entry, &signers_for(&arguments.entry, None)?, clock::calendar())?;
    hlb_session::check_reproducible(&entry)?;
    hlb_session::check_environment()?;
    let asked = process.now();
    let signer = arguments.key.as_deref().map(|key| open_signer(key, arguments, &entry)).transpose()?;
    // The time it takes to type a passphrase is not measured.
    let clock = &process.without(process.now().saturating_sub(asked));
    let plan = hlb_session::plan_reproduction(&entry, session_arguments::of_reproduce(arguments)?)?;
    let finished = session_arguments::run_to_file(plan, clock)?;
    print_summary(&finished.result);
    if !finished.is_complete() {
        return exit::of_session(&finished);
    }
    let agreement = between(&entry.result, &finished.result);
    let filed = signer.map(|signer| file(&signer, &entry, &finished)).transpose();
    // The verdict must not be lost with the file.
    let filed = filed.with_context(|| {
        let (verdict, folder) = (agreement.verdict.as_str(), visible_path(&finished.folder));
        format!(
            "the verdict is: {verdict}; yet the session in {folder} could not be filed; `reproduce --resume` files it \
             without training again"
        )
    })?;
    report(arguments.json, &finished.folder, &agreement, filed.as_ref());
    if let Some((folder, _)) = &filed {
        print_proposal(&board_of(&entry.folder)?, folder);
    }
    Ok(exit::of_check(agreement.agrees()))
}

fn open_signer(key: &Path, arguments: &Reproduce, entry: &Entry) -> Result<BoardSigner> {
    let (key, list) = (KeyChoice::File(key.to_owned()), board_of(&entry.folder)?.join(SIGNERS_FILE));
    let principal = arguments.principal.as_deref();
    let signer = BoardSigner::independent(|| sign::prove(&key), &list, principal, entry)?;
    sign::say_enrolled(&signer, &list);
    Ok(signer)
}

/// Signs the session and files it with the entry; its new folder, and how far the entry can be
/// trusted now.
fn file(signer: &BoardSigner, entry: &Entry, finished: &FinishedSession) -> Result<(PathBuf, Trust)> {
    signer.sign(finished)?;
    let folder = file_reproduction(finished, entry)?;
    let checked = check_entry(&entry.folder, signer.signers(), clock::calendar())?;
    Ok((folder, checked.trust))
}

/// The verdict and its reasons as the answer; the rest to the user.
fn report(as_json: bool, kept: &Path, agreement: &Agreement, filed: Option<&(PathBuf, Trust)>) {
    let folder = filed.map_or(kept, |(folder, _)| folder);
    if as_json {
        answer_json(&verdict(folder, agreement, filed.map(|(_, trust)| trust)).to_string());
    } else {
        answer(agreement.verdict.as_str());
        agreement.reasons.iter().for_each(|reason| answer(&format!("  {reason}")));
    }
    match filed {
        Some((_, trust)) => {
            note(&format!("filed, signed, in {}", visible_path(folder)));
            note(&format!("the entry is now: {trust}; `hlb-bench leaderboard` shows it"));
        }
        None => note(&format!("kept, unsigned, in {}", visible_path(folder))),
    }
}

fn verdict(folder: &Path, agreement: &Agreement, trust: Option<&Trust>) -> serde_json::Value {
    json!({
        "verdict": agreement.verdict.as_str(),
        "reasons": agreement.reasons,
        "p_same_accuracy": agreement.p_same_accuracy,
        "time_ratio": agreement.time_ratio,
        "calibrated": agreement.calibrated,
        "session": visible_path(folder),
        "signed": trust.is_some(),
        "entry_trust": trust.map(Trust::as_str),
    })
}
