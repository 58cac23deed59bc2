//! Figures over all runs of the variant.

use serde::{Deserialize, Serialize};

use crate::derive::basis::Basis;
use crate::derive::energy::{self, EnergyMethod};
use crate::derive::run_figures::{NearbyTimes, RunFigures};
use hlb_core::stats::{
    Interval, Spread, mean_and_deviation, median_interval, p_mean_over_target, rounded_up_p, wilson,
};
use hlb_core::units::Accuracy;
use hlb_machine::price::{Cost, cost};

/// Figures over all runs. A run that did not reach counts as slower than any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Runs begun.
    pub runs: u32,
    /// Runs that reached the target.
    pub reached: u32,
    /// The share that would reach, 0 to 1: Wilson's 95 % interval.
    pub reached_share_interval: Option<Interval>,
    /// Time-to-accuracy: timed seconds of training until the target was first met.
    pub time_to_accuracy_seconds: Spread,
    /// 95 % bootstrap interval of its median.
    pub median_interval_seconds: Interval,
    /// Seconds from process start until then, by median.
    pub end_to_end_seconds: Option<f64>,
    /// Cost of the median time-to-accuracy; `null` where the price is unknown or the median run did not reach.
    pub cost: Option<Cost>,
    /// Energy until the target was first met.
    pub energy: EnergySummary,
    /// Median seconds to targets near the track's.
    pub nearby: NearbyTimes,
    /// Mean of the final accuracies in percent; `null` if a run has none.
    pub mean_final_accuracy_percent: Option<f64>,
    /// Their sample standard deviation in percentage points.
    pub final_accuracy_deviation_points: Option<f64>,
    /// One-sided p-value (t-test) of the mean final accuracy being over the target, rounded up to four decimals.
    pub p_mean_over_target: Option<f64>,
    /// Median seconds per step, over the epochs that each run finished.
    pub seconds_per_step: Option<f64>,
}

/// Energy from the start of a run until the target was first met, evaluations included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnergySummary {
    /// Median energy of the GPU in joules; `null` where it is unknown or the median run did not reach.
    pub gpu_joules: Option<f64>,
    /// How it was measured; `null` where it was not.
    pub gpu_method: Option<EnergyMethod>,
    /// Why it was not.
    pub gpu_unknown: Option<String>,
    /// Median energy of the processor's packages in joules, from their counters (RAPL).
    pub cpu_joules: Option<f64>,
    /// Why it is unknown.
    pub cpu_unknown: Option<String>,
}

/// Median over runs; a missing figure counts as larger than any.
pub(super) fn median(runs: &[RunFigures], figure: impl Fn(&RunFigures) -> Option<f64>) -> Option<f64> {
    Spread::of(&runs.iter().map(figure).collect::<Vec<_>>()).median
}

/// Time-to-accuracy of each run in seconds; `None` for a run that missed the target.
pub(crate) fn times(runs: &[RunFigures]) -> Vec<Option<f64>> {
    runs.iter().map(|run| run.time_to_accuracy_seconds).collect()
}

pub(super) fn summarize(runs: &[RunFigures], basis: Basis) -> Summary {
    let times = times(runs);
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let (total, reached) = (count(runs.len()), count(times.iter().flatten().count()));
    let spread = Spread::of(&times);
    // A mean over some of the runs would flatter: it takes all or is unknown.
    let finals: Option<Vec<Accuracy>> = runs.iter().map(|run| run.final_accuracy).collect();
    let finals = finals.unwrap_or_default();
    let shares: Vec<f64> = finals.iter().map(|accuracy| accuracy.share()).collect();
    let (mean, deviation) = mean_and_deviation(&shares);
    Summary {
        runs: total,
        reached,
        reached_share_interval: wilson(reached, total),
        time_to_accuracy_seconds: spread,
        median_interval_seconds: median_interval(&times),
        end_to_end_seconds: median(runs, |run| run.end_to_end_seconds),
        cost: spread.median.zip(basis.price).map(|(seconds, price)| cost(seconds, price)),
        energy: energy_summary(runs, basis),
        nearby: NearbyTimes {
            minus_0_5_points: median(runs, |run| run.nearby.minus_0_5_points),
            minus_0_2_points: median(runs, |run| run.nearby.minus_0_2_points),
            plus_0_2_points: median(runs, |run| run.nearby.plus_0_2_points),
            plus_0_5_points: median(runs, |run| run.nearby.plus_0_5_points),
        },
        mean_final_accuracy_percent: mean.map(|mean| 100.0 * mean),
        final_accuracy_deviation_points: deviation.map(|deviation| 100.0 * deviation),
        p_mean_over_target: p_mean_over_target(&finals, basis.log.start.target).map(rounded_up_p),
        seconds_per_step: median(runs, RunFigures::seconds_per_step),
    }
}

fn energy_summary(runs: &[RunFigures], basis: Basis) -> EnergySummary {
    EnergySummary {
        gpu_joules: median(runs, |run| run.gpu_energy_joules),
        gpu_method: energy::method(basis),
        gpu_unknown: energy::gpu_unknown(basis),
        cpu_joules: median(runs, |run| run.cpu_energy_joules),
        cpu_unknown: energy::cpu_unknown(basis.log),
    }
}
