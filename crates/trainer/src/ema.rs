//! Exponential moving average (EMA) of weights, biases and running statistics over the last epochs.
//!
//! *Why:* the average of the last steps is closer to the minimum than any single one. In hlb-CIFAR10 v0.4.0
//! training does not use it. Copied back it is Lookahead (Zhang 2019), whose decay airbench starts near 0
//! and raises with the third power of the step.

use tch::Tensor;

use crate::State;
use hlb_recipe::{Average, AverageStart};

/// An EMA of the model's state; copied back into the model it is Lookahead.
#[derive(Debug)]
pub(crate) struct Ema {
    settings: Average,
    steps: u64,
    steps_per_epoch: u32,
    average: Option<State>,
}

impl Ema {
    /// An average that covers the last `settings.epochs` epochs of so many `steps`.
    pub(crate) fn new(settings: Average, steps: u64, steps_per_epoch: u32) -> Self {
        Self { settings, steps, steps_per_epoch, average: None }
    }

    /// Begins the average with the untrained model, if that is what it begins with.
    pub(crate) fn observe_untrained(&mut self, state: &State) {
        if self.settings.begins == AverageStart::Untrained {
            self.average = Some(state.frozen_copy());
        }
    }

    /// Adds `state` after optimizer step `step` (counted from 1) to the average, where it is due. The average where it begins with it.
    pub(crate) fn observe(&mut self, step: u64, state: &mut State) -> Option<&mut State> {
        if !self.settings.is_due(step, self.steps, self.steps_per_epoch) {
            return None;
        }
        let Some(average) = &mut self.average else {
            return Some(self.average.insert(state.frozen_copy()));
        };
        blend(average, state, self.settings, 1.0 - self.settings.kept(step, self.steps));
        None
    }

    /// Does everything once that an update of the average does, for the warmup run.
    pub(crate) fn rehearse(&mut self, state: &mut State) {
        let average = self.average.get_or_insert_with(|| state.frozen_copy());
        blend(average, state, self.settings, 0.5);
    }

    /// The average, once it has begun.
    pub(crate) fn so_far(&self) -> Option<&State> {
        self.average.as_ref()
    }

    /// The average, once it has begun.
    pub(crate) fn so_far_mut(&mut self) -> Option<&mut State> {
        self.average.as_mut()
    }
}

/// Takes a share of `state` into the average; Lookahead then copies the average back.
fn blend(average: &mut State, state: &mut State, settings: Average, share: f64) {
    let _ = average.weights.lerp_(&state.weights, share);
    let _ = average.biases.lerp_(&state.biases, share);
    let _ = average.stats.lerp_(&state.stats, if settings.statistics { share } else { 1.0 });
    if let (Some(averaged), Some(bias)) = (&mut average.whitening_bias, &state.whitening_bias) {
        let _ = averaged.lerp_(bias, share);
    }
    // Filters that were fitted before the average began stay as they are.
    let untrained = settings.begins == AverageStart::Untrained;
    if let (true, Some(averaged), Some(filters)) = (untrained, &mut average.whitening, &mut state.whitening) {
        let _ = averaged.lerp_(filters, share);
        if settings.copy_back {
            filters.copy_(averaged);
        }
    }
    if settings.copy_back {
        look_ahead(average, state);
    }
}

fn look_ahead(average: &State, state: &mut State) {
    let copy = |into: &mut Tensor, from: &Tensor| into.copy_(from);
    copy(&mut state.weights, &average.weights);
    copy(&mut state.biases, &average.biases);
    copy(&mut state.stats, &average.stats);
    if let (Some(bias), Some(averaged)) = (&mut state.whitening_bias, &average.whitening_bias) {
        copy(bias, averaged);
    }
}
