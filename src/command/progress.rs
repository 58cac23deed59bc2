//! Shows a session while it runs: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use crate::ground::Ground;
use crate::recipe::Recipe;
use crate::session::Observer;
use crate::terminal::note;
use crate::units::{Target, human_seconds};
use crate::wire::{Arm, Epoch, Event, LogLine, Outcome, RunStop, TrainerStart};

/// An observer that prints.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    runs: u32,
    target: Target,
    arm: Arm,
    lanes: [Lane; 2],
}

/// What is to be held of one recipe.
struct Lane {
    arm: Arm,
    epochs: u32,
    /// Runs still to be held, the one at hand included.
    left: u32,
    /// Training and evaluation seconds of whole runs, for the estimate of what is left.
    run_seconds: f64,
    runs_done: u32,
}

impl Progress {
    /// Says what is about to be held: `missing` runs, of a session that has `runs` of each recipe.
    pub(super) fn begin(
        ground: &Ground,
        (recipe, reference): (&Recipe, Option<&Recipe>),
        runs: u32,
        missing: usize,
    ) -> Self {
        let target = ground.track.target;
        let (track, percent) = (&ground.track, target.percent());
        let beside = reference.map_or_else(String::new, |reference| {
            format!(", each beside one of `{}` ({} epochs)", ground.track.reference, reference.epochs.number())
        });
        note(&format!(
            "track {}: {runs} runs of {} epochs{beside}, target {percent:.2} %",
            track.id,
            recipe.epochs.number()
        ));
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let beside = if reference.is_some() { missing.div_ceil(2) } else { 0 };
        let epochs = |recipe: &Recipe| recipe.length(ground.shapes.train).epochs;
        let lane = |arm, epochs, left| Lane { arm, epochs, left, run_seconds: 0.0, runs_done: 0 };
        let lanes = [
            lane(Arm::Variant, epochs(recipe), missing - beside),
            lane(Arm::Reference, reference.map_or(0, epochs), beside),
        ];
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(lanes.iter().map(|lane| u64::from(lane.left) * u64::from(lane.epochs)).sum());
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} epochs {prefix} {msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, runs, target, arm: Arm::Variant, lanes }
    }

    fn lane(&self) -> &Lane {
        &self.lanes[usize::from(self.arm == Arm::Reference)]
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => note(line),
        }
    }

    fn trainer(&self, trainer: &TrainerStart) {
        let TrainerStart { device, threads, precision, libtorch_version } = trainer;
        let threads = if device == "cpu" { format!(", {threads} threads") } else { String::new() };
        self.say(&format!("libtorch {libtorch_version} on {device}{threads}, {precision}"));
    }

    fn epoch(&self, epoch: &Epoch) {
        let mark = if self.target.is_met_by(epoch.accuracy) { ", at target" } else { "" };
        let left =
            self.seconds_left(epoch).map_or_else(String::new, |left| format!(", about {} left", human_seconds(left)));
        let line = format!(
            "{} {}/{} epoch {}/{}: loss {:.4}, accuracy {:.2} %{mark}, {}{left}",
            self.arm.words(),
            epoch.run,
            self.runs,
            epoch.epoch,
            self.lane().epochs,
            epoch.loss,
            epoch.accuracy.percent(),
            human_seconds(epoch.train_seconds),
        );
        match &self.bar {
            Some(bar) => {
                bar.inc(1);
                bar.set_message(line);
            }
            None => note(&line),
        }
    }

    /// From the pace of this run for what it has left, and from whole runs for those to come. Runs of a recipe that none was
    /// held of yet are taken to be as long, epoch for epoch, as this one.
    fn seconds_left(&self, epoch: &Epoch) -> Option<f64> {
        let so_far = epoch.train_seconds + epoch.evaluate_seconds;
        let of_epoch = so_far / f64::from(epoch.epoch);
        let whole = |lane: &Lane| match lane.runs_done {
            0 => of_epoch * f64::from(lane.epochs),
            done => lane.run_seconds / f64::from(done),
        };
        let to_come = |lane: &Lane| lane.left - u32::from(lane.arm == self.arm).min(lane.left);
        let this = of_epoch * f64::from(self.lane().epochs) - so_far;
        let left = this + self.lanes.iter().map(|lane| whole(lane) * f64::from(to_come(lane))).sum::<f64>();
        (left > 0.5).then_some(left)
    }

    fn run_stop(&mut self, stop: &RunStop) {
        let lane = &mut self.lanes[usize::from(self.arm == Arm::Reference)];
        lane.run_seconds += stop.phases.train_seconds + stop.phases.evaluate_seconds;
        lane.runs_done += 1;
        lane.left = lane.left.saturating_sub(1);
        let reason = stop.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        let word = stop.outcome.word();
        if stop.outcome == Outcome::Reached && reason.is_empty() && self.bar.is_none() {
            return;
        }
        self.say(&format!("{} {}/{}: {word}{reason}", self.arm.words(), stop.run, self.runs));
    }

    fn warmup(&self, arm: Arm, seconds: f64) {
        let whose = if arm == Arm::Reference { " of the reference" } else { "" };
        self.say(&format!("warmup run{whose}: {}", human_seconds(seconds)));
    }

    fn step(&self, run: u32, step: u64) {
        let Some(bar) = &self.bar else { return };
        let what = match run {
            0 => "warmup run".to_owned(),
            run => format!("{} {run}/{}", self.arm.words(), self.runs),
        };
        bar.set_prefix(format!("{what}, step {step};"));
    }
}

impl Observer for Progress {
    fn event(&mut self, line: &LogLine) {
        match &line.event {
            Event::TrainerStart(trainer) => self.trainer(trainer),
            Event::WarmupRun { arm, seconds } => self.warmup(*arm, *seconds),
            Event::Repeat { steps, parted: None } => {
                self.say(&format!("deterministic: one seed trained twice was bit-identical over all {steps} steps"));
            }
            Event::Repeat { parted: Some(parted), .. } => {
                let line = format!(
                    "not repeatable: one seed trained twice parted at step {}, in `{}`",
                    parted.step, parted.tensor
                );
                self.say(&line);
            }
            Event::RunStart(start) => self.arm = start.arm,
            Event::Progress { run, step } => self.step(*run, *step),
            Event::Epoch(epoch) => self.epoch(epoch),
            Event::RunStop(stop) => self.run_stop(stop),
            Event::SessionStop { .. } => {
                if let Some(bar) = &self.bar {
                    bar.finish_and_clear();
                }
            }
            Event::SessionStart(_) | Event::SessionResume(_) | Event::Telemetry(_) => {}
        }
    }
}
