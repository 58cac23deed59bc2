//! Shows a session while it runs: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use crate::ground::Ground;
use crate::printer::note;
use crate::recipe::Recipe;
use crate::session::Observer;
use crate::units::{Target, human_seconds};
use crate::wire::{Epoch, Event, LogLine, Outcome, RunStop, TrainerStart};

/// An observer that prints.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    runs: u32,
    epochs: u32,
    target: Target,
    /// Training and evaluation seconds of whole runs, for the estimate of what is left.
    run_seconds: f64,
    runs_done: u32,
}

impl Progress {
    /// Says what is about to be held.
    pub(super) fn begin(ground: &Ground, recipe: &Recipe, runs: u32) -> Self {
        let target = ground.track.target;
        let (track, percent) = (&ground.track, target.percent());
        note(&format!("track {}: {runs} runs of {} epochs, target {percent:.2} %", track.id, recipe.epochs));
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(u64::from(runs) * u64::from(recipe.epochs));
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} epochs {prefix} {msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, runs, epochs: recipe.epochs, target, run_seconds: 0.0, runs_done: 0 }
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
            "run {}/{} epoch {}/{}: loss {:.4}, accuracy {:.2} %{mark}, {}{left}",
            epoch.run,
            self.runs,
            epoch.epoch,
            self.epochs,
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

    /// From the pace of this run for what it has left, and from whole runs for those to come.
    fn seconds_left(&self, epoch: &Epoch) -> Option<f64> {
        let so_far = epoch.train_seconds + epoch.evaluate_seconds;
        let whole = so_far / f64::from(epoch.epoch) * f64::from(self.epochs);
        let mean = if self.runs_done > 0 { self.run_seconds / f64::from(self.runs_done) } else { whole };
        let left = whole - so_far + mean * f64::from(self.runs.saturating_sub(epoch.run));
        (left > 0.5).then_some(left)
    }

    fn run_stop(&mut self, stop: &RunStop) {
        self.run_seconds += stop.phases.train_seconds + stop.phases.evaluate_seconds;
        self.runs_done += 1;
        let reason = stop.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        let word = stop.outcome.word();
        if stop.outcome == Outcome::Reached && reason.is_empty() && self.bar.is_none() {
            return;
        }
        self.say(&format!("run {}/{}: {word}{reason}", stop.run, self.runs));
    }
}

impl Observer for Progress {
    fn event(&mut self, line: &LogLine) {
        match &line.event {
            Event::TrainerStart(trainer) => self.trainer(trainer),
            Event::WarmupRun { seconds } => self.say(&format!("warmup run: {}", human_seconds(*seconds))),
            Event::Progress { run, step } => {
                if let Some(bar) = &self.bar {
                    let what = if *run == 0 { "warmup run".to_owned() } else { format!("run {run}/{}", self.runs) };
                    bar.set_prefix(format!("{what}, step {step};"));
                }
            }
            Event::Epoch(epoch) => self.epoch(epoch),
            Event::RunStop(stop) => self.run_stop(stop),
            Event::SessionStop { .. } => {
                if let Some(bar) = &self.bar {
                    bar.finish_and_clear();
                }
            }
            Event::SessionStart(_) | Event::RunStart { .. } => {}
        }
    }
}
