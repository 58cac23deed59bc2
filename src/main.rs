//! `hlb-bench`: how long, and at what cost, a training recipe takes to reach an accuracy on this
//! machine.

use std::process::ExitCode;

use hlb_bench::clock::MonotonicClock;
use hlb_bench::command;

fn main() -> ExitCode {
    // End-to-end times begin here.
    let clock = MonotonicClock::start();
    command::main(&clock)
}
