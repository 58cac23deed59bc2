//! `hlb-bench run`: a session whose result is printed and stays unsigned.

use crate::args::Run;
use crate::commands::exit::Exit;
use crate::commands::{interrupt, session_arguments};
use crate::terminal::{SessionProgress, answer, answer_text, note, print_summary};
use hlb_core::clock::MonotonicClock;
use hlb_core::hint::Result;

/// Runs the command.
pub(super) fn run(arguments: &Run, clock: &MonotonicClock) -> Result<Exit> {
    let plan = session_arguments::of_run(arguments)?;
    let mut progress = SessionProgress::new();
    let prepared = hlb_session::prepare(plan, &mut progress)?;
    let finished = prepared.run(clock, &mut progress, interrupt::catch()?)?;
    if arguments.json {
        answer(&serde_json::to_string(&finished.result)?);
    } else {
        answer_text(&finished.result_text);
    }
    print_summary(&finished.result);
    note(&format!("kept, unsigned, in {}", finished.folder.display()));
    Exit::of_session(&finished)
}
