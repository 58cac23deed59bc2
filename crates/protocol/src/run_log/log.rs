//! A session as its run log tells it.

use crate::run_log::event::{Arm, Epoch, Outcome, Repeat, RunStop, SessionStart, TrainerStart};
use crate::run_log::shortcut::Shortcut;
use hlb_core::clock::PhaseSeconds;
use hlb_core::rules::{CLOCK_TOLERANCE_SECONDS, CLOCK_TOLERANCE_SHARE};
use hlb_core::seed::Seed;
use hlb_machine::Sample;

/// A session as its run log tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunLog {
    /// What the session set out to do.
    pub start: SessionStart,
    /// What the trainer ran on; `None` if it never started.
    pub trainer: Option<TrainerStart>,
    /// The part of the session that each process ran; one, unless it was resumed.
    pub segments: Vec<Segment>,
    /// Whether one seed trained twice gave the same model, where that was asked for.
    pub repeat: Option<Repeat>,
    /// What the warmup runs of the variant held against the plain way to compute a step.
    pub shortcuts: Vec<Shortcut>,
    /// The runs of the variant, in order.
    pub runs: Vec<LoggedRun>,
    /// The runs of the reference, where the session is calibrated.
    pub reference: Vec<LoggedRun>,
    /// Runs that one process did not finish and a later one ran again with the same seed.
    pub abandoned: Vec<LoggedRun>,
    /// What the sensors said.
    pub samples: Vec<TimedSample>,
    /// Seconds since the session's start of each `run_stop`, by the kernel's clock and by the C library's.
    pub stops: Vec<(f64, Option<f64>)>,
    /// Why the session ended; `None` if it was killed.
    pub stop_reason: Option<String>,
    /// Seconds from the session's start to the last line.
    pub wall_seconds: f64,
}

/// The part of a session that one process ran.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Segment {
    /// Seconds on the session's clock when it began.
    pub began_at_seconds: f64,
    /// Calendar time of that, in milliseconds since 1970; `None` where the log does not state it in the form of the rules.
    pub started_at_milliseconds: Option<i64>,
    /// Samples of the sensors before its own.
    pub samples_before: usize,
    /// Seconds from its start until then: arguments, verification and decoding of the data set, machine record.
    pub dataset_seconds: f64,
    /// Seconds until the trainer had loaded libtorch and the data.
    pub trainer_start_seconds: f64,
    /// Seconds of the variant's warmup run.
    pub warmup_seconds: f64,
    /// Seconds of the reference's warmup run.
    pub reference_warmup_seconds: f64,
}

/// What the sensors said, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedSample {
    /// Seconds since the session's start.
    pub at_seconds: f64,
    /// What they said.
    pub sample: Sample,
}

/// One run as its lines tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedRun {
    /// Whose recipe it trained.
    pub arm: Arm,
    /// Number among the runs of its recipe, from 1.
    pub run: u32,
    /// Its seed.
    pub seed: Seed,
    /// The segment that it belongs to.
    pub segment: usize,
    /// Seconds since the session's start when it began.
    pub began_at_seconds: f64,
    /// Its epochs.
    pub epochs: Vec<Epoch>,
    /// Seconds since the session's start when the line of each epoch arrived.
    pub epochs_at_seconds: Vec<f64>,
    /// How it ended; `None` if the session was killed during it.
    pub stop: Option<RunStop>,
    /// Whether its process ended after its last epoch and before it could say how the run ended.
    pub is_cut_off: bool,
    /// Seconds from the run's first line to its last, by the clock of `hlb-bench`.
    pub supervised_seconds: f64,
}

impl RunLog {
    /// The runs of one recipe.
    pub fn runs_of(&self, arm: Arm) -> &[LoggedRun] {
        match arm {
            Arm::Variant => &self.runs,
            Arm::Reference => &self.reference,
        }
    }

    /// Both recipes' runs in the order in which they were run.
    pub fn in_order(&self) -> Vec<&LoggedRun> {
        let mut all: Vec<&LoggedRun> = self.runs.iter().chain(&self.reference).collect();
        all.sort_by(|a, b| a.began_at_seconds.total_cmp(&b.began_at_seconds));
        all
    }

    /// The runs of one recipe whose process ended before they did, once for each time: those that were run again, and those
    /// that had trained their last epoch.
    pub fn interrupted(&self, arm: Arm) -> impl Iterator<Item = &LoggedRun> {
        let again = self.abandoned.iter().filter(move |run| run.arm == arm);
        again.chain(self.runs_of(arm).iter().filter(|run| run.is_cut_off))
    }

    /// Samples of the sensors by process.
    pub fn samples_by_segment(&self) -> impl Iterator<Item = (&Segment, &[TimedSample])> {
        let end = |next: usize| self.segments.get(next).map_or(self.samples.len(), |next| next.samples_before);
        let samples = move |index: usize, segment: &Segment| self.samples.get(segment.samples_before..end(index + 1));
        self.segments
            .iter()
            .enumerate()
            .map(move |(index, segment)| (segment, samples(index, segment).unwrap_or_default()))
    }

    /// Whether both programs saw every run last equally long, and the C library's clock told the kernel's time wherever the
    /// log has both.
    pub fn clocks_agree(&self) -> bool {
        let agree = |(at, library): (f64, Option<f64>)| {
            library.is_none_or(|library| (library - at).abs() <= CLOCK_TOLERANCE_SECONDS)
        };
        self.runs.iter().chain(&self.reference).all(LoggedRun::clocks_agree) && self.library_clock().all(agree)
    }

    /// The session's seconds by the kernel's clock and by the C library's, at each sample and at each end of a run that is a
    /// line of the log.
    pub fn library_clock(&self) -> impl Iterator<Item = (f64, Option<f64>)> {
        let samples = self.samples.iter().map(|timed| (timed.at_seconds, timed.sample.host.library_clock_seconds));
        self.stops.iter().copied().chain(samples)
    }
}

impl LoggedRun {
    /// Whether it came to its own end, so that it need not be run again.
    pub fn is_finished(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.outcome != Outcome::Interrupted)
    }

    /// Ends it with its last epoch; what no phase is known to have taken is booked to setup.
    pub(super) fn cut_off(&mut self, met: bool) {
        let (Some(last), Some(at_seconds)) = (self.epochs.last(), self.epochs_at_seconds.last()) else { return };
        let (train_seconds, evaluate_seconds) = (last.train_seconds, last.evaluate_seconds);
        let supervised = at_seconds - self.began_at_seconds;
        let setup_seconds = (supervised - train_seconds - evaluate_seconds).max(0.0);
        let phases = PhaseSeconds { setup_seconds, train_seconds, evaluate_seconds, log_seconds: 0.0 };
        let wall_seconds = setup_seconds + train_seconds + evaluate_seconds;
        let outcome = if met { Outcome::Reached } else { Outcome::Missed };
        let reason = Some("its process ended after the last epoch".to_owned());
        self.stop = Some(RunStop { run: self.run, outcome, reason, phases, wall_seconds, library_clock_seconds: None });
        (self.is_cut_off, self.supervised_seconds) = (true, supervised);
    }

    /// The trainer does not time a run that it did not end itself.
    fn clocks_agree(&self) -> bool {
        let Some(stop) = &self.stop else { return true };
        !self.is_finished() || (stop.wall_seconds - self.supervised_seconds).abs() <= slack(self.supervised_seconds)
    }
}

/// Seconds that the clocks of two processes may differ by over a run of so many seconds.
pub(super) fn slack(seconds: f64) -> f64 {
    CLOCK_TOLERANCE_SECONDS + CLOCK_TOLERANCE_SHARE * seconds
}
