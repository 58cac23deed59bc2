//! Learning-rate schedules: pure functions from the step to a share of the peak rate.

use serde::{Deserialize, Serialize};

/// A schedule, shared by all parameter groups; the peak rates are the groups' own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Straight up to the peak, straight down to the end: `OneCycleLR` with `anneal_strategy="linear"`, momentum untouched.
    OneCycleLinear {
        /// Share of all steps at which the peak lies, above 0 and below 1.
        peak: f64,
        /// First rate as a share of the peak rate, 0 to 1.
        start: f64,
        /// Last rate as a share of the peak rate, 0 to 1.
        end: f64,
    },
}

impl Schedule {
    /// The rate of update `step` (counted from 0) of `steps`, as a share of the peak rate.
    ///
    /// As in PyTorch the peak lies at `peak * steps - 1`, in general not a whole step.
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
    pub fn factor(self, step: u64, steps: u64) -> f64 {
        let Self::OneCycleLinear { peak, start, end } = self;
        let (step, steps) = (step as f64, steps as f64);
        let top = peak * steps - 1.0;
        if step <= top && top > 0.0 {
            start + (1.0 - start) * step / top
        } else {
            let fall = (steps - 1.0 - top).max(f64::MIN_POSITIVE);
            1.0 + (end - 1.0) * ((step - top) / fall).clamp(0.0, 1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORK: Schedule = Schedule::OneCycleLinear { peak: 0.15, start: 1e-16, end: 1e-24 };

    /// The published schedule of the seed: 225 steps, peak at 32.75, both ends practically zero, sum of shares 112.0.
    #[test]
    fn the_published_schedule_is_met() {
        assert!(FORK.factor(0, 225) < 1e-15);
        assert!(FORK.factor(224, 225) < 1e-15);
        assert!((FORK.factor(32, 225) - 32.0 / 32.75).abs() < 1e-12);
        assert!((FORK.factor(33, 225) - (1.0 - 0.25 / 191.25)).abs() < 1e-12);
        let sum: f64 = (0..225).map(|step| FORK.factor(step, 225)).sum();
        assert!((sum - 112.0).abs() < 0.01, "{sum}");
    }

    proptest! {
        #[test]
        fn shares_stay_between_zero_and_one(peak in 0.01_f64..0.99, steps in 1_u64..2000, at in 0.0_f64..1.0) {
            let schedule = Schedule::OneCycleLinear { peak, start: 0.0, end: 0.0 };
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a small product")]
            let step = (at * steps as f64) as u64;
            let factor = schedule.factor(step, steps);
            prop_assert!((0.0..=1.0).contains(&factor), "{factor}");
        }

        #[test]
        fn a_schedule_has_no_jumps(peak in 0.05_f64..0.95, steps in 100_u64..2000, step in 0_u64..99) {
            let schedule = Schedule::OneCycleLinear { peak, start: 0.0, end: 0.0 };
            let jump = (schedule.factor(step + 1, steps) - schedule.factor(step, steps)).abs();
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let slope = 1.0 / ((peak.min(1.0 - peak) * steps as f64) - 1.0);
            prop_assert!(jump <= slope * 1.0001);
        }
    }
}
