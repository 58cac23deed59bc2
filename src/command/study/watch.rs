//! A run as the trainer tells it: what of it goes into the log.

use crate::command::study::progress::Progress;
use crate::run_log::{Event, LogLine, Outcome, RunStop};
use crate::session::Observer;
use crate::study::EpochRecord;

/// Keeps what the log needs of one run, and shows it.
pub(super) struct Watch<'a> {
    progress: &'a mut Progress,
    epochs: Vec<EpochRecord>,
    stop: Option<RunStop>,
}

/// What came of a run.
pub(super) struct Ending {
    pub(super) epochs: Vec<EpochRecord>,
    pub(super) stop: RunStop,
}

impl<'a> Watch<'a> {
    pub(super) fn new(progress: &'a mut Progress) -> Self {
        Self { progress, epochs: Vec::new(), stop: None }
    }

    /// The run's end. Where the trainer never told of one, `reason` says why.
    pub(super) fn end(self, run: u32, reason: String) -> Ending {
        let lost = || RunStop {
            run,
            outcome: Outcome::Interrupted,
            reason: Some(reason),
            phases: crate::clock::PhaseSeconds::default(),
            wall_seconds: 0.0,
        };
        Ending { epochs: self.epochs, stop: self.stop.unwrap_or_else(lost) }
    }
}

impl Observer for Watch<'_> {
    fn event(&mut self, line: &LogLine) {
        match &line.event {
            Event::Epoch(epoch) => {
                self.epochs.push(EpochRecord::from(epoch));
                self.progress.epoch(epoch);
            }
            Event::RunStop(stop) => self.stop = Some(stop.clone()),
            Event::TrainerStart(trainer) => self.progress.trainer(trainer),
            _ => {}
        }
    }
}
