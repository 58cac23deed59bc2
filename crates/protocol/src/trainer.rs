//! The interface between the protocol, which owns the clock, and a trainer, which owns the tensors.

use crate::run_log::Shortcut;
use hlb_core::seed::Seed;
use hlb_core::units::Accuracy;

/// Training failed; the text says how.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TrainError(pub String);

/// The bits of a model, as a digest of each tensor by its name.
pub type Fingerprint = Vec<(String, u64)>;

/// Trains one model at a time. Nothing here reads a clock or decides when to evaluate.
pub trait Trainer {
    /// Drops the last model and builds a fresh one from `seed`. Must not touch training data.
    fn reset(&mut self, seed: Seed) -> Result<(), TrainError>;

    /// Trains until `step` optimizer steps are done; the mean loss per image since the last call.
    fn train_until(&mut self, step: u64) -> Result<f64, TrainError>;

    /// Counts correct images over the whole evaluation split.
    fn evaluate(&mut self) -> Result<Accuracy, TrainError>;

    /// Returns when the device has finished everything it was given.
    fn synchronize(&mut self);

    /// A few steps and an evaluation on meaningless labels, to warm kernels and allocator. The caller resets afterwards.
    ///
    /// What is not the plain way to compute a step is held against it, and used from then on if both give the same.
    fn warm_up(&mut self, seed: Seed) -> Result<Vec<Shortcut>, TrainError>;

    /// The exact bits of every tensor of the model, by name; empty before the first [`Trainer::reset`].
    fn fingerprint(&self) -> Fingerprint;
}
