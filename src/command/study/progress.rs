//! One line for the whole study: a bar on a terminal, a line for each run elsewhere.

use std::io::{IsTerminal as _, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use crate::study::{Estimator, Plan, Records, RunRecord, Slot};
use crate::terminal::note;
use crate::units::{Target, human_seconds};
use crate::wire::{Epoch, TrainerStart};

/// Shows how far a study is.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    estimator: Estimator,
    target: Target,
    planned: usize,
    /// Runs that have ended, earlier processes' included.
    done: usize,
    /// Runs that are missing, the one at hand first.
    missing: Vec<Slot>,
    /// `variant run/runs epochs` of the run at hand.
    name: String,
    runs: u32,
    epochs: u32,
    said_trainer: bool,
}

impl Progress {
    /// Says what is about to be held.
    pub(super) fn begin(plan: &Plan, records: &Records) -> Self {
        let (missing, planned) = (records.missing(plan), plan.order().count());
        let (track, target) = (&plan.ground.track.id, plan.ground.track.target);
        let (variants, runs) = (plan.lanes.len(), plan.runs);
        note(&format!(
            "track {track}: {variants} variants in turn, {runs} runs each, target {:.2} %",
            target.percent()
        ));
        let done = planned - missing.len();
        if done > 0 {
            note(&format!("goes on: {done} of {planned} runs are held, the rest follows"));
        }
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} runs, {msg}");
            let bar =
                ProgressBar::new(planned as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.with_position(done as u64)
        });
        let estimator = Estimator::of(plan, records);
        Self {
            bar,
            estimator,
            target,
            planned,
            done,
            missing,
            name: String::new(),
            runs,
            epochs: 0,
            said_trainer: false,
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => note(line),
        }
    }

    /// What all runs are trained on, said once.
    pub(super) fn trainer(&mut self, trainer: &TrainerStart) {
        let TrainerStart { device, threads, precision, libtorch_version } = trainer;
        let threads = if device == "cpu" { format!(", {threads} threads") } else { String::new() };
        if !std::mem::replace(&mut self.said_trainer, true) {
            self.say(&format!("libtorch {libtorch_version} on {device}{threads}, {precision}"));
        }
    }

    /// A run begins.
    pub(super) fn begin_run(&mut self, plan: &Plan, slot: Slot) {
        let lane = &plan.lanes[slot.lane];
        (self.name, self.epochs) = (format!("{} {}/{}", lane.name, slot.run, self.runs), lane.course.epochs);
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} starts, {}", self.name, self.left(0.0)));
        }
    }

    /// An epoch of the run at hand is over.
    pub(super) fn epoch(&mut self, epoch: &Epoch) {
        let Some(bar) = &self.bar else { return };
        bar.set_message(format!(
            "{} epoch {}/{}: accuracy {:.2} %, {}",
            self.name,
            epoch.epoch,
            self.epochs,
            epoch.accuracy.percent(),
            self.left(epoch.train_seconds + epoch.evaluate_seconds)
        ));
    }

    /// Words for the time left, of which the run at hand has used some.
    fn left(&self, used_seconds: f64) -> String {
        let left = self.estimator.seconds_of(&self.missing).map(|seconds| (seconds - used_seconds).max(0.0));
        left.map_or_else(
            || "time left unknown until a run has ended".to_owned(),
            |left| format!("about {} left", human_seconds(left)),
        )
    }

    /// The run at hand has ended.
    pub(super) fn end_run(&mut self, slot: Slot, record: &RunRecord) {
        self.missing.retain(|missing| *missing != slot);
        self.done += 1;
        if record.is_whole() {
            self.estimator.add(slot.lane, record.process_seconds);
        }
        let line = format!("{}/{} {}: {}, {}", self.done, self.planned, self.name, self.words(record), self.left(0.0));
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
        if self.bar.is_none() || !record.is_whole() {
            self.say(&line);
        }
    }

    fn words(&self, record: &RunRecord) -> String {
        let mut words = record.outcome.word().to_owned();
        if let Some(seconds) = record.time_to_accuracy_seconds(self.target) {
            words = format!("{words} after {}", human_seconds(seconds));
        }
        if let Some(accuracy) = record.final_accuracy() {
            words = format!("{words}, accuracy {:.2} %", accuracy.percent());
        }
        record.reason.iter().fold(words, |words, reason| format!("{words} ({reason})"))
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}
