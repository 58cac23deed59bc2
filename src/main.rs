//! `hlb-bench`: how long, and at what cost, a training recipe takes to reach an accuracy on this
//! machine.

mod args;
mod commands;
mod schema;
mod terminal;

use std::process::ExitCode;

use hlb_core::clock::MonotonicClock;

fn main() -> ExitCode {
    // End-to-end times begin here.
    let clock = MonotonicClock::start();
    commands::main(&clock)
}
