//! Times as they compare across hosts: over the times of the reference that ran in turn with them.

use crate::derive::times;
use crate::file::ResultFile;

impl ResultFile {
    /// Each run's time over that of the reference run paired with it; `None` in it for a run that missed the target.
    ///
    /// `None` without a reference, or where one of its runs missed: nothing is relative to a miss.
    pub fn ratios(&self) -> Option<Vec<Option<f64>>> {
        let reference: Option<Vec<f64>> = self.reference_times()?.into_iter().collect();
        let ratio = |(time, reference): (Option<f64>, f64)| time.map(|time| time / reference);
        Some(self.times().into_iter().zip(reference?).map(ratio).collect())
    }

    /// Time-to-accuracy of each run of the paired reference; `None` without one.
    fn reference_times(&self) -> Option<Vec<Option<f64>>> {
        Some(times(&self.derived.calibration.as_ref()?.runs))
    }
}
