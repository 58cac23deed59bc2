//! Who watches a study, and what is kept of a run that its trainer tells of.

use hlb_core::clock::PhaseSeconds;
use hlb_session::{Note, Observer};
use crate::plan::{PlannedRun, StudyPlan};
use crate::record::{EpochRecord, RunRecord};
use crate::records::Records;
use hlb_protocol::run_log::{Event, LogLine, Outcome, RunStop};

/// Sees a study as it happens. The study prints nothing.
pub trait StudyObserver {
    /// Told how far the data set is.
    fn data_set(&self) -> &dyn hlb_data::Watch {
        &()
    }

    /// Something worth knowing.
    fn note(&mut self, note: &Note) {
        let _ = note;
    }

    /// The runs begin that are missing from the records.
    fn begin(&mut self, plan: &StudyPlan, records: &Records) {
        let _ = (plan, records);
    }

    /// A run begins.
    fn begin_run(&mut self, plan: &StudyPlan, run: PlannedRun) {
        let _ = (plan, run);
    }

    /// The trainer of the current run told something.
    fn event(&mut self, event: &Event) {
        let _ = event;
    }

    /// The current run has ended.
    fn end_run(&mut self, run: PlannedRun, record: &RunRecord) {
        let _ = (run, record);
    }
}

/// Keeps what the study's log needs of one run.
pub(super) struct RunObserver<'a> {
    observer: &'a mut dyn StudyObserver,
    epochs: Vec<EpochRecord>,
    stop: Option<RunStop>,
}

impl<'a> RunObserver<'a> {
    pub(super) fn new(observer: &'a mut dyn StudyObserver) -> Self {
        Self { observer, epochs: Vec::new(), stop: None }
    }

    /// The run's epochs and its end. Where the trainer never told of one, `reason` says why.
    pub(super) fn end(self, run: u32, reason: String) -> (Vec<EpochRecord>, RunStop) {
        let lost = || RunStop {
            run,
            outcome: Outcome::Interrupted,
            reason: Some(reason),
            phases: PhaseSeconds::default(),
            wall_seconds: 0.0,
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
        self.observer.event(&line.event);
    }
}
