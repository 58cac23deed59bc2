//! FLOPs, throughput and MFU: the share of the device's peak that training reached.

use std::slice;

use serde::{Deserialize, Serialize};

use crate::derive::basis::Basis;
use hlb_data::flops::{self, Work};
use hlb_machine::{Gpu, peak};

/// FLOPs and throughput, against the peak of the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effort {
    /// Floating-point operations of training one image, forward and backward, counted from the recipe.
    pub training_flop_per_image: u64,
    /// Those of evaluating one image.
    pub evaluation_flop_per_image: u64,
    /// Floating-point operations a second while training, by the median run.
    pub flop_per_second: Option<f64>,
    /// What the GPU could do at most in this number format; `null` for processors and for GPUs that are not in the table.
    pub peak_flop_per_second: Option<f64>,
    /// MFU: the share of that peak that was reached, 0 to 1.
    pub share_of_peak: Option<f64>,
}

/// The peak of a GPU in the number format that was trained in.
fn peak_of(gpu: &Gpu, basis: Basis) -> Option<f64> {
    let format = basis.log.trainer.as_ref()?.precision;
    Some(peak::peak(gpu.name.as_deref()?, format)?.flop_per_second)
}

/// Operations a second that nothing in this machine exceeds. Where it is unknown which GPU trained, it may be the fastest.
fn most_flop_per_second(basis: Basis) -> Option<f64> {
    let machine = basis.machine;
    if !basis.is_on_gpu() {
        let format = basis.log.trainer.as_ref()?.precision;
        return Some(peak::cpu_bound(machine.host.logical_cpus, format));
    }
    let candidates = machine.trained().map_or(machine.gpus.as_slice(), slice::from_ref);
    candidates.iter().filter_map(|gpu| peak_of(gpu, basis)).max_by(f64::total_cmp)
}

pub(super) fn of(basis: Basis, seconds_per_step: Option<f64>) -> Effort {
    let work = Work::of(basis.recipe, basis.shapes);
    #[expect(clippy::cast_precision_loss, reason = "a step has far fewer than 2^52 operations times 1000")]
    let step_flop = work.training_flop_per_image as f64 * f64::from(basis.recipe.batch_size);
    let flop_per_second = seconds_per_step.map(|seconds| step_flop / seconds);
    let peak = basis.machine.trained().filter(|_| basis.is_on_gpu()).and_then(|gpu| peak_of(gpu, basis));
    Effort {
        training_flop_per_image: work.training_flop_per_image,
        evaluation_flop_per_image: work.evaluation_flop_per_image,
        flop_per_second,
        peak_flop_per_second: peak,
        share_of_peak: flop_per_second.zip(peak).map(|(reached, peak)| reached / peak),
    }
}

/// Seconds that no device of this kind can undercut for each epoch of the basis's recipe; `None` where its peak is not known.
pub(crate) fn floor_seconds_of_epochs(basis: Basis) -> Option<Vec<f64>> {
    let bound = most_flop_per_second(basis)?;
    let least = flops::least_training_flop_of_epochs(basis.recipe, basis.shapes);
    Some(least.into_iter().map(|flop| peak::floor_seconds(flop, bound)).collect())
}
