//! The ratio to the paired reference: across hosts it is the figure to trust.

use serde::{Deserialize, Serialize};

use crate::derive::run_figures::RunFigures;
use crate::derive::summary::times;
use hlb_core::rules::{MIN_DRIFT_RUNS, SIGNIFICANCE, SPEED_DRIFT_SHARE};
use hlb_core::stats::{Estimate, Spread, mann_whitney, paired_ratio, ratio_of_medians, rounded_up_p};
use hlb_protocol::run_log::{LoggedRun, RunLog};

/// The variant against the reference, run in turn with it on the same machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The reference's time-to-accuracy.
    pub reference_seconds: Spread,
    /// Runs of the reference that reached the target.
    pub reference_reached: u32,
    /// Median time-to-accuracy of the variant over that of the reference, with its 95 % bootstrap interval; under 1 is
    /// faster. `null` where either median run did not reach.
    pub time_ratio: Option<Estimate>,
    /// Two-sided p-value (Mann-Whitney) of the two times being of one and the same recipe, rounded up to four decimals.
    pub p_same_time: Option<f64>,
    /// Seconds per step of the variant over those of the reference's run paired with it: geometric mean over the pairs of runs, with
    /// its 95 % interval.
    pub step_ratio: Option<Estimate>,
    /// Each run of the reference.
    pub runs: Vec<RunFigures>,
}

/// How the machine's speed changed over the session.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Seconds per step in the second half of the runs over those in the first half, by medians, each run taken
    /// relative to the median of its recipe, with a 95 % bootstrap interval.
    pub second_half_over_first: Estimate,
    /// Two-sided p-value (Mann-Whitney) of the halves being equally fast, rounded up to four decimals.
    pub p_same_speed: Option<f64>,
}

impl Drift {
    /// Whether the halves differ significantly and by more than the rules allow.
    pub(crate) fn is_notable(&self) -> bool {
        let beyond_chance = self.p_same_speed.is_some_and(|p| p < SIGNIFICANCE);
        beyond_chance && (self.second_half_over_first.value - 1.0).abs() > SPEED_DRIFT_SHARE
    }
}

pub(super) fn of(variant: &[RunFigures], reference: Vec<RunFigures>) -> Calibration {
    let (ours, theirs) = (times(variant), times(&reference));
    let pairs: Vec<(f64, f64)> =
        variant.iter().zip(&reference).filter_map(|(a, b)| a.seconds_per_step().zip(b.seconds_per_step())).collect();
    Calibration {
        reference_seconds: Spread::of(&theirs),
        reference_reached: u32::try_from(theirs.iter().flatten().count()).unwrap_or(u32::MAX),
        time_ratio: ratio_of_medians(&ours, &theirs),
        p_same_time: mann_whitney(&ours, &theirs).map(|test| rounded_up_p(test.p_two_sided)),
        step_ratio: paired_ratio(&pairs),
        runs: reference,
    }
}

/// Seconds per step of a run.
#[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
fn pace(run: &LoggedRun) -> Option<f64> {
    run.epochs.last().map(|epoch| epoch.train_seconds / epoch.step as f64)
}

/// Drift over the session; `None` with fewer than four runs.
pub(super) fn drift(log: &RunLog) -> Option<Drift> {
    let typical = |runs: &[LoggedRun]| Spread::of(&runs.iter().filter_map(pace).map(Some).collect::<Vec<_>>()).median;
    let relative = |run: &&LoggedRun| Some(pace(run)? / typical(log.runs_of(run.arm))?);
    let paces: Vec<Option<f64>> = log.in_order().iter().filter_map(relative).map(Some).collect();
    if paces.len() < MIN_DRIFT_RUNS {
        return None;
    }
    let (first, second) = paces.split_at(paces.len() / 2);
    let p_same_speed = mann_whitney(second, first).map(|test| rounded_up_p(test.p_two_sided));
    ratio_of_medians(second, first).map(|second_half_over_first| Drift { second_half_over_first, p_same_speed })
}
