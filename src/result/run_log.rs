//! A session as its run log tells it. Reading one refuses lines that do not add up; see [`RunLog::parse`].

use std::str;

use serde::{Deserialize, Serialize};

use crate::hardware::Sample;
use crate::hint::Hint;
use crate::repeat::Divergence;
use crate::result::log_reader::Reader;
use crate::seed::Seed;
use crate::wire::{Arm, Epoch, Outcome, RunStop, SessionStart, TrainerStart, whole_lines};
use crate::yaml::ByteCap;

/// Format of the run logs that this program writes and reads.
pub const LOG_SCHEMA: &str = "hlb-bench/run-log/v1";

/// The largest run log read, in bytes.
pub const LOG_CAP: ByteCap = ByteCap(32 * 1024 * 1024);

/// A session as its run log tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunLog {
    /// What the session set out to do.
    pub start: SessionStart,
    /// What the trainer ran on; `None` if it never started.
    pub trainer: Option<TrainerStart>,
    /// Each process that held a part of the session; one, unless it was resumed.
    pub stretches: Vec<Stretch>,
    /// Whether one seed trained twice gave the same model, where that was asked for.
    pub repeat: Option<Repeat>,
    /// The runs of the variant, in order.
    pub runs: Vec<LoggedRun>,
    /// The runs of the reference, where the session is calibrated.
    pub reference: Vec<LoggedRun>,
    /// Runs that a process left behind and a later one held again with the same seed.
    pub abandoned: Vec<LoggedRun>,
    /// What the sensors said.
    pub samples: Vec<TimedSample>,
    /// Why the session ended; `None` if it was killed.
    pub stop_reason: Option<String>,
    /// Seconds from the session's start to the last line.
    pub wall_seconds: f64,
}

/// A process that held a part of the session.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stretch {
    /// Seconds on the session's clock when it took over.
    pub began_at_seconds: f64,
    /// Seconds from its start until then: arguments, verification and decoding of the data set, machine record.
    pub dataset_seconds: f64,
    /// Seconds until the trainer had loaded libtorch and the data.
    pub trainer_start_seconds: f64,
    /// Seconds of the variant's warmup run.
    pub warmup_seconds: f64,
    /// Seconds of the reference's warmup run.
    pub reference_warmup_seconds: f64,
}

/// What came of training one seed twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Updates compared.
    pub steps: u64,
    /// Where the two parted first; `null` if they were bit-identical to the end.
    pub parted: Option<Divergence>,
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
    /// Which process held it.
    pub stretch: usize,
    /// Seconds since the session's start when it began.
    pub began_at_seconds: f64,
    /// Its epochs.
    pub epochs: Vec<Epoch>,
    /// Seconds since the session's start when the line of each epoch arrived.
    pub epochs_at_seconds: Vec<f64>,
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

impl Hint for RunLogError {}

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

    /// The same for a log that may end in the middle of a line, as that of a killed session does: read up to its last full
    /// one.
    pub fn parse_unfinished(bytes: &[u8]) -> Result<Self, RunLogError> {
        Self::parse(whole_lines(bytes))
    }

    /// The runs of one recipe.
    pub fn runs_of(&self, arm: Arm) -> &[LoggedRun] {
        match arm {
            Arm::Variant => &self.runs,
            Arm::Reference => &self.reference,
        }
    }

    /// Both recipes' runs in the order in which they were held.
    pub fn in_order(&self) -> Vec<&LoggedRun> {
        let mut all: Vec<&LoggedRun> = self.runs.iter().chain(&self.reference).collect();
        all.sort_by(|a, b| a.began_at_seconds.total_cmp(&b.began_at_seconds));
        all
    }

    /// Whether both programs saw every run last equally long.
    pub fn clocks_agree(&self) -> bool {
        self.runs.iter().chain(&self.reference).all(LoggedRun::clocks_agree)
    }
}

impl LoggedRun {
    /// Whether it came to an end of its own, so that it need not be held again.
    pub fn is_finished(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.outcome != Outcome::Interrupted)
    }

    /// The trainer does not time a run that it did not end itself.
    fn clocks_agree(&self) -> bool {
        let Some(stop) = &self.stop else { return true };
        !self.is_finished() || (stop.wall_seconds - self.supervised_seconds).abs() <= slack(self.supervised_seconds)
    }
}

/// What the clocks of two processes may part by: a line can arrive late, and clocks tick differently by a little.
pub(super) fn slack(seconds: f64) -> f64 {
    0.05 + 0.005 * seconds
}
