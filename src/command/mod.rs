//! One file for each subcommand: they call the rooms and print what came of it.

mod compare;
mod data;
mod export;
mod hardware;
mod import;
mod interrupt;
mod keygen;
mod leaderboard;
mod markdown;
mod power;
mod progress;
mod proposal;
mod recipe;
mod reproduce;
mod run;
mod session_arguments;
mod study;
mod submit;
mod summary;
mod verify;
mod watching;

use std::process::ExitCode;

use crate::cli::{Arguments, Command};
use crate::clock::MonotonicClock;
use crate::report;

pub use leaderboard::OpenError;

/// What came of a command that could be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Done: exit code 0.
    Done,
    /// The thing asked about is not so: exit code 1.
    NotSo,
}

/// Runs a command; an error is printed and becomes exit code 2.
pub fn run(arguments: Arguments, clock: &MonotonicClock) -> ExitCode {
    let answer = match arguments.command {
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
    };
    match answer {
        Ok(Answer::Done) => ExitCode::SUCCESS,
        Ok(Answer::NotSo) => ExitCode::from(1),
        Err(error) => {
            report::print(&error);
            ExitCode::from(2)
        }
    }
}
