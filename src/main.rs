//! `hlb-bench`: parses, calls the library, turns the answer into an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use hlb_bench::cli::Arguments;
use hlb_bench::clock::MonotonicClock;
use hlb_bench::command;

fn main() -> ExitCode {
    // End-to-end times begin here.
    let clock = MonotonicClock::start();
    command::run(Arguments::parse(), &clock)
}
