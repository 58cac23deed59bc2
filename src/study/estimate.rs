//! How long what is missing will take: from runs that ended, never from a guess.

use crate::study::plan::{Plan, Slot};
use crate::study::records::Records;

/// Seconds of a run of each variant, as far as runs have ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimator {
    lanes: Vec<Pace>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Pace {
    epochs: u32,
    seconds: f64,
    runs: u32,
}

impl Estimator {
    /// Nothing has run yet.
    pub fn new(plan: &Plan) -> Self {
        let pace = |lane: &crate::study::Lane| Pace { epochs: lane.course.epochs, ..Pace::default() };
        Self { lanes: plan.lanes.iter().map(pace).collect() }
    }

    /// What the runs of a log took.
    pub fn of(plan: &Plan, records: &Records) -> Self {
        let mut estimator = Self::new(plan);
        for run in records.runs.iter().filter(|run| run.is_whole()) {
            if let Some(lane) = plan.lane_of(&run.variant) {
                estimator.add(lane, run.process_seconds);
            }
        }
        estimator
    }

    /// A run came to the end of its schedule.
    pub fn add(&mut self, lane: usize, process_seconds: f64) {
        self.lanes[lane].seconds += process_seconds;
        self.lanes[lane].runs += 1;
    }

    /// Seconds of one run; that of a variant of which none has ended is taken to be as long, epoch for epoch, as the others. `None`
    /// before any run has ended.
    pub fn run_seconds(&self, lane: usize) -> Option<f64> {
        let pace = self.lanes[lane];
        if pace.runs > 0 {
            return Some(pace.seconds / f64::from(pace.runs));
        }
        let (seconds, epochs) = self.lanes.iter().fold((0.0, 0.0), |(seconds, epochs), pace| {
            (seconds + pace.seconds, epochs + f64::from(pace.runs) * f64::from(pace.epochs))
        });
        (epochs > 0.0).then(|| seconds / epochs * f64::from(pace.epochs))
    }

    /// Seconds of all these runs; `None` before any run has ended.
    pub fn seconds_of(&self, slots: &[Slot]) -> Option<f64> {
        slots.iter().map(|slot| self.run_seconds(slot.lane)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::plan::tests::plan;

    #[test]
    fn runs_that_ended_say_how_long_the_others_take() {
        let (plan, order) = (plan(), plan().order().collect::<Vec<_>>());
        let mut estimator = Estimator::new(&plan);
        assert_eq!(estimator.seconds_of(&order), None);
        estimator.add(0, 10.0);
        assert_eq!(estimator.seconds_of(&order[1..]), Some(50.0));
        estimator.add(1, 20.0);
        assert_eq!(estimator.seconds_of(&order[2..]), Some(60.0));
        assert_eq!(estimator.seconds_of(&[]), Some(0.0));
    }
}
