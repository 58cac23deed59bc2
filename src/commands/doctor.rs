//! `hlb-bench doctor`: whether this machine is ready to measure.

use std::process::ExitCode;

use crate::args::Doctor;
use crate::commands::exit;
use crate::terminal::{answer_json, print_report};
use hlb_core::hint::Result;

/// Runs the command.
pub(super) fn doctor(arguments: &Doctor) -> Result<ExitCode> {
    let report = hlb_doctor::examine(arguments.device.device, arguments.device.threads, &arguments.sessions);
    if arguments.json {
        answer_json(&serde_json::to_string(&report)?);
    } else {
        print_report(&report);
    }
    Ok(exit::of_check(report.ready))
}
