//! `hlb-bench hardware`: what would be recorded about this machine.

use serde::Serialize;

use crate::args::Hardware;
use crate::terminal::{Label, answer, answer_json, answer_text, print_as};
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
pub(super) fn hardware(arguments: &Hardware) -> Result<()> {
    if arguments.prices {
        for row in hlb_machine::price::Table::shipped().newest() {
            let date = row.date.as_ref().map_or("undated", |date| date.as_str());
            answer(&format!("{:<52} {:>10.4} US dollars an hour, {date}", row.name(), row.usd_per_hour));
        }
        return Ok(());
    }
    let shown = show();
    if arguments.json {
        answer_json(&serde_json::to_string(&shown)?);
    } else {
        answer_text(&yaml::emit(&shown)?);
    }
    Ok(())
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
    let found = hlb_session::find_trainer().and_then(|trainer| hlb_session::describe(&trainer, true));
    found.inspect_err(|error| print_as(Label::Warning, error)).ok()
}
