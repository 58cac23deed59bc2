//! Figures of one run.

use serde::{Deserialize, Serialize};

use crate::derive::basis::Basis;
use crate::derive::energy;
use hlb_core::seed::Seed;
use hlb_core::units::{Accuracy, Target};
use hlb_protocol::run_log::{Arm, Epoch, LoggedRun, Outcome, RunLog};

/// Figures of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFigures {
    /// Number of the run, from 1.
    pub run: u32,
    /// Seed of the weights, the order of the data and the augmentation.
    pub seed: Seed,
    /// Whether it reached the target, missed it, diverged or was interrupted.
    pub outcome: Outcome,
    /// Why, where the outcome alone does not say it.
    pub reason: Option<String>,
    /// Timed seconds until the target was first met.
    pub time_to_accuracy_seconds: Option<f64>,
    /// Seconds from process start until then, as if this were the session's only run.
    pub end_to_end_seconds: Option<f64>,
    /// Epoch whose evaluation first met the target.
    pub first_reached_epoch: Option<u32>,
    /// Whether every evaluation from then on met it; `null` if the target was not met.
    pub sustained: Option<bool>,
    /// Accuracy of the last evaluation of a run that came to the end of its schedule.
    pub final_accuracy: Option<Accuracy>,
    /// Most correct images of any evaluation.
    pub best_accuracy: Option<Accuracy>,
    /// Epochs that were trained and evaluated.
    pub epochs: u32,
    /// Optimizer steps of these epochs.
    pub steps: u64,
    /// Seconds of training over the whole run.
    pub train_seconds: f64,
    /// Seconds of evaluation over the whole run.
    pub evaluate_seconds: f64,
    /// Energy of the GPU from the run's start until the target was first met, evaluations included.
    pub gpu_energy_joules: Option<f64>,
    /// Energy of the processor's packages, likewise.
    pub cpu_energy_joules: Option<f64>,
    /// Seconds of training until targets near the track's.
    pub nearby: NearbyTimes,
}

/// Seconds of training until targets near the track's were first met.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearbyTimes {
    /// Half a point under the target.
    pub minus_0_5_points: Option<f64>,
    /// A fifth of a point under.
    pub minus_0_2_points: Option<f64>,
    /// A fifth of a point over.
    pub plus_0_2_points: Option<f64>,
    /// Half a point over.
    pub plus_0_5_points: Option<f64>,
}

impl RunFigures {
    /// Seconds per step over the whole run; `None` where no epoch was finished.
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
    pub fn seconds_per_step(&self) -> Option<f64> {
        (self.steps > 0).then(|| self.train_seconds / self.steps as f64)
    }
}

/// Figures of each run of one recipe.
pub(super) fn of_arm(basis: Basis, arm: Arm) -> Vec<RunFigures> {
    basis.log.runs_of(arm).iter().map(|run| figures(run, basis)).collect()
}

fn figures(run: &LoggedRun, basis: Basis) -> RunFigures {
    let log = basis.log;
    let target = log.start.target;
    let first = run.epochs.iter().position(|epoch| target.is_met_by(epoch.accuracy));
    let outcome = run.stop.as_ref().map_or(Outcome::Interrupted, |stop| stop.outcome);
    let finished = matches!(outcome, Outcome::Reached | Outcome::Missed);
    let whole = finished && !log.start.stop_at_target;
    let reached = if outcome == Outcome::Reached { first } else { None };
    let at = |index: usize| &run.epochs[index];
    let killed = || Some("the session was killed".to_owned());
    let span = reached.map(|index| (run.began_at_seconds, run.epochs_at_seconds[index]));
    RunFigures {
        run: run.run,
        seed: run.seed,
        outcome,
        reason: run.stop.as_ref().map_or_else(killed, |stop| stop.reason.clone()),
        time_to_accuracy_seconds: reached.map(|index| at(index).train_seconds),
        end_to_end_seconds: reached.map(|index| end_to_end(log, run, index)),
        first_reached_epoch: reached.map(|index| at(index).epoch),
        sustained: reached.map(|index| run.epochs[index..].iter().all(|epoch| target.is_met_by(epoch.accuracy))),
        final_accuracy: run.epochs.last().filter(|_| whole).map(|epoch| epoch.accuracy),
        best_accuracy: run.epochs.iter().map(|epoch| epoch.accuracy).max_by_key(|accuracy| accuracy.correct),
        epochs: run.epochs.last().map_or(0, |epoch| epoch.epoch),
        steps: run.epochs.last().map_or(0, |epoch| epoch.step),
        train_seconds: run.epochs.last().map_or(0.0, |epoch| epoch.train_seconds),
        evaluate_seconds: run.epochs.last().map_or(0.0, |epoch| epoch.evaluate_seconds),
        gpu_energy_joules: span.and_then(|span| energy::gpu_joules(basis, span)),
        cpu_energy_joules: span.and_then(|span| energy::cpu_joules(log, span)),
        nearby: nearby(if finished { &run.epochs } else { &[] }, target),
    }
}

/// Start of both programs, data, warmup run and the model, then training and evaluation up to the crossing.
fn end_to_end(log: &RunLog, run: &LoggedRun, index: usize) -> f64 {
    let (epoch, segment) = (&run.epochs[index], &log.segments[run.segment]);
    let setup = run.stop.as_ref().map_or(0.0, |stop| stop.phases.setup_seconds);
    let warmup = match run.arm {
        Arm::Variant => segment.warmup_seconds,
        Arm::Reference => segment.reference_warmup_seconds,
    };
    let before = segment.dataset_seconds + segment.trainer_start_seconds + warmup + setup;
    before + epoch.train_seconds + epoch.evaluate_seconds
}

fn nearby(epochs: &[Epoch], target: Target) -> NearbyTimes {
    let first = |tenths: i32| {
        let met = epochs.iter().find(|epoch| target.is_met_with_offset(epoch.accuracy, tenths));
        met.map(|epoch| epoch.train_seconds)
    };
    NearbyTimes {
        minus_0_5_points: first(-5),
        minus_0_2_points: first(-2),
        plus_0_2_points: first(2),
        plus_0_5_points: first(5),
    }
}
