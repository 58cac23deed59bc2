//! Exponential averaging of weights, biases and running statistics over the last epochs.
//!
//! *Why:* the average of the last steps lies closer to the middle of the valley than any single one. In v0.4.0 it is an
//! observer: training never sees it. Whether it is the one evaluated is a switch of the recipe.

use crate::torch::State;
use hlb_bench::recipe::Average;

/// The average so far.
#[derive(Debug)]
pub(crate) struct Averager {
    settings: Average,
    first_step: u64,
    average: Option<State>,
}

impl Averager {
    /// An average that begins `settings.epochs` epochs before the end of `epochs`.
    pub(crate) fn new(settings: Average, epochs: u32, steps_per_epoch: u32) -> Self {
        let first_step = u64::from(epochs - settings.epochs) * u64::from(steps_per_epoch);
        Self { settings, first_step, average: None }
    }

    /// Takes `state` after update number `step` (counted from 1) into the average, where it is due.
    pub(crate) fn observe(&mut self, step: u64, state: &State) {
        if step <= self.first_step || !step.is_multiple_of(u64::from(self.settings.every_steps)) {
            return;
        }
        let Some(average) = &mut self.average else {
            self.average = Some(state.frozen_copy());
            return;
        };
        let kept = self.settings.decay.powf(f64::from(self.settings.every_steps));
        let _ = average.weights.lerp_(&state.weights, 1.0 - kept);
        let _ = average.biases.lerp_(&state.biases, 1.0 - kept);
        let _ = average.stats.lerp_(&state.stats, 1.0 - kept);
    }

    /// The average, once it has begun, to look at.
    pub(crate) fn so_far(&self) -> Option<&State> {
        self.average.as_ref()
    }

    /// The average, once it has begun.
    pub(crate) fn average(&mut self) -> Option<&mut State> {
        self.average.as_mut()
    }
}
