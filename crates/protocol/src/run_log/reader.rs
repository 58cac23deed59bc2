//! Reads a run log line by line and refuses what does not add up: order, seeds, steps, times and outcomes.

use std::str;

use crate::run_log::event::{
    Arm, Epoch, Event, Outcome, RunStart, RunStop, SessionResume, TrainerStart, TrainingLength,
};
use crate::run_log::line::{LOG_SCHEMA, LogLine, read_line, whole_lines};
use crate::run_log::log::{LoggedRun, Repeat, RunLog, Segment, TimedSample, slack};
use hlb_core::rules::{BOOKED_TOLERANCE_SECONDS, BOOKED_TOLERANCE_SHARE};
use hlb_core::seed;

/// A run log that is malformed or contradicts itself.
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
        let wrong = |line| move |problem| RunLogError { line, problem };
        let text = str::from_utf8(bytes).map_err(|error| wrong(1)(format!("not UTF-8: {error}")))?;
        let mut lines = text.lines();
        let first = lines.next().ok_or_else(|| wrong(1)("the run log is empty".to_owned()))?;
        let mut reader = Reader::begin(first).map_err(wrong(1))?;
        for (number, line) in (2..).zip(lines) {
            reader.take(line).map_err(wrong(number))?;
        }
        Ok(reader.log)
    }

    /// The same for a log that may end in the middle of a line, as that of a killed session does: read up to its last full
    /// one.
    pub fn parse_unfinished(bytes: &[u8]) -> Result<Self, RunLogError> {
        Self::parse(whole_lines(bytes))
    }
}

/// A log, as far as it has been read.
struct Reader {
    log: RunLog,
    at_seconds: f64,
    open: bool,
    /// Arm of the run that was begun last.
    arm: Arm,
    /// Whether the current process has logged `trainer_start`.
    trainer_started: bool,
}

impl Reader {
    fn begin(line: &str) -> Result<Self, String> {
        let line = read_line(line)?;
        let Event::SessionStart(start) = line.event else {
            return Err("a run log begins with `session_start`".to_owned());
        };
        positive("dataset_seconds", start.dataset_seconds)?;
        positive("at_seconds", line.at_seconds)?;
        if start.schema != LOG_SCHEMA {
            return Err(format!("the schema is not `{LOG_SCHEMA}`"));
        }
        let segment = Segment { dataset_seconds: start.dataset_seconds, ..Segment::default() };
        let log = RunLog {
            start,
            trainer: None,
            segments: vec![segment],
            repeat: None,
            runs: Vec::new(),
            reference: Vec::new(),
            abandoned: Vec::new(),
            samples: Vec::new(),
            stop_reason: None,
            wall_seconds: line.at_seconds,
        };
        Ok(Self { log, at_seconds: line.at_seconds, open: false, arm: Arm::Variant, trainer_started: false })
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let LogLine { at_seconds, event } = read_line(line)?;
        positive("at_seconds", at_seconds)?;
        if self.log.stop_reason.is_some() && !matches!(event, Event::SessionResume(_)) {
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
            Event::WarmupRun { arm, seconds } => self.warmup_run(arm, seconds),
            Event::Repeat { steps, parted } => self.repeat(Repeat { steps, parted }),
            Event::RunStart(start) => self.run_start(start),
            Event::Progress { .. } => Err("`progress` is shown, not logged".to_owned()),
            Event::Telemetry(sample) => {
                self.log.samples.push(TimedSample { at_seconds, sample });
                Ok(())
            }
            Event::Epoch(epoch) => self.epoch(epoch),
            Event::RunStop(stop) => self.run_stop(stop),
            Event::SessionResume(resume) => self.session_resume(&resume),
            Event::SessionStop { reason } => self.session_stop(reason),
        }
    }

    fn segment(&mut self) -> &mut Segment {
        self.log.segments.last_mut().expect("a log has a segment from its first line on")
    }

    fn trainer_start(&mut self, trainer: TrainerStart) -> Result<(), String> {
        if self.trainer_started {
            return Err("a second `trainer_start`".to_owned());
        }
        if self.log.trainer.as_ref().is_some_and(|first| *first != trainer) {
            return Err("the resumed session trains on another device, libtorch or number format".to_owned());
        }
        self.trainer_started = true;
        self.log.trainer = Some(trainer);
        let at_seconds = self.at_seconds;
        let segment = self.segment();
        segment.trainer_start_seconds = at_seconds - segment.began_at_seconds;
        Ok(())
    }

    fn warmup_run(&mut self, arm: Arm, seconds: f64) -> Result<(), String> {
        let first = self.log.segments.len() > 1 || (self.log.runs.is_empty() && self.log.reference.is_empty());
        if !self.trainer_started || !first || self.open {
            return Err("the warmup run comes after `trainer_start` and before all runs".to_owned());
        }
        let seconds = positive("seconds", seconds)?;
        match arm {
            Arm::Variant => self.segment().warmup_seconds = seconds,
            Arm::Reference => self.segment().reference_warmup_seconds = seconds,
        }
        Ok(())
    }

    fn repeat(&mut self, repeat: Repeat) -> Result<(), String> {
        if !self.log.start.deterministic || self.open {
            return Err(
                "`repeat` comes before the runs of a session that asked for deterministic algorithms".to_owned()
            );
        }
        self.log.repeat = Some(repeat);
        Ok(())
    }

    fn planned(&self, arm: Arm) -> Result<TrainingLength, String> {
        match arm {
            Arm::Variant => Ok(self.log.start.recipe),
            Arm::Reference => {
                self.log.start.reference.ok_or_else(|| "a run of the reference in a session without".to_owned())
            }
        }
    }

    fn runs_mut(&mut self, arm: Arm) -> &mut Vec<LoggedRun> {
        match arm {
            Arm::Variant => &mut self.log.runs,
            Arm::Reference => &mut self.log.reference,
        }
    }

    fn run_start(&mut self, started: RunStart) -> Result<(), String> {
        let RunStart { arm, run, seed } = started;
        if !self.trainer_started || self.open {
            return Err("a run starts before the trainer or inside another run".to_owned());
        }
        let (planned, runs) = (self.planned(arm)?, self.log.start.runs);
        self.abandon_unfinished(arm);
        if run as usize != self.log.runs_of(arm).len() + 1 || run > runs {
            return Err(format!("run {run} is out of order, or more than the {runs} runs asked for"));
        }
        let turn = self.log.reference.len() == self.log.runs.len() + usize::from(arm == Arm::Variant);
        if self.log.start.reference.is_some() && !turn {
            return Err("the runs of reference and variant do not take turns".to_owned());
        }
        if seed != seed::derive(planned.recipe_sha256, &self.log.start.nonce, run) {
            return Err(format!("the seed of run {run} does not follow from recipe and nonce"));
        }
        let began = LoggedRun {
            arm,
            run,
            seed,
            segment: self.log.segments.len() - 1,
            began_at_seconds: self.at_seconds,
            epochs: Vec::new(),
            epochs_at_seconds: Vec::new(),
            stop: None,
            supervised_seconds: 0.0,
        };
        self.runs_mut(arm).push(began);
        (self.open, self.arm) = (true, arm);
        Ok(())
    }

    /// Abandons a run that an earlier process did not finish; it is run again from the start.
    fn abandon_unfinished(&mut self, arm: Arm) {
        let current = self.log.segments.len() - 1;
        let left_behind = |run: &LoggedRun| run.segment < current && !run.is_finished();
        if self.log.runs_of(arm).last().is_some_and(left_behind) {
            let run = self.runs_mut(arm).pop();
            self.log.abandoned.extend(run);
        }
    }

    fn open_run(&mut self) -> Result<&mut LoggedRun, String> {
        let (open, arm) = (self.open, self.arm);
        self.runs_mut(arm)
            .last_mut()
            .filter(|_| open)
            .ok_or_else(|| "there is no run that this line belongs to".to_owned())
    }

    fn epoch(&mut self, epoch: Epoch) -> Result<(), String> {
        let length = self.planned(self.arm)?.length();
        let at_seconds = self.at_seconds;
        let run = self.open_run()?;
        let expected = u32::try_from(run.epochs.len()).unwrap_or(u32::MAX).saturating_add(1);
        if epoch.run != run.run || epoch.epoch != expected || expected > length.epochs {
            return Err(format!("epoch {} of run {} is out of order", epoch.epoch, epoch.run));
        }
        if epoch.step != length.steps_after(expected) {
            return Err(format!("{} steps are not {expected} epochs of {}", epoch.step, length.steps_per_epoch));
        }
        check_seconds(run, &epoch, at_seconds)?;
        let total = run.epochs.first().map_or(epoch.accuracy.total, |first| first.accuracy.total);
        if epoch.accuracy.correct > epoch.accuracy.total || epoch.accuracy.total != total || total == 0 {
            return Err("the accuracy is not a share of the evaluation split".to_owned());
        }
        run.epochs.push(epoch);
        run.epochs_at_seconds.push(at_seconds);
        Ok(())
    }

    fn run_stop(&mut self, stop: RunStop) -> Result<(), String> {
        let (target, stop_at_target) = (self.log.start.target, self.log.start.stop_at_target);
        let (epochs, at_seconds) = (self.planned(self.arm)?.epochs as usize, self.at_seconds);
        let run = self.open_run()?;
        if stop.run != run.run {
            return Err(format!("`run_stop` of run {} inside run {}", stop.run, run.run));
        }
        let met = run.epochs.iter().any(|epoch| target.is_met_by(epoch.accuracy));
        let ended = run.epochs.len() == epochs || (stop_at_target && met);
        let right = match stop.outcome {
            Outcome::Reached => met && ended,
            Outcome::Missed => !met && ended,
            Outcome::Diverged => run.epochs.len() < epochs,
            Outcome::Interrupted => stop.reason.is_some(),
        };
        if !right {
            let word = stop.outcome.as_str();
            return Err(format!("the outcome `{word}` does not follow from the epochs of run {}", run.run));
        }
        check_phases(&stop, run.epochs.last())?;
        run.stop = Some(stop);
        run.supervised_seconds = at_seconds - run.began_at_seconds;
        self.open = false;
        self.check_not_a_copy()
    }

    /// Refuses two runs with the same nanoseconds, which are copies.
    fn check_not_a_copy(&self) -> Result<(), String> {
        let times = |run: &LoggedRun| run.epochs.iter().map(|epoch| epoch.train_seconds.to_bits()).collect::<Vec<_>>();
        let runs = self.log.runs_of(self.arm);
        let Some((last, others)) = runs.split_last() else { return Ok(()) };
        let mine = times(last);
        match others.iter().find(|other| !mine.is_empty() && times(other) == mine) {
            Some(other) => Err(format!("runs {} and {} have the same times to the last digit", other.run, last.run)),
            None => Ok(()),
        }
    }

    fn session_resume(&mut self, resume: &SessionResume) -> Result<(), String> {
        if self.log.stop_reason.as_deref() == Some("completed") {
            return Err("a session that completed was resumed".to_owned());
        }
        positive("dataset_seconds", resume.dataset_seconds)?;
        let (began_at_seconds, dataset_seconds) = (self.at_seconds, resume.dataset_seconds);
        self.log.segments.push(Segment { began_at_seconds, dataset_seconds, ..Segment::default() });
        (self.open, self.trainer_started, self.log.stop_reason) = (false, false, None);
        Ok(())
    }

    fn session_stop(&mut self, reason: String) -> Result<(), String> {
        if self.open {
            return Err("the session stops inside a run".to_owned());
        }
        let runs = self.log.start.runs as usize;
        let wanted = if self.log.start.reference.is_some() { 2 * runs } else { runs };
        let finished = self.log.runs.len() + self.log.reference.len();
        if reason == "completed" && finished != wanted {
            return Err(format!("{finished} of {wanted} runs are there, yet the session completed"));
        }
        self.log.stop_reason = Some(reason);
        Ok(())
    }
}

fn positive(name: &str, value: f64) -> Result<f64, String> {
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err(format!("`{name}` is {value}")) }
}

/// The seconds of an epoch against those that passed. Whether two clocks agree is for [`RunLog::clocks_agree`]; this refuses
/// what is impossible.
fn check_seconds(run: &LoggedRun, epoch: &Epoch, at_seconds: f64) -> Result<(), String> {
    let (trained, evaluated) = run.epochs.last().map_or((0.0, 0.0), |last| (last.train_seconds, last.evaluate_seconds));
    if epoch.train_seconds <= trained || epoch.evaluate_seconds <= evaluated {
        return Err("the seconds of an epoch do not grow".to_owned());
    }
    let elapsed = at_seconds - run.began_at_seconds;
    if epoch.train_seconds + epoch.evaluate_seconds
        > (1.0 + BOOKED_TOLERANCE_SHARE) * elapsed + BOOKED_TOLERANCE_SECONDS
    {
        return Err(format!("more seconds are booked than the {elapsed:.3} that passed"));
    }
    Ok(())
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
    let trained = last.map_or(0.0, |last| last.train_seconds);
    if phases.train_seconds < trained {
        return Err("`run_stop` books less training than its last epoch".to_owned());
    }
    let whole = matches!(stop.outcome, Outcome::Reached | Outcome::Missed);
    if whole && phases.train_seconds > trained + slack(trained) {
        return Err("`run_stop` books more training than its epochs".to_owned());
    }
    Ok(())
}
