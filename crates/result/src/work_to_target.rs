//! How much training it took to reach the target, in figures that depend on no hardware.

use crate::entry::Entry;
use hlb_core::stats::Spread;
use hlb_data::arrays::ArrayShapes;
use hlb_data::flops::training_flop;
use hlb_protocol::run_log::Arm;
use hlb_recipe::Recipe;

/// Optimizer steps and operations until the target was first met: medians over all runs, a miss counting as more than any.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorkToTarget {
    /// Optimizer steps; `None` where the median run did not reach, as below.
    pub steps: Option<f64>,
    /// Floating-point operations of training, forward and backward, counted from the recipe.
    pub flop: Option<f64>,
}

impl WorkToTarget {
    /// Counts it from the run log.
    pub fn of(entry: &Entry) -> Self {
        let runs = entry.result.derived.runs.iter().zip(entry.log.runs_of(Arm::Variant));
        let steps = runs.map(|(figures, run)| {
            let first = figures.first_reached_epoch?;
            run.epochs.iter().find(|epoch| epoch.epoch == first).map(|epoch| epoch.step)
        });
        Self::of_steps(&steps.collect::<Vec<_>>(), &entry.recipe, entry.task.shapes)
    }

    /// Of runs that took so many steps each; a miss is `None`.
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
    fn of_steps(steps: &[Option<u64>], recipe: &Recipe, shapes: ArrayShapes) -> Self {
        let median = |figure: &dyn Fn(u64) -> f64| {
            Spread::of(&steps.iter().map(|steps| steps.map(figure)).collect::<Vec<_>>()).median
        };
        Self { steps: median(&|steps| steps as f64), flop: median(&|steps| training_flop(recipe, shapes, steps)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hlb_recipe::variant;

    const SHAPES: ArrayShapes =
        ArrayShapes { train: 5000, evaluation: 2000, height: 32, width: 32, channels: 3, classes: 10 };

    fn of(steps: &[Option<u64>]) -> WorkToTarget {
        WorkToTarget::of_steps(steps, &variant::shipped("hlb-shapes").expect("a shipped recipe"), SHAPES)
    }

    #[test]
    fn a_miss_counts_as_more_than_any() {
        assert_eq!(of(&[Some(30), None, Some(10)]).steps, Some(30.0));
        assert_eq!(of(&[Some(30), None, None]), WorkToTarget { steps: None, flop: None });
        assert_eq!(of(&[]), WorkToTarget { steps: None, flop: None });
    }

    #[test]
    fn operations_are_those_of_the_median_run() {
        let (one, twice) = (of(&[Some(10); 3]), of(&[Some(20), Some(10), Some(90)]));
        assert_eq!((one.steps, twice.steps), (Some(10.0), Some(20.0)));
        let (one, twice) = (one.flop.expect("reached"), twice.flop.expect("reached"));
        assert!(one > 0.0 && (twice / one - 2.0).abs() < 1e-12, "{one} {twice}");
    }
}
