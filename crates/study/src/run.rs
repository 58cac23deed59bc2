//! The runs of a study in rounds of one run of each variant, each run in a trainer process of its own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::folder::{StudyFolder, advised};
use crate::observer::{RunObserver, StudyObserver};
use crate::plan::{PlannedRun, StudyPlan};
use crate::record::{MachineFacts, RunRecord, StudyStart};
use crate::records::Records;
use hlb_core::clock::{self, Clock as _, MonotonicClock};
use hlb_core::hint::{Result, bail};
use hlb_core::text::show_path;
use hlb_core::units::DeviceKind;
use hlb_machine::Machine;
use hlb_protocol::job::{DeviceChoice, Job};
use hlb_protocol::run_log::{Arm, LogWriter, RunStart};
use hlb_session::{Equipment, Opening, Request, check_environment, default_threads, supervise};

/// How this machine runs a study.
#[derive(Debug, Clone)]
pub struct StudyOptions {
    /// Where to train.
    pub device: DeviceChoice,
    /// Threads of libtorch on the CPU; `None` for one per core.
    pub threads: Option<u32>,
    /// Folder with the data set's files.
    pub data: Option<PathBuf>,
    /// Time without an event after which the trainer is taken to hang.
    pub hang_after: Duration,
}

/// A study that is ready to run.
pub struct PreparedStudy<'a> {
    plan: &'a StudyPlan,
    folder: &'a StudyFolder,
    device: DeviceKind,
    threads: u32,
    hang_after: Duration,
    equipment: Equipment,
    log: LogWriter,
    records: Records,
}

/// Verifies the data set, finds the trainer and opens the study's log, so that most errors come before
/// the first step of training.
pub fn prepare<'a>(
    plan: &'a StudyPlan,
    folder: &'a StudyFolder,
    options: &StudyOptions,
    observer: &mut dyn StudyObserver,
) -> Result<PreparedStudy<'a>> {
    check_environment()?;
    // A folder of another study is refused before a data set is prepared for it.
    folder.read(plan)?;
    let mut machine = Machine::read();
    let equipment = Equipment::find(&plan.task, options.data.as_deref(), options.device, None, observer.data_set())?;
    let recipes = plan.variants.iter().map(|variant| &variant.recipe);
    let device = equipment.device(recipes, options.device, &mut machine, observer)?;
    let threads = options.threads.unwrap_or_else(|| default_threads(&machine));
    let facts = machine_facts(&equipment, &machine, device, threads);
    let start = StudyStart::new(plan, equipment.data.content_sha256, facts, clock::timestamp());
    let (log, records) = folder.open(plan, start)?;
    Ok(PreparedStudy { plan, folder, device, threads, hang_after: options.hang_after, equipment, log, records })
}

fn machine_facts(equipment: &Equipment, machine: &Machine, device: DeviceKind, threads: u32) -> MachineFacts {
    MachineFacts {
        hardware: machine.class(device),
        device,
        threads,
        libtorch_version: equipment.trainer_info.libtorch_version.clone(),
        program_sha256: equipment.harness.program_sha256,
        trainer_sha256: equipment.harness.trainer_sha256,
    }
}

impl PreparedStudy<'_> {
    /// Runs what is missing, writes the report after each round, and returns all records. Once
    /// `interrupted` is set it ends with an error, and the finished runs are kept.
    pub fn run(
        mut self,
        clock: &MonotonicClock,
        observer: &mut dyn StudyObserver,
        interrupted: &AtomicBool,
    ) -> Result<Records> {
        let missing = self.records.missing(self.plan);
        observer.begin_study(self.plan, &self.records);
        let is_interrupted = || interrupted.load(Ordering::Relaxed);
        for (index, planned) in missing.iter().enumerate() {
            if is_interrupted() {
                return self.stop();
            }
            observer.begin_run(self.plan, *planned);
            let record = self.run_one(*planned, clock, observer, interrupted)?;
            // A run that finished before the interruption is kept.
            if is_interrupted() && !record.counts() {
                return self.stop();
            }
            self.log.write(&record).map_err(advised)?;
            observer.end_run(*planned, &record);
            self.records.runs.push(record);
            let round_is_over = missing.get(index + 1).is_none_or(|next| next.run != planned.run);
            if round_is_over {
                self.folder.report(self.plan, &self.records)?;
            }
        }
        self.log.finish().map_err(advised)?;
        Ok(self.records)
    }

    fn run_one(
        &self,
        planned: PlannedRun,
        clock: &MonotonicClock,
        observer: &mut dyn StudyObserver,
        interrupted: &AtomicBool,
    ) -> Result<RunRecord> {
        let (variant, seed) = (&self.plan.variants[planned.variant], self.plan.seed(planned.run));
        let (began, started_at) = (clock.now(), clock::timestamp());
        let mut run = RunObserver::new(observer);
        let reason = supervise(self.request(planned, interrupted), *clock, &mut run)?;
        let (epochs, stop) = run.end(planned.run, reason);
        Ok(RunRecord {
            variant: variant.name.clone(),
            run: planned.run,
            seed,
            recipe_sha256: variant.digest(),
            outcome: stop.outcome,
            reason: stop.reason,
            epochs,
            phases: stop.phases,
            started_at,
            process_seconds: clock.now().saturating_sub(began).as_secs_f64(),
        })
    }

    fn request<'b>(&'b self, planned: PlannedRun, interrupted: &'b AtomicBool) -> Request<'b> {
        let (run, seed) = (planned.run, self.plan.seed(planned.run));
        Request {
            trainer: &self.equipment.trainer,
            job: Job {
                recipe: self.plan.variants[planned.variant].recipe.clone(),
                reference: None,
                target: self.plan.task.track.target,
                runs: vec![RunStart { arm: Arm::Variant, run, seed }],
                warmup_seed: self.plan.seed(0),
                stop_at_target: false,
                deterministic: false,
                device: self.device,
                threads: self.threads,
                arrays: self.equipment.data.arrays.shapes(),
            },
            arrays: self.equipment.data.arrays.clone(),
            opening: Opening::Unlogged,
            hang_after: self.hang_after,
            interrupted,
        }
    }

    /// Writes the report and ends with the error that states how many runs are finished.
    fn stop(&self) -> Result<Records> {
        self.folder.report(self.plan, &self.records)?;
        let planned = self.plan.order().count();
        let finished = planned - self.records.missing(self.plan).len();
        bail!(
            "the study was interrupted after {finished} of {planned} runs; they are kept in {}, and the same command \
             runs the others",
            show_path(self.folder.path())
        );
    }
}
