//! `hlb-bench`: how long, and at what cost, a training recipe takes to reach an accuracy on this
//! machine.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

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
