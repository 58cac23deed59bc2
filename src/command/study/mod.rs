//! `hlb-bench study`: variants in turn, each run in a trainer process of its own, and the report.
//!
//! | file | noun |
//! |---|---|
//! | `outline` | what would be trained, for `--dry-run` |
//! | `forecast` | how long it would take, before anything has run |
//! | `folder` | the study's folder: its log, its report |
//! | `rounds` | the runs, one after the other |
//! | `watch` | a run as the trainer tells it |
//! | `progress` | one line for the whole |

mod folder;
mod forecast;
mod outline;
mod progress;
mod rounds;
mod watch;

use crate::args::Study;
use crate::clock::MonotonicClock;
use crate::command::exit::Exit;
use crate::command::measure::{self, usual_threads};
use crate::hardware::Machine;
use crate::hint::{Result, bail};
use crate::study::{Plan, Records, StudyFile};
use crate::terminal::{answer, answer_text, note};
use crate::text::show;

use folder::Folder;
use forecast::{Forecast, Hardware};

/// Runs the command.
pub(super) fn study(arguments: &Study, clock: &MonotonicClock) -> Result<Exit> {
    let bytes = measure::read_variant(&arguments.file)?;
    let file = StudyFile::parse(&bytes, &show(&arguments.file.to_string_lossy()))?;
    let track = file.choose_track(arguments.track.as_deref())?;
    let ground = measure::ground(track, arguments.own.manifest.as_deref())?;
    let plan = Plan::new(file, ground, arguments.runs)?;
    let folder = Folder::of(&plan, arguments.out.as_deref());
    if arguments.dry_run {
        return outline(&plan, &folder, arguments);
    }
    if arguments.report_only {
        let Some(records) = earlier(&folder, &plan)? else {
            bail!("there are no records in {}; leave out --report-only to make some", folder.path().display());
        };
        return conclude(&folder, &plan, &records);
    }
    let records = rounds::hold(&plan, &folder, arguments, clock)?;
    conclude(&folder, &plan, &records)
}

fn outline(plan: &Plan, folder: &Folder, arguments: &Study) -> Result<Exit> {
    let records = earlier(folder, plan)?;
    let machine = Machine::read();
    let threads = arguments.trainer.threads.unwrap_or_else(|| usual_threads(&machine));
    let forecast = Forecast::find(plan, &Hardware::new(&machine, arguments.trainer.device, threads));
    answer_text(&outline::text(plan, records.as_ref(), forecast.as_ref()));
    Ok(Exit::Success)
}

/// The records that are there already, if they are those of this plan.
fn earlier(folder: &Folder, plan: &Plan) -> Result<Option<Records>> {
    let records = folder.read()?;
    if let Some(records) = &records {
        records.check_plan(plan)?;
    }
    Ok(records)
}

fn conclude(folder: &Folder, plan: &Plan, records: &Records) -> Result<Exit> {
    folder.report(plan, records)?;
    let interrupted = records.runs.iter().filter(|run| !run.counts()).count();
    if interrupted > 0 {
        note(&format!("{interrupted} runs were interrupted and are left out of the figures"));
    }
    for path in folder.report_paths() {
        answer(&format!("report {}", path.display()));
    }
    Ok(Exit::Success)
}
