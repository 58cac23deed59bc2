//! Shows a session while it runs: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal::dataset_progress::DatasetProgress;
use crate::terminal::printer::{self, Label, labeled, note};
use hlb_core::text::visible;
use hlb_core::units::{DeviceKind, Target, human_seconds};
use hlb_protocol::run_log::{Arm, Epoch, Event, LogLine, Outcome, Repeat, RunStop, Shortcut, TrainerStart, WarmupRun};
use hlb_recipe::Recipe;
use hlb_session::{Note, Observer, Outline};

/// An observer that prints: first of the data set, then of the training.
pub(crate) struct SessionProgress {
    data_set: DatasetProgress,
    training: Option<Training>,
}

impl SessionProgress {
    /// Nothing is shown before there is something to show.
    pub(crate) fn new() -> Self {
        Self { data_set: DatasetProgress::begin(), training: None }
    }
}

impl Observer for SessionProgress {
    fn data_set(&self) -> &dyn hlb_data::Watch {
        &self.data_set
    }

    fn note(&mut self, note: &Note) {
        self.data_set.end();
        print_note(note);
    }

    fn begin(&mut self, outline: &Outline) {
        self.data_set.end();
        self.training = Some(Training::begin(outline));
    }

    fn event(&mut self, line: &LogLine) {
        self.training.iter_mut().for_each(|training| training.event(line));
    }
}

/// Prints what a session has to say before it trains.
pub(crate) fn print_note(note: &Note) {
    if note.is_warning() {
        labeled(Label::Warning, &note.to_string());
    } else {
        printer::note(&note.to_string());
    }
}

/// What the runs are trained on, in one line.
pub(crate) fn trainer_line(trainer: &TrainerStart) -> String {
    let TrainerStart { device, threads, precision, libtorch_version, .. } = trainer;
    let threads = if *device == DeviceKind::Cpu { format!(", {threads} threads") } else { String::new() };
    format!("libtorch {libtorch_version} on {device}{threads}, {precision}")
}

/// How far the training is.
struct Training {
    bar: Option<ProgressBar>,
    runs: u32,
    target: Target,
    arm: Arm,
    rows: [RecipeProgress; 2],
}

/// How far the runs of one recipe are.
struct RecipeProgress {
    arm: Arm,
    epochs: u32,
    /// Runs that are still to come, the current one included.
    left: u32,
    /// Training and evaluation seconds of finished runs, for the estimate of what is left.
    run_seconds: f64,
    runs_done: u32,
}

impl Training {
    /// Says what is about to be trained.
    fn begin(outline: &Outline) -> Self {
        let Outline { task, recipe, reference, runs, missing } = *outline;
        let (track, target) = (&task.track, task.track.target);
        let paired = reference.map_or_else(String::new, |reference| {
            format!(", each paired with one of `{}` ({} epochs)", track.reference, reference.epochs.number())
        });
        note(&format!(
            "track {}: {runs} {} of {} epochs{paired}, target {:.2} %",
            track.id,
            if runs == 1 { "run" } else { "runs" },
            recipe.epochs.number(),
            target.percent()
        ));
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let paired = if reference.is_some() { missing.div_ceil(2) } else { 0 };
        let epochs = |recipe: &Recipe| recipe.length(task.shapes.train).epochs;
        let row = |arm, epochs, left| RecipeProgress { arm, epochs, left, run_seconds: 0.0, runs_done: 0 };
        let rows = [
            row(Arm::Variant, epochs(recipe), missing - paired),
            row(Arm::Reference, reference.map_or(0, epochs), paired),
        ];
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(rows.iter().map(|row| u64::from(row.left) * u64::from(row.epochs)).sum());
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} epochs {prefix} {msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, runs, target, arm: Arm::Variant, rows }
    }

    fn row(&self) -> &RecipeProgress {
        &self.rows[usize::from(self.arm == Arm::Reference)]
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(visible(line)),
            None => note(line),
        }
    }

    fn epoch(&self, epoch: &Epoch) {
        let mark = if self.target.is_met_by(epoch.accuracy) { ", at target" } else { "" };
        let left =
            self.seconds_left(epoch).map_or_else(String::new, |left| format!(", about {} left", human_seconds(left)));
        let line = format!(
            "{} {}/{} epoch {}/{}: loss {:.4}, accuracy {:.2} %{mark}, {}{left}",
            self.arm,
            epoch.run,
            self.runs,
            epoch.epoch,
            self.row().epochs,
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

    /// From the pace of this run for what it has left, and from finished runs for those to come. Runs of a
    /// recipe without a finished run are taken to be as long, epoch for epoch, as this one.
    fn seconds_left(&self, epoch: &Epoch) -> Option<f64> {
        let so_far = epoch.train_seconds + epoch.evaluate_seconds;
        let of_epoch = so_far / f64::from(epoch.epoch);
        let whole = |row: &RecipeProgress| match row.runs_done {
            0 => of_epoch * f64::from(row.epochs),
            done => row.run_seconds / f64::from(done),
        };
        let to_come = |row: &RecipeProgress| row.left - u32::from(row.arm == self.arm).min(row.left);
        let this = of_epoch * f64::from(self.row().epochs) - so_far;
        let left = this + self.rows.iter().map(|row| whole(row) * f64::from(to_come(row))).sum::<f64>();
        (left > 0.5).then_some(left)
    }

    fn run_stop(&mut self, stop: &RunStop) {
        let row = &mut self.rows[usize::from(self.arm == Arm::Reference)];
        row.run_seconds += stop.phases.train_seconds + stop.phases.evaluate_seconds;
        row.runs_done += 1;
        row.left = row.left.saturating_sub(1);
        let reason = stop.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        let word = stop.outcome.as_str();
        if stop.outcome == Outcome::Reached && reason.is_empty() && self.bar.is_none() {
            return;
        }
        self.say(&format!("{} {}/{}: {word}{reason}", self.arm, stop.run, self.runs));
    }

    fn warmup(&self, WarmupRun { arm, seconds, shortcuts }: &WarmupRun) {
        let whose = if *arm == Arm::Reference { " of the reference" } else { "" };
        self.say(&format!("warmup run{whose}: {}", human_seconds(*seconds)));
        for Shortcut { name, refused } in shortcuts {
            let name = name.as_str();
            self.say(
                &refused.as_ref().map_or_else(
                    || format!("shortcut {name}: used"),
                    |why| format!("shortcut {name}: not used, {why}"),
                ),
            );
        }
    }

    fn step(&self, run: u32, step: u64) {
        let Some(bar) = &self.bar else { return };
        let what = match run {
            0 => "warmup run".to_owned(),
            run => format!("{} {run}/{}", self.arm, self.runs),
        };
        bar.set_prefix(format!("{what}, step {step};"));
    }

    fn event(&mut self, line: &LogLine) {
        match &line.event {
            Event::TrainerStart(trainer) => self.say(&trainer_line(trainer)),
            Event::WarmupRun(warmup) => self.warmup(warmup),
            Event::Repeat(Repeat { steps, parted: None }) => {
                self.say(&format!("deterministic: one seed trained twice was bit-identical over all {steps} steps"));
            }
            Event::Repeat(Repeat { parted: Some(parted), .. }) => {
                self.say(&format!(
                    "not repeatable: one seed trained twice diverged after optimizer step {}, in `{}`",
                    parted.step, parted.tensor
                ));
            }
            Event::RunStart(start) => self.arm = start.arm,
            Event::Progress { run, step } => self.step(*run, *step),
            Event::Epoch(epoch) => self.epoch(epoch),
            Event::RunStop(stop) => self.run_stop(stop),
            Event::SessionStop(_) => {
                if let Some(bar) = &self.bar {
                    bar.finish_and_clear();
                }
            }
            Event::SessionStart(_) | Event::SessionResume(_) | Event::Telemetry(_) => {}
        }
    }
}
