//! `hlb-bench run`: a session whose result is printed and stays unsigned.

use std::process::ExitCode;

use crate::args::Run;
use crate::commands::{exit, session_arguments};
use crate::terminal::{answer_json, answer_text, note, print_summary};
use hlb_core::clock::MonotonicClock;
use hlb_core::hint::Result;
use hlb_core::text::visible_path;

/// Runs the command.
pub(super) fn run(arguments: &Run, clock: &MonotonicClock) -> Result<ExitCode> {
    let plan = session_arguments::of_run(arguments)?;
    let finished = session_arguments::run(plan, clock)?;
    if arguments.json {
        answer_json(&serde_json::to_string(&finished.result)?);
    } else {
        answer_text(&finished.result_text);
    }
    print_summary(&finished.result);
    note(&format!("kept, unsigned, in {}", visible_path(&finished.folder)));
    exit::of_session(&finished)
}
