//! One file for each command: parse, call, print.

mod announce;
mod compare;
mod data;
mod doctor;
mod exit;
mod export;
mod hardware;
mod import;
mod interrupt;
mod keygen;
mod leaderboard;
mod power;
mod recipe;
mod reproduce;
mod run;
mod session_arguments;
mod sign;
mod study;
mod submit;
mod verify;

use std::io::stdin;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Arguments, Command};
use crate::terminal::{print_failure, to_parent};
use hlb_core::clock::MonotonicClock;
use hlb_core::hint::Result;
use hlb_core::text::visible_path;

/// This program, even if its file was replaced since it started.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Runs the program. `clock` started with the process.
pub(crate) fn main(clock: &MonotonicClock) -> ExitCode {
    hlb_data::decode_apart(Path::new(THIS_PROGRAM));
    match run(asked().command, clock) {
        Ok(exit) => exit,
        Err(failure) => {
            print_failure(&failure);
            ExitCode::from(2)
        }
    }
}

/// What was asked for. A message quotes a wrong argument as it is, so it is made of visible ones.
fn asked() -> Arguments {
    Arguments::try_parse().unwrap_or_else(|error| {
        let shown = std::env::args_os().map(|argument| visible_path(Path::new(&argument)));
        Arguments::try_parse_from(shown).map_or_else(|error| error.exit(), |_| error.exit())
    })
}

fn run(command: Command, clock: &MonotonicClock) -> Result<ExitCode> {
    match command {
        Command::Submit(arguments) => return submit::submit(&arguments, clock),
        Command::Run(arguments) => return run::run(&arguments, clock),
        Command::Verify(arguments) => return verify::verify(&arguments),
        Command::Reproduce(arguments) => return reproduce::reproduce(&arguments, clock),
        Command::Doctor(arguments) => return doctor::doctor(&arguments),
        Command::Leaderboard(arguments) => return leaderboard::leaderboard(&arguments),
        Command::Data(command) => return data::data(&command),
        Command::Import(command) => return import::import(&command),
        Command::Announce(arguments) => announce::announce(&arguments)?,
        Command::Compare(arguments) => compare::compare(&arguments)?,
        Command::Study(arguments) => study::study(&arguments, clock)?,
        Command::Power(arguments) => power::power(&arguments)?,
        Command::Hardware(arguments) => hardware::hardware(&arguments)?,
        Command::Keygen(arguments) => keygen::keygen(&arguments)?,
        Command::Recipe(command) => recipe::recipe(&command)?,
        Command::Export(arguments) => export::export(&arguments)?,
        Command::SignForParent(arguments) => sign::sign(&arguments)?,
        Command::DecodeForParent => hlb_data::decode_for_parent(stdin().lock(), to_parent())?,
    }
    Ok(ExitCode::SUCCESS)
}
