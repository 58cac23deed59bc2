//! The runs of a study, one after the other: every variant once in a round, each run in a trainer process of its own.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::args::Study;
use crate::clock::{self, Clock as _, MonotonicClock};
use crate::command::interrupt;
use crate::command::measure::{self, Equipment, usual_threads};
use crate::command::study::folder::{Folder, explain};
use crate::command::study::progress::Progress;
use crate::command::study::watch::Watch;
use crate::hardware::Machine;
use crate::hint::{Result, bail};
use crate::session::{self, LogWriter, Opening, Request};
use crate::study::{MachineFacts, Plan, Records, RunRecord, STUDY_SCHEMA, Slot, StudyStart};
use crate::wire::{Arm, DeviceChoice, Job, RunStart};

/// Everything that every run needs.
struct Rounds<'a> {
    plan: &'a Plan,
    folder: &'a Folder,
    equipment: Equipment,
    device: DeviceChoice,
    threads: u32,
    hang_after: Duration,
    interrupted: &'static AtomicBool,
    clock: MonotonicClock,
}

/// Holds the runs that are missing; all records. Whatever can be refused is refused before the first step of training.
pub(super) fn hold(plan: &Plan, folder: &Folder, arguments: &Study, clock: &MonotonicClock) -> Result<Records> {
    // A folder of another study is refused before a data set is prepared for it.
    super::earlier(folder, plan)?;
    let machine = Machine::read();
    let equipment = measure::equip(&plan.ground, arguments.trainer.data.as_deref())?;
    measure::check_device(
        &equipment.trainer_info,
        plan.lanes.iter().map(|lane| &lane.recipe),
        arguments.trainer.device,
    )?;
    let threads = arguments.trainer.threads.unwrap_or_else(|| usual_threads(&machine));
    let start = start(plan, &equipment, &machine, arguments.trainer.device, threads);
    let (log, records) = folder.open(plan, start)?;
    let rounds = Rounds {
        plan,
        folder,
        equipment,
        device: arguments.trainer.device,
        threads,
        hang_after: arguments.trainer.hang_after,
        interrupted: interrupt::catch()?,
        clock: *clock,
    };
    rounds.hold(log, records)
}

fn start(plan: &Plan, equipment: &Equipment, machine: &Machine, device: DeviceChoice, threads: u32) -> StudyStart {
    let on_cuda = device != DeviceChoice::Cpu && equipment.trainer_info.cuda;
    let device = if on_cuda { "cuda" } else { "cpu" };
    StudyStart {
        schema: STUDY_SCHEMA.to_owned(),
        study_sha256: plan.file.digest(),
        track: plan.track().to_owned(),
        target: plan.ground.track.target,
        recipes: plan.lanes.iter().map(|lane| (lane.name.clone(), lane.course)).collect(),
        content_sha256: equipment.data.content_sha256,
        machine: MachineFacts {
            hardware: machine.class(device),
            device: device.to_owned(),
            threads,
            libtorch_version: equipment.trainer_info.libtorch_version.clone(),
            program_sha256: equipment.harness.program_sha256,
            trainer_sha256: equipment.harness.trainer_sha256,
        },
        started_at: now(),
    }
}

fn now() -> String {
    clock::calendar().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Rounds<'_> {
    fn hold(&self, mut log: LogWriter, mut records: Records) -> Result<Records> {
        let missing = records.missing(self.plan);
        let mut progress = Progress::begin(self.plan, &records);
        for (index, slot) in missing.iter().enumerate() {
            progress.begin_run(self.plan, *slot);
            // A run that ended by itself is kept although the user wants no more.
            let Some(record) = self.run(*slot, &mut progress)?.filter(|run| run.counts() || !self.is_interrupted())
            else {
                progress.end();
                return self.stopped(&records);
            };
            log.write(&record).map_err(|error| explain(&error))?;
            progress.end_run(*slot, &record);
            records.runs.push(record);
            let round_is_over = missing.get(index + 1).is_none_or(|next| next.run != slot.run);
            if round_is_over {
                self.folder.report(self.plan, &records)?;
            }
        }
        progress.end();
        log.finish().map_err(|error| explain(&error))?;
        Ok(records)
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Holds one run; `None` where the user wanted no more before it began.
    fn run(&self, slot: Slot, progress: &mut Progress) -> Result<Option<RunRecord>> {
        if self.is_interrupted() {
            return Ok(None);
        }
        let (lane, seed) = (&self.plan.lanes[slot.lane], self.plan.seed(slot.run));
        let (began, started_at) = (self.clock.now(), now());
        let mut watch = Watch::new(progress);
        let reason = session::supervise(self.request(slot), self.clock, &mut watch)?;
        let ending = watch.end(slot.run, reason);
        Ok(Some(RunRecord {
            variant: lane.name.clone(),
            run: slot.run,
            seed,
            recipe_sha256: lane.digest(),
            outcome: ending.stop.outcome,
            reason: ending.stop.reason,
            epochs: ending.epochs,
            phases: ending.stop.phases,
            started_at,
            process_seconds: self.clock.now().saturating_sub(began).as_secs_f64(),
        }))
    }

    fn request(&self, slot: Slot) -> Request<'_> {
        let trainer: &Path = &self.equipment.trainer;
        Request {
            trainer,
            job: Job {
                recipe: self.plan.lanes[slot.lane].recipe.clone(),
                reference: None,
                target: self.plan.ground.track.target,
                runs: vec![RunStart { arm: Arm::Variant, run: slot.run, seed: self.plan.seed(slot.run) }],
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
            interrupted: self.interrupted,
        }
    }

    /// The user wanted no more.
    fn stopped(&self, records: &Records) -> Result<Records> {
        self.folder.report(self.plan, records)?;
        let held = self.plan.order().count() - records.missing(self.plan).len();
        let planned = self.plan.order().count();
        bail!(
            "the study was interrupted after {held} of {planned} runs; they are kept in {}, and the same command holds the others",
            self.folder.path().display()
        );
    }
}
