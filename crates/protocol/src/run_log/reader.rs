//! Reads a run log line by line and refuses what does not add up: order, seeds, steps, times and outcomes.

use std::str;

use crate::run_log::event::{
    Arm, Epoch, Event, Outcome, Repeat, RunStart, RunStop, SessionResume, TrainerStart, TrainingLength, WarmupRun,
};
use crate::run_log::line::{LogLine, read_line, whole_lines};
use crate::run_log::log::{LoggedRun, RunLog, Segment, TimedSample, slack};
use crate::run_log::range::{self, SensorCount, expect, positive};
use crate::run_log::shortcut;
use hlb_core::clock;
use hlb_core::rules::{BOOKED_TOLERANCE_SECONDS, BOOKED_TOLERANCE_SHARE, MAX_RESUMES};
use hlb_core::seed;
use hlb_core::units::Accuracy;
use hlb_machine::Sample;

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
        reader.end_trained();
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
    /// Arm of the run that was begun and has not ended.
    open: Option<Arm>,
    /// Whether the current process has logged `trainer_start`.
    trainer_started: bool,
    sensors: SensorCount,
}

impl Reader {
    fn begin(line: &str) -> Result<Self, String> {
        let line = read_line(line)?;
        let Event::SessionStart(start) = line.event else {
            return Err("a run log begins with `session_start`".to_owned());
        };
        range::dataset_seconds(start.dataset_seconds)?;
        range::at_seconds(line.at_seconds)?;
        range::start(&start)?;
        let started_at_milliseconds = milliseconds(&start.started_at);
        let dataset_seconds = start.dataset_seconds;
        let segment = Segment { started_at_milliseconds, dataset_seconds, ..Segment::default() };
        let log = RunLog {
            start,
            trainer: None,
            segments: vec![segment],
            repeat: None,
            shortcuts: Vec::new(),
            runs: Vec::new(),
            reference: Vec::new(),
            abandoned: Vec::new(),
            samples: Vec::new(),
            stops: Vec::new(),
            stop_reason: None,
            wall_seconds: line.at_seconds,
        };
        Ok(Self { log, open: None, trainer_started: false, sensors: SensorCount::default() })
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let LogLine { at_seconds, event } = read_line(line)?;
        range::at_seconds(at_seconds)?;
        let goes_on = self.log.stop_reason.is_none() || matches!(event, Event::SessionResume(_));
        expect(goes_on, "there is a line after `session_stop`")?;
        let before = self.log.wall_seconds;
        expect(at_seconds >= before, format_args!("time goes back from {before} to {at_seconds} s"))?;
        self.log.wall_seconds = at_seconds;
        match event {
            Event::SessionStart(_) => return Err("a second `session_start`".to_owned()),
            Event::TrainerStart(trainer) => self.trainer_start(trainer)?,
            Event::WarmupRun(warmup) => self.warmup_run(warmup)?,
            Event::Repeat(repeat) => self.repeat(repeat)?,
            Event::RunStart(start) => self.run_start(start)?,
            Event::Progress { .. } => return Err("`progress` is shown, not logged".to_owned()),
            Event::Telemetry(sample) => self.telemetry(sample)?,
            Event::Epoch(epoch) => self.epoch(epoch)?,
            Event::RunStop(stop) => self.run_stop(stop)?,
            Event::SessionResume(resume) => self.session_resume(&resume)?,
            Event::SessionStop(stop) => self.session_stop(stop.reason)?,
        }
        Ok(())
    }

    fn segment(&mut self) -> &mut Segment {
        self.log.segments.last_mut().expect("a log has a segment from its first line on")
    }

    fn telemetry(&mut self, sample: Sample) -> Result<(), String> {
        self.sensors.add(&sample)?;
        self.log.samples.push(TimedSample { at_seconds: self.log.wall_seconds, sample });
        Ok(())
    }

    fn trainer_start(&mut self, trainer: TrainerStart) -> Result<(), String> {
        range::threads(trainer.threads)?;
        trainer.matmul_tera.map_or(Ok(()), range::matmul_tera)?;
        expect(!self.trainer_started, "a second `trainer_start`")?;
        let same = self.log.trainer.as_ref().is_none_or(|first| first.is_like(&trainer));
        expect(same, "the resumed session trains on another device, libtorch or number format")?;
        self.trainer_started = true;
        self.log.trainer = Some(trainer);
        let at_seconds = self.log.wall_seconds;
        let segment = self.segment();
        segment.trainer_start_seconds = at_seconds - segment.began_at_seconds;
        Ok(())
    }

    fn warmup_run(&mut self, WarmupRun { arm, seconds, shortcuts }: WarmupRun) -> Result<(), String> {
        let first = self.log.segments.len() > 1 || (self.log.runs.is_empty() && self.log.reference.is_empty());
        let in_turn = self.trainer_started && first && self.open.is_none();
        expect(in_turn, "the warmup run comes after `trainer_start` and before all runs")?;
        positive("seconds", seconds)?;
        let began_at_seconds = self.segment().began_at_seconds;
        check_booked(seconds, self.log.wall_seconds - began_at_seconds)?;
        expect(shortcut::are_distinct(&shortcuts), "a shortcut is named twice")?;
        match arm {
            Arm::Variant => {
                self.segment().warmup_seconds = seconds;
                shortcut::join(&mut self.log.shortcuts, shortcuts);
            }
            Arm::Reference => self.segment().reference_warmup_seconds = seconds,
        }
        Ok(())
    }

    fn repeat(&mut self, repeat: Repeat) -> Result<(), String> {
        let in_turn = self.log.start.deterministic && self.open.is_none();
        repeat.parted.iter().try_for_each(|parted| range::text("tensor", &parted.tensor))?;
        expect(in_turn, "`repeat` comes before the runs of a session that asked for deterministic algorithms")?;
        self.log.repeat = Some(repeat);
        Ok(())
    }

    fn planned(&self, arm: Arm) -> Result<TrainingLength, String> {
        let planned = match arm {
            Arm::Variant => Some(self.log.start.recipe),
            Arm::Reference => self.log.start.reference,
        };
        planned.ok_or_else(|| "a run of the reference in a session without".to_owned())
    }

    fn runs_mut(&mut self, arm: Arm) -> &mut Vec<LoggedRun> {
        match arm {
            Arm::Variant => &mut self.log.runs,
            Arm::Reference => &mut self.log.reference,
        }
    }

    fn run_start(&mut self, started: RunStart) -> Result<(), String> {
        let RunStart { arm, run, seed } = started;
        let in_turn = self.trainer_started && self.open.is_none();
        expect(in_turn, "a run starts before the trainer or inside another run")?;
        let (planned, runs) = (self.planned(arm)?, self.log.start.runs);
        self.abandon_unfinished(arm);
        let next = run as usize == self.log.runs_of(arm).len() + 1 && run <= runs;
        expect(next, format_args!("run {run} is out of order, or more than the {runs} runs asked for"))?;
        let turn = self.log.reference.len() == self.log.runs.len() + usize::from(arm == Arm::Variant);
        let turn = turn || self.log.start.reference.is_none();
        expect(turn, "the runs of reference and variant do not take turns")?;
        let follows = seed == seed::derive(planned.recipe_sha256, self.log.start.nonce.as_str(), run);
        expect(follows, format_args!("the seed of run {run} does not follow from recipe and nonce"))?;
        let began = LoggedRun {
            arm,
            run,
            seed,
            segment: self.log.segments.len() - 1,
            began_at_seconds: self.log.wall_seconds,
            epochs: Vec::new(),
            epochs_at_seconds: Vec::new(),
            stop: None,
            is_cut_off: false,
            supervised_seconds: 0.0,
        };
        self.runs_mut(arm).push(began);
        self.open = Some(arm);
        Ok(())
    }

    /// Abandons a run that an earlier process did not finish; it is run again from the start.
    fn abandon_unfinished(&mut self, arm: Arm) {
        let current = self.log.segments.len() - 1;
        let unfinished = self.runs_mut(arm).pop_if(|run| run.segment < current && !run.is_finished());
        self.log.abandoned.extend(unfinished);
    }

    /// The run that a line belongs to, and what its recipe plans.
    fn open_run(&mut self) -> Result<(&mut LoggedRun, TrainingLength), String> {
        let arm = self.open.ok_or("there is no run that this line belongs to")?;
        let planned = self.planned(arm)?;
        Ok((self.runs_mut(arm).last_mut().expect("a run was begun"), planned))
    }

    fn epoch(&mut self, epoch: Epoch) -> Result<(), String> {
        let at_seconds = self.log.wall_seconds;
        let (run, planned) = self.open_run()?;
        let length = planned.length();
        let expected = u32::try_from(run.epochs.len()).unwrap_or(u32::MAX).saturating_add(1);
        let next = epoch.run == run.run && epoch.epoch == expected && expected <= length.epochs;
        expect(next, format_args!("epoch {} of run {} is out of order", epoch.epoch, epoch.run))?;
        let (step, steps_per_epoch) = (epoch.step, length.steps_per_epoch);
        let whole = step == length.steps_after(expected);
        expect(whole, format_args!("{step} steps are not {expected} epochs of {steps_per_epoch}"))?;
        range::loss(epoch.loss)?;
        check_seconds(run, &epoch, at_seconds)?;
        let Accuracy { correct, total } = epoch.accuracy;
        let same_split = run.epochs.first().is_none_or(|first| first.accuracy.total == total);
        let is_share = correct <= total && total > 0 && same_split;
        expect(is_share, "the accuracy is not a share of the evaluation split")?;
        run.epochs.push(epoch);
        run.epochs_at_seconds.push(at_seconds);
        Ok(())
    }

    fn run_stop(&mut self, stop: RunStop) -> Result<(), String> {
        let (target, stop_at_target) = (self.log.start.target, self.log.start.stop_at_target);
        let at_seconds = self.log.wall_seconds;
        let (run, planned) = self.open_run()?;
        let epochs = planned.epochs as usize;
        expect(stop.run == run.run, format_args!("`run_stop` of run {} inside run {}", stop.run, run.run))?;
        let met = run.epochs.iter().any(|epoch| target.is_met_by(epoch.accuracy));
        let ended = run.epochs.len() == epochs || (stop_at_target && met);
        let right = match stop.outcome {
            Outcome::Reached => met && ended,
            Outcome::Missed => !met && ended,
            Outcome::Diverged => run.epochs.len() < epochs,
            Outcome::Interrupted => stop.reason.is_some(),
        };
        let word = stop.outcome.as_str();
        expect(right, format_args!("the outcome `{word}` does not follow from the epochs of run {}", run.run))?;
        stop.reason.iter().try_for_each(|reason| range::text("reason", reason))?;
        check_phases(&stop, run.epochs.last())?;
        check_booked(stop.wall_seconds, at_seconds - run.began_at_seconds)?;
        let is_cut_off = stop.outcome == Outcome::Interrupted && ended;
        let library_clock_seconds = stop.library_clock_seconds;
        run.stop = Some(stop);
        run.supervised_seconds = at_seconds - run.began_at_seconds;
        if is_cut_off {
            run.cut_off(met);
        }
        self.open = None;
        self.log.stops.push((at_seconds, library_clock_seconds));
        Ok(())
    }

    /// Ends a run whose process ended after its last epoch. Its result is known, so that to run it again would be to choose.
    fn end_trained(&mut self) {
        let (target, stop_at_target) = (self.log.start.target, self.log.start.stop_at_target);
        let Ok((run, planned)) = self.open_run() else { return };
        let met = run.epochs.iter().any(|epoch| target.is_met_by(epoch.accuracy));
        if run.epochs.len() == planned.epochs as usize || (stop_at_target && met) {
            run.cut_off(met);
        }
    }

    fn session_resume(&mut self, resume: &SessionResume) -> Result<(), String> {
        self.end_trained();
        let ended = self.log.stop_reason.as_deref() == Some("completed");
        expect(!ended, "a session that completed was resumed")?;
        let resumes = self.log.segments.len();
        expect(resumes <= MAX_RESUMES, format_args!("it was resumed more than {MAX_RESUMES} times"))?;
        range::dataset_seconds(resume.dataset_seconds)?;
        let (began_at_seconds, dataset_seconds) = (self.log.wall_seconds, resume.dataset_seconds);
        let started_at_milliseconds = milliseconds(&resume.started_at);
        let samples_before = self.log.samples.len();
        self.log.segments.push(Segment {
            began_at_seconds,
            started_at_milliseconds,
            samples_before,
            dataset_seconds,
            ..Segment::default()
        });
        (self.open, self.trainer_started, self.log.stop_reason) = (None, false, None);
        Ok(())
    }

    fn session_stop(&mut self, reason: String) -> Result<(), String> {
        range::text("reason", &reason)?;
        expect(self.open.is_none(), "the session stops inside a run")?;
        let runs = self.log.start.runs as usize;
        let wanted = if self.log.start.reference.is_some() { 2 * runs } else { runs };
        let finished = self.log.runs.len() + self.log.reference.len();
        let whole = reason != "completed" || finished == wanted;
        expect(whole, format_args!("{finished} of {wanted} runs are there, yet the session completed"))?;
        self.log.stop_reason = Some(reason);
        Ok(())
    }
}

/// Milliseconds since 1970 of a calendar time in the form of the rules; `None` for any other text.
fn milliseconds(text: &str) -> Option<i64> {
    clock::parse(text).map(|time| time.timestamp_millis())
}

/// The seconds of an epoch against those that passed. Whether two clocks agree is for [`RunLog::clocks_agree`]; this refuses
/// what is impossible.
fn check_seconds(run: &LoggedRun, epoch: &Epoch, at_seconds: f64) -> Result<(), String> {
    let (trained, evaluated) = run.epochs.last().map_or((0.0, 0.0), |last| (last.train_seconds, last.evaluate_seconds));
    let grow = epoch.train_seconds > trained && epoch.evaluate_seconds > evaluated;
    expect(grow, "the seconds of an epoch do not grow")?;
    check_booked(epoch.train_seconds + epoch.evaluate_seconds, at_seconds - run.began_at_seconds)
}

/// Seconds that the trainer states against those that passed for `hlb-bench` meanwhile.
fn check_booked(seconds: f64, elapsed: f64) -> Result<(), String> {
    let most = (1.0 + BOOKED_TOLERANCE_SHARE) * elapsed + BOOKED_TOLERANCE_SECONDS;
    expect(seconds <= most, format_args!("more seconds are booked than the {elapsed:.3} that passed"))
}

fn check_phases(stop: &RunStop, last: Option<&Epoch>) -> Result<(), String> {
    let phases = stop.phases;
    let booked = [phases.setup_seconds, phases.train_seconds, phases.evaluate_seconds, phases.log_seconds];
    booked.into_iter().try_for_each(|seconds| positive("seconds", seconds))?;
    positive("wall_seconds", stop.wall_seconds)?;
    let (booked, lasted) = (booked.iter().sum::<f64>(), stop.wall_seconds);
    expect(booked <= lasted + slack(lasted), "more seconds are booked than the run lasted")?;
    let accounted = stop.outcome == Outcome::Interrupted || booked + slack(lasted) >= lasted;
    expect(accounted, "seconds of the run are booked to no phase")?;
    let trained = last.map_or(0.0, |last| last.train_seconds);
    expect(phases.train_seconds >= trained, "`run_stop` books less training than its last epoch")?;
    let whole = matches!(stop.outcome, Outcome::Reached | Outcome::Missed);
    let right = !whole || phases.train_seconds <= trained + slack(trained);
    expect(right, "`run_stop` books more training than its epochs")
}
