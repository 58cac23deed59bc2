//! `hlb-bench study`: variants in turn, each run in a trainer process of its own, and the report.

use crate::args::Study;
use crate::commands::interrupt;
use crate::terminal::{StudyProgress, answer, answer_text, note};
use hlb_core::clock::MonotonicClock;
use hlb_core::hint::{Context as _, Result};
use hlb_core::text::{show_path, visible_path};
use hlb_machine::Machine;
use hlb_session::default_threads;
use hlb_study::{Forecast, Records, StudyFile, StudyFolder, StudyOptions, StudyPlan, TrainingHardware};

/// Runs the command.
pub(super) fn study(arguments: &Study, clock: &MonotonicClock) -> Result<()> {
    let file = StudyFile::read(&arguments.file)?;
    let track = file.choose_track(arguments.track.as_deref())?;
    let task = hlb_session::task(track, arguments.own.manifest.as_deref())?;
    let plan = StudyPlan::new(file, task, arguments.runs)?;
    let folder = StudyFolder::new(&plan, arguments.out.as_deref());
    if arguments.dry_run {
        return outline(&plan, &folder, arguments);
    }
    let records = if arguments.report_only {
        let nothing =
            || format!("there are no records in {}; leave out --report-only to make some", show_path(folder.path()));
        folder.read(&plan)?.with_context(nothing)?
    } else {
        run(&plan, &folder, arguments, clock)?
    };
    let reports = folder.report(&plan, &records)?;
    let interrupted = records.runs.iter().filter(|run| !run.counts()).count();
    if interrupted > 0 {
        note(&format!("{interrupted} runs were interrupted and are left out of the figures"));
    }
    for path in reports {
        answer(&format!("report {}", visible_path(&path)));
    }
    Ok(())
}

fn run(plan: &StudyPlan, folder: &StudyFolder, arguments: &Study, clock: &MonotonicClock) -> Result<Records> {
    let options = StudyOptions {
        device: arguments.trainer.device.device,
        threads: arguments.trainer.device.threads,
        data: arguments.trainer.data.clone(),
        hang_after: arguments.trainer.hang_after,
    };
    let mut progress = StudyProgress::new();
    let prepared = hlb_study::prepare(plan, folder, &options, &mut progress)?;
    prepared.run(clock, &mut progress, interrupt::catch()?)
}

fn outline(plan: &StudyPlan, folder: &StudyFolder, arguments: &Study) -> Result<()> {
    let records = folder.read(plan)?;
    let machine = Machine::read();
    let threads = arguments.trainer.device.threads.unwrap_or_else(|| default_threads(&machine));
    let forecast = Forecast::find(plan, &TrainingHardware::new(&machine, arguments.trainer.device.device, threads));
    answer_text(&hlb_study::outline(plan, records.as_ref(), forecast.as_ref()));
    Ok(())
}
