//! One line for the whole study: a bar on a terminal, a line for each run elsewhere.

use std::io::{IsTerminal as _, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal::dataset_progress::DatasetProgress;
use crate::terminal::printer::note;
use crate::terminal::session_progress::{print_note, trainer_line};
use hlb_core::text::visible;
use hlb_core::units::{Target, human_seconds};
use hlb_protocol::run_log::{Epoch, Event, LogLine, TrainerStart};
use hlb_session::{Note, Observer};
use hlb_study::{Estimator, PlannedRun, Records, RunRecord, StudyObserver, StudyPlan};

/// An observer that prints: first of the data set, then of the runs.
pub(crate) struct StudyProgress {
    data_set: DatasetProgress,
    runs: Option<RunsProgress>,
}

impl StudyProgress {
    /// Nothing is shown before there is something to show.
    pub(crate) fn new() -> Self {
        Self { data_set: DatasetProgress::begin(), runs: None }
    }
}

impl Observer for StudyProgress {
    fn data_set(&self) -> &dyn hlb_data::Watch {
        &self.data_set
    }

    fn note(&mut self, note: &Note) {
        self.data_set.end();
        print_note(note);
    }

    fn event(&mut self, line: &LogLine) {
        let Some(runs) = &mut self.runs else { return };
        match &line.event {
            Event::Epoch(epoch) => runs.epoch(epoch),
            Event::TrainerStart(trainer) => runs.trainer(trainer),
            _ => {}
        }
    }
}

impl StudyObserver for StudyProgress {
    fn begin_study(&mut self, plan: &StudyPlan, records: &Records) {
        self.data_set.end();
        self.runs = Some(RunsProgress::begin(plan, records));
    }

    fn begin_run(&mut self, plan: &StudyPlan, run: PlannedRun) {
        self.runs.iter_mut().for_each(|runs| runs.begin_run(plan, run));
    }

    fn end_run(&mut self, run: PlannedRun, record: &RunRecord) {
        self.runs.iter_mut().for_each(|runs| runs.end_run(run, record));
    }
}

/// How far the runs are.
struct RunsProgress {
    bar: Option<ProgressBar>,
    estimator: Estimator,
    target: Target,
    planned: usize,
    /// Runs that have ended, earlier processes' included.
    done: usize,
    /// Runs that are missing, the current one first.
    missing: Vec<PlannedRun>,
    /// `variant run/runs` of the current run.
    name: String,
    runs: u32,
    epochs: u32,
    said_trainer: bool,
}

impl RunsProgress {
    /// Says what is about to be run.
    fn begin(plan: &StudyPlan, records: &Records) -> Self {
        let (missing, planned) = (records.missing(plan), plan.order().count());
        let (track, target) = (&plan.task.track.id, plan.task.track.target);
        let (variants, runs) = (plan.variants.len(), plan.runs);
        note(&format!(
            "track {track}: {variants} variants in turn, {runs} runs each, target {:.2} %",
            target.percent()
        ));
        let done = planned - missing.len();
        if done > 0 {
            note(&format!("goes on: {done} of {planned} runs are finished, the rest follows"));
        }
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} runs, {msg}");
            let bar =
                ProgressBar::new(planned as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.with_position(done as u64)
        });
        let (estimator, name) = (Estimator::of(plan, records), String::new());
        Self { bar, estimator, target, planned, done, missing, name, runs, epochs: 0, said_trainer: false }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(visible(line)),
            None => note(line),
        }
    }

    /// What all runs are trained on, said once.
    fn trainer(&mut self, trainer: &TrainerStart) {
        if !std::mem::replace(&mut self.said_trainer, true) {
            self.say(&trainer_line(trainer));
        }
    }

    /// A run begins.
    fn begin_run(&mut self, plan: &StudyPlan, run: PlannedRun) {
        let variant = &plan.variants[run.variant];
        (self.name, self.epochs) = (format!("{} {}/{}", variant.name, run.run, self.runs), variant.length.epochs);
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} starts, {}", self.name, self.left(0.0)));
        }
    }

    /// An epoch of the current run is over.
    fn epoch(&mut self, epoch: &Epoch) {
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

    /// Words for the time left, of which the current run has used some.
    fn left(&self, used_seconds: f64) -> String {
        let left = self.estimator.seconds_of(&self.missing).map(|seconds| (seconds - used_seconds).max(0.0));
        left.map_or_else(
            || "time left unknown until a run has ended".to_owned(),
            |left| format!("about {} left", human_seconds(left)),
        )
    }

    /// The current run has ended.
    fn end_run(&mut self, run: PlannedRun, record: &RunRecord) {
        self.missing.retain(|missing| *missing != run);
        self.done += 1;
        if record.is_whole() {
            self.estimator.add(run.variant, record.process_seconds);
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
        let mut words = record.outcome.as_str().to_owned();
        if let Some(seconds) = record.time_to_accuracy_seconds(self.target) {
            words = format!("{words} after {}", human_seconds(seconds));
        }
        if let Some(accuracy) = record.final_accuracy() {
            words = format!("{words}, accuracy {:.2} %", accuracy.percent());
        }
        record.reason.iter().fold(words, |words, reason| format!("{words} ({reason})"))
    }
}
