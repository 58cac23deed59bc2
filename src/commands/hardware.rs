//! `hlb-bench hardware`: what would be recorded about this machine.

use serde::Serialize;

use crate::args::Hardware;
use crate::commands::exit::Exit;
use crate::terminal::{Label, answer, answer_text, describe_price, print_as};
use hlb_core::hint::Result;
use hlb_core::yaml;
use hlb_machine::Machine;
use hlb_protocol::job::TrainerInfo;

#[derive(Serialize)]
struct Shown {
    machine: Machine,
    libtorch_version: Option<String>,
    libtorch_sees_cuda: Option<bool>,
    cuda_problem: Option<String>,
}

/// Runs the command.
pub(super) fn hardware(arguments: &Hardware) -> Result<Exit> {
    if arguments.prices {
        for row in hlb_machine::price::Table::shipped().newest() {
            answer(&describe_price(&row));
        }
        return Ok(Exit::Success);
    }
    let shown = show();
    if arguments.json {
        answer(&serde_json::to_string(&shown)?);
    } else {
        answer_text(&yaml::emit(&shown)?);
    }
    Ok(Exit::Success)
}

fn show() -> Shown {
    let info = trainer();
    Shown {
        machine: Machine::read(),
        libtorch_version: info.as_ref().map(|info| info.libtorch_version.clone()),
        libtorch_sees_cuda: info.as_ref().map(|info| info.cuda),
        cuda_problem: info.and_then(|info| info.cuda_problem),
    }
}

/// What the trainer says of itself. Without a trainer the machine is shown all the same.
fn trainer() -> Option<TrainerInfo> {
    let found = hlb_session::find_trainer().and_then(|trainer| hlb_session::describe(&trainer));
    found.inspect_err(|error| print_as(Label::Warning, error)).ok()
}
