//! `hlb-bench run`: a session whose result is printed and stays unsigned.

use crate::args::Run;
use crate::clock::MonotonicClock;
use crate::command::progress::SessionProgress;
use crate::command::exit::Exit;
use crate::command::{interrupt, session_arguments, summary};
use crate::hint::Result;
use crate::terminal::{answer, answer_text, note};
use crate::session;

/// Runs the command.
pub(super) fn run(arguments: &Run, clock: &MonotonicClock) -> Result<Exit> {
    let plan = session_arguments::of_run(arguments)?;
    let mut progress = SessionProgress::new();
    let prepared = session::prepare(plan, &mut progress)?;
    let finished = prepared.run(clock, &mut progress, interrupt::catch()?)?;
    if arguments.json {
        answer(&serde_json::to_string(&finished.result)?);
    } else {
        answer_text(&finished.result_text);
    }
    summary::print(&finished.result);
    note(&format!("kept, unsigned, in {}", finished.folder.display()));
    summary::conclude(&finished)
}
