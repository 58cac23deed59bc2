//! The interface through which a study reports, and what is kept of each run.

use crate::plan::{PlannedRun, StudyPlan};
use crate::record::{EpochRecord, RunRecord};
use crate::records::Records;
use hlb_core::clock::PhaseSeconds;
use hlb_protocol::run_log::{Event, LogLine, Outcome, RunStop};
use hlb_session::Observer;

/// Receives what happens in a study: what an [`Observer`] of a session does, and where each run begins and ends.
pub trait StudyObserver: Observer {
    /// Called once, before the first of the missing runs.
    fn begin_study(&mut self, _plan: &StudyPlan, _records: &Records) {}

    /// Called before each run.
    fn begin_run(&mut self, _plan: &StudyPlan, _run: PlannedRun) {}

    /// Called after each run.
    fn end_run(&mut self, _run: PlannedRun, _record: &RunRecord) {}
}

/// Keeps the epochs and the end of one run for the study's log.
pub(super) struct RunObserver<'a> {
    observer: &'a mut dyn StudyObserver,
    epochs: Vec<EpochRecord>,
    stop: Option<RunStop>,
}

impl<'a> RunObserver<'a> {
    pub(super) fn new(observer: &'a mut dyn StudyObserver) -> Self {
        Self { observer, epochs: Vec::new(), stop: None }
    }

    /// The run's epochs and its end; `reason` is that of a run whose end the trainer did not report.
    pub(super) fn end(self, run: u32, reason: String) -> (Vec<EpochRecord>, RunStop) {
        let lost = || RunStop {
            run,
            outcome: Outcome::Interrupted,
            reason: Some(reason),
            phases: PhaseSeconds::default(),
            wall_seconds: 0.0,
            library_clock_seconds: None,
        };
        (self.epochs, self.stop.unwrap_or_else(lost))
    }
}

impl Observer for RunObserver<'_> {
    fn event(&mut self, line: &LogLine) {
        match &line.event {
            Event::Epoch(epoch) => self.epochs.push(EpochRecord::from(epoch)),
            Event::RunStop(stop) => self.stop = Some(stop.clone()),
            _ => {}
        }
        self.observer.event(line);
    }
}
