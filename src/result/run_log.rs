//! Reads a run log and refuses one whose lines do not add up.

use std::str;

use crate::seed;
use crate::wire::{Epoch, Event, LogLine, Outcome, RunStop, SessionStart, TrainerStart};
use crate::yaml::ByteCap;

/// Format of the run logs that this program writes and reads.
pub const LOG_SCHEMA: &str = "hlb-bench/run-log/v1";

/// The largest run log read, in bytes.
pub const LOG_CAP: ByteCap = ByteCap(16 * 1024 * 1024);

/// A session as its run log tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunLog {
    /// What the session set out to do.
    pub start: SessionStart,
    /// What the trainer ran on; `None` if it never started.
    pub trainer: Option<TrainerStart>,
    /// Seconds from the session's start until the trainer had loaded libtorch and the data.
    pub trainer_start_seconds: f64,
    /// Seconds of the warmup run.
    pub warmup_seconds: f64,
    /// The runs, in order.
    pub runs: Vec<LoggedRun>,
    /// Why the session ended; `None` if it was killed.
    pub stop_reason: Option<String>,
    /// Seconds from the session's start to the last line.
    pub wall_seconds: f64,
}

/// One run as its lines tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedRun {
    /// Its seed.
    pub seed: seed::Seed,
    /// Its epochs.
    pub epochs: Vec<Epoch>,
    /// How it ended; `None` if the session was killed during it.
    pub stop: Option<RunStop>,
    /// Seconds from the run's first line to its last, by the clock of `hlb-bench`.
    pub supervised_seconds: f64,
}

/// A run log that cannot be believed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {problem}")]
pub struct RunLogError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl RunLog {
    /// Reads a run log and checks that steps, epochs, seeds and times add up.
    pub fn parse(bytes: &[u8]) -> Result<Self, RunLogError> {
        let text =
            str::from_utf8(bytes).map_err(|error| RunLogError { line: 1, problem: format!("not UTF-8: {error}") })?;
        let mut lines = text.lines().enumerate();
        let first = lines.next().ok_or(RunLogError { line: 1, problem: "the run log is empty".to_owned() })?;
        let mut reader = Reader::begin(first.1).map_err(|problem| RunLogError { line: 1, problem })?;
        for (index, line) in lines {
            reader.take(line).map_err(|problem| RunLogError { line: index + 1, problem })?;
        }
        Ok(reader.log)
    }
}

struct Reader {
    log: RunLog,
    at_seconds: f64,
    run_began_at: f64,
}

impl Reader {
    fn begin(line: &str) -> Result<Self, String> {
        let line = read_line(line)?;
        let Event::SessionStart(start) = line.event else {
            return Err("a run log begins with `session_start`".to_owned());
        };
        positive("dataset_seconds", start.dataset_seconds)?;
        if start.schema != LOG_SCHEMA {
            return Err(format!("the schema is not `{LOG_SCHEMA}`"));
        }
        let log = RunLog {
            start,
            trainer: None,
            trainer_start_seconds: 0.0,
            warmup_seconds: 0.0,
            runs: Vec::new(),
            stop_reason: None,
            wall_seconds: line.at_seconds,
        };
        Ok(Self { log, at_seconds: line.at_seconds, run_began_at: 0.0 })
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let LogLine { at_seconds, event } = read_line(line)?;
        if self.log.stop_reason.is_some() {
            return Err("there is a line after `session_stop`".to_owned());
        }
        if at_seconds < self.at_seconds {
            return Err(format!("time goes back from {} to {at_seconds} s", self.at_seconds));
        }
        self.at_seconds = at_seconds;
        self.log.wall_seconds = at_seconds;
        match event {
            Event::SessionStart(_) => Err("a second `session_start`".to_owned()),
            Event::TrainerStart(trainer) => self.trainer_start(trainer),
            Event::WarmupRun { seconds } => self.warmup_run(seconds),
            Event::RunStart { run, seed } => self.run_start(run, seed),
            Event::Progress { .. } => Err("`progress` is shown, not logged".to_owned()),
            Event::Epoch(epoch) => self.epoch(epoch),
            Event::RunStop(stop) => self.run_stop(stop),
            Event::SessionStop { reason } => self.session_stop(reason),
        }
    }

    fn trainer_start(&mut self, trainer: TrainerStart) -> Result<(), String> {
        if self.log.trainer.is_some() {
            return Err("a second `trainer_start`".to_owned());
        }
        self.log.trainer = Some(trainer);
        self.log.trainer_start_seconds = self.at_seconds;
        Ok(())
    }

    fn warmup_run(&mut self, seconds: f64) -> Result<(), String> {
        if self.log.trainer.is_none() || !self.log.runs.is_empty() {
            return Err("the warmup run comes after `trainer_start` and before all runs".to_owned());
        }
        self.log.warmup_seconds = positive("seconds", seconds)?;
        Ok(())
    }

    fn run_start(&mut self, run: u32, seed: seed::Seed) -> Result<(), String> {
        if self.log.trainer.is_none() || self.open_run().is_ok() {
            return Err("a run starts before the trainer or inside another run".to_owned());
        }
        let start = &self.log.start;
        if run as usize != self.log.runs.len() + 1 || run > start.runs {
            return Err(format!("run {run} is out of order, or more than the {} runs asked for", start.runs));
        }
        if seed != seed::derive(start.recipe_sha256, &start.nonce, run) {
            return Err(format!("the seed of run {run} does not follow from recipe and nonce"));
        }
        self.run_began_at = self.at_seconds;
        self.log.runs.push(LoggedRun { seed, epochs: Vec::new(), stop: None, supervised_seconds: 0.0 });
        Ok(())
    }

    fn open_run(&mut self) -> Result<(u32, &mut LoggedRun), String> {
        let number = u32::try_from(self.log.runs.len()).unwrap_or(u32::MAX);
        match self.log.runs.last_mut() {
            Some(run) if run.stop.is_none() => Ok((number, run)),
            _ => Err("there is no run that this line belongs to".to_owned()),
        }
    }

    fn epoch(&mut self, epoch: Epoch) -> Result<(), String> {
        let (epochs, steps_per_epoch) = (self.log.start.epochs, self.log.start.steps_per_epoch);
        let elapsed = self.at_seconds - self.run_began_at;
        let (number, run) = self.open_run()?;
        let expected = u32::try_from(run.epochs.len()).unwrap_or(u32::MAX).saturating_add(1);
        if epoch.run != number || epoch.epoch != expected || expected > epochs {
            return Err(format!("epoch {} of run {} is out of order", epoch.epoch, epoch.run));
        }
        if epoch.step != u64::from(expected) * u64::from(steps_per_epoch) {
            return Err(format!("{} steps are not {expected} epochs of {steps_per_epoch}", epoch.step));
        }
        let (trained, evaluated) =
            run.epochs.last().map_or((0.0, 0.0), |last| (last.train_seconds, last.evaluate_seconds));
        if epoch.train_seconds <= trained || epoch.evaluate_seconds <= evaluated {
            return Err("the seconds of an epoch do not grow".to_owned());
        }
        // What two clocks may really part by is `clocks_agree`'s to say; this is about what cannot be.
        if epoch.train_seconds + epoch.evaluate_seconds > 1.05 * elapsed + 1.0 {
            return Err(format!("more seconds are booked than the {elapsed:.3} that passed"));
        }
        let total = run.epochs.first().map_or(epoch.accuracy.total, |first| first.accuracy.total);
        if epoch.accuracy.correct > epoch.accuracy.total || epoch.accuracy.total != total || total == 0 {
            return Err("the accuracy is not a share of the evaluation split".to_owned());
        }
        run.epochs.push(epoch);
        Ok(())
    }

    fn run_stop(&mut self, stop: RunStop) -> Result<(), String> {
        let (target, epochs, stop_at_target) =
            (self.log.start.target, self.log.start.epochs, self.log.start.stop_at_target);
        let elapsed = self.at_seconds - self.run_began_at;
        let (number, run) = self.open_run()?;
        if stop.run != number {
            return Err(format!("`run_stop` of run {} inside run {number}", stop.run));
        }
        let met = run.epochs.iter().any(|epoch| target.is_met_by(epoch.accuracy));
        let ended = run.epochs.len() == epochs as usize || (stop_at_target && met);
        let right = match stop.outcome {
            Outcome::Reached => met && ended,
            Outcome::Missed => !met && ended,
            Outcome::Diverged => run.epochs.len() < epochs as usize,
            Outcome::Interrupted => stop.reason.is_some(),
        };
        if !right {
            return Err(format!(
                "the outcome `{}` does not follow from the epochs of run {number}",
                stop.outcome.word()
            ));
        }
        check_phases(&stop, run.epochs.last())?;
        run.stop = Some(stop);
        run.supervised_seconds = elapsed;
        Ok(())
    }

    fn session_stop(&mut self, reason: String) -> Result<(), String> {
        if self.open_run().is_ok() {
            return Err("the session stops inside a run".to_owned());
        }
        if reason == "completed" && self.log.runs.len() != self.log.start.runs as usize {
            return Err(format!(
                "{} of {} runs are there, yet the session completed",
                self.log.runs.len(),
                self.log.start.runs
            ));
        }
        self.log.stop_reason = Some(reason);
        Ok(())
    }
}

fn read_line(line: &str) -> Result<LogLine, String> {
    serde_json::from_str(line).map_err(|error| format!("not a run log line: {error}"))
}

fn positive(name: &str, value: f64) -> Result<f64, String> {
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(format!("`{name}` is {value}")) }
}

/// What the clocks of two processes may part by: a line can arrive late, and clocks tick differently by a little.
pub(super) fn slack(seconds: f64) -> f64 {
    0.05 + 0.005 * seconds
}

fn check_phases(stop: &RunStop, last: Option<&Epoch>) -> Result<(), String> {
    let phases = stop.phases;
    let booked = [phases.setup_seconds, phases.train_seconds, phases.evaluate_seconds, phases.log_seconds];
    for seconds in booked {
        positive("seconds", seconds)?;
    }
    let (booked, lasted) = (booked.iter().sum::<f64>(), positive("wall_seconds", stop.wall_seconds)?);
    if booked > lasted + slack(lasted) {
        return Err("more seconds are booked than the run lasted".to_owned());
    }
    if stop.outcome != Outcome::Interrupted && booked + slack(lasted) < lasted {
        return Err("seconds of the run are booked to no phase".to_owned());
    }
    if last.is_some_and(|last| phases.train_seconds < last.train_seconds) {
        return Err("`run_stop` books less training than its last epoch".to_owned());
    }
    Ok(())
}
