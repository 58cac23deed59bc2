//! How long what is missing will take: from runs that ended, never from a guess.

use crate::plan::{PlannedRun, PlannedVariant, StudyPlan};
use crate::records::Records;

/// Seconds of a run of each variant, as far as runs have ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimator {
    variants: Vec<Pace>,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Pace {
    epochs: u32,
    seconds: f64,
    runs: u32,
}

impl Estimator {
    /// Nothing has run yet.
    pub fn new(plan: &StudyPlan) -> Self {
        let pace = |variant: &PlannedVariant| Pace { epochs: variant.length.epochs, ..Pace::default() };
        Self { variants: plan.variants.iter().map(pace).collect() }
    }

    /// What the runs of a log took.
    pub fn of(plan: &StudyPlan, records: &Records) -> Self {
        let mut estimator = Self::new(plan);
        for run in records.runs.iter().filter(|run| run.is_whole()) {
            if let Some(variant) = plan.variant_index(&run.variant) {
                estimator.add(variant, run.process_seconds);
            }
        }
        estimator
    }

    /// A run came to the end of its schedule.
    pub fn add(&mut self, variant: usize, process_seconds: f64) {
        self.variants[variant].seconds += process_seconds;
        self.variants[variant].runs += 1;
    }

    /// Seconds of one run; that of a variant of which none has ended is taken to be as long, epoch for epoch, as the others. `None`
    /// before any run has ended.
    pub fn run_seconds(&self, variant: usize) -> Option<f64> {
        let pace = self.variants[variant];
        if pace.runs > 0 {
            return Some(pace.seconds / f64::from(pace.runs));
        }
        let (seconds, epochs) = self.variants.iter().fold((0.0, 0.0), |(seconds, epochs), pace| {
            (seconds + pace.seconds, epochs + f64::from(pace.runs) * f64::from(pace.epochs))
        });
        (epochs > 0.0).then(|| seconds / epochs * f64::from(pace.epochs))
    }

    /// Seconds of all these runs; `None` before any run has ended.
    pub fn seconds_of(&self, runs: &[PlannedRun]) -> Option<f64> {
        runs.iter().map(|planned| self.run_seconds(planned.variant)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::plan;

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
