//! `hlb-bench leaderboard`: rebuilds the site from the submissions alone.

use anyhow::Result;

use crate::cli::Leaderboard;
use crate::clock;
use crate::command::Answer;
use crate::leaderboard::{self, SIGNERS_FILE, SiteOptions, read_signers};
use crate::printer::{Label, answer, labelled, note};

/// Runs the command.
pub(super) fn leaderboard(arguments: &Leaderboard) -> Result<Answer> {
    let signers = read_signers(&arguments.submissions.join(SIGNERS_FILE))?;
    let board = leaderboard::read(&arguments.submissions, &signers, clock::calendar())?;
    let options = SiteOptions { base_url: arguments.base_url.clone(), studies: Some(arguments.studies.clone()) };
    leaderboard::write_with(&board, &arguments.out, &options)?;
    for rejected in &board.rejected {
        labelled(Label::Warning, &format!("rejected {}: {}", rejected.folder, rejected.reason));
    }
    note(&format!("{} entries, {} rejected", board.entry_count(), board.rejected.len()));
    answer(&arguments.out.join("index.html").display().to_string());
    Ok(if board.rejected.is_empty() || arguments.allow_rejected { Answer::Done } else { Answer::NotSo })
}
