//! One file for each command: parse, call, print.

mod compare;
mod data;
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
mod study;
mod submit;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Arguments, Command};
use crate::terminal::print_failure;
use hlb_core::clock::MonotonicClock;
use hlb_core::hint::Result;

use exit::Exit;

/// Runs the program. `clock` started with the process.
pub(crate) fn main(clock: &MonotonicClock) -> ExitCode {
    match run(Arguments::parse().command, clock) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            print_failure(&failure);
            ExitCode::from(2)
        }
    }
}

fn run(command: Command, clock: &MonotonicClock) -> Result<Exit> {
    match command {
        Command::Submit(arguments) => submit::submit(&arguments, clock),
        Command::Run(arguments) => run::run(&arguments, clock),
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Compare(arguments) => compare::compare(&arguments),
        Command::Reproduce(arguments) => reproduce::reproduce(&arguments, clock),
        Command::Study(arguments) => study::study(&arguments, clock),
        Command::Power(arguments) => power::power(&arguments),
        Command::Leaderboard(arguments) => leaderboard::leaderboard(&arguments),
        Command::Data(command) => data::data(&command),
        Command::Hardware(arguments) => hardware::hardware(&arguments),
        Command::Keygen(arguments) => keygen::keygen(&arguments),
        Command::Recipe(command) => recipe::recipe(&command),
        Command::Import(command) => import::import(&command),
        Command::Export(arguments) => export::export(&arguments),
    }
}
