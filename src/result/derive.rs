//! What follows from a run log: every figure of a result. One function computes it for the one who submits and for the one who verifies.

use serde::{Deserialize, Serialize};

use crate::price::Price;
use crate::result::run_log::{LoggedRun, RunLog, slack};
use crate::seed::Seed;
use crate::stats::{Spread, mean_and_deviation, p_mean_over};
use crate::units::{Accuracy, Target};
use crate::wire::{Epoch, Outcome};

/// Everything that follows from a run log and a price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Derived {
    /// Figures over all runs.
    pub summary: Summary,
    /// Where the session's seconds went.
    pub phases: Phases,
    /// Each run; none is left out.
    pub runs: Vec<RunFigures>,
}

/// Figures over all runs. A run that did not reach counts as slower than any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Runs begun.
    pub runs: u32,
    /// Runs that reached the target.
    pub reached: u32,
    /// Time-to-accuracy: timed seconds of training until the target was first met.
    pub time_to_accuracy_seconds: Spread,
    /// Seconds from process start until then, by median.
    pub end_to_end_seconds: Option<f64>,
    /// Cost of the median time-to-accuracy; `null` where the price is unknown or the median run did not reach.
    pub cost: Option<Cost>,
    /// Median seconds to targets near the track's.
    pub nearby: NearbyTimes,
    /// Mean of the final accuracies in percent; `null` if a run has none.
    pub mean_final_accuracy_percent: Option<f64>,
    /// Their sample standard deviation in percentage points.
    pub final_accuracy_deviation_points: Option<f64>,
    /// One-sided p-value (t-test) of the mean final accuracy being over the target, rounded up to four decimals.
    pub p_mean_over_target: Option<f64>,
    /// Median seconds of one update, over the epochs that each run finished.
    pub seconds_per_step: Option<f64>,
}

/// Cost of a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// US dollars.
    pub usd: f64,
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

/// Where the session's seconds went, from the start of the process to the last line of the run log.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phases {
    /// Verify, decode and hand over the data set; start of both programs.
    pub dataset_seconds: f64,
    /// Build the models.
    pub setup_seconds: f64,
    /// The warmup run.
    pub warmup_run_seconds: f64,
    /// Training.
    pub train_seconds: f64,
    /// Evaluation.
    pub evaluate_seconds: f64,
    /// Writing events inside runs.
    pub log_seconds: f64,
    /// Everything else.
    pub other_seconds: f64,
    /// All of it.
    pub wall_seconds: f64,
    /// Whether the trainer's clock and that of `hlb-bench` agree within 0.5 % on every run.
    pub clocks_agree: bool,
}

/// Figures of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFigures {
    /// Number, from 1.
    pub run: u32,
    /// Seed.
    pub seed: Seed,
    /// Outcome.
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
    /// Epochs trained.
    pub epochs: u32,
    /// Updates made.
    pub steps: u64,
    /// Seconds of training over the whole run.
    pub train_seconds: f64,
    /// Seconds of evaluation over the whole run.
    pub evaluate_seconds: f64,
    /// Seconds of training until targets near the track's.
    pub nearby: NearbyTimes,
}

/// Derives everything. The price is the session's, so that cost can be recomputed.
pub fn derive(log: &RunLog, price: Option<&Price>) -> Derived {
    let target = log.start.target;
    let runs: Vec<RunFigures> = (1..).zip(&log.runs).map(|(number, run)| figures(number, run, log)).collect();
    let summary = summarise(&runs, target, price);
    Derived { summary, phases: phases(log), runs }
}

fn figures(number: u32, run: &LoggedRun, log: &RunLog) -> RunFigures {
    let target = log.start.target;
    let first = run.epochs.iter().position(|epoch| target.is_met_by(epoch.accuracy));
    let outcome = run.stop.as_ref().map_or(Outcome::Interrupted, |stop| stop.outcome);
    let finished = matches!(outcome, Outcome::Reached | Outcome::Missed);
    let whole = finished && !log.start.stop_at_target;
    let reached = if outcome == Outcome::Reached { first } else { None };
    let at = |index: usize| &run.epochs[index];
    let killed = || Some("the session was killed".to_owned());
    RunFigures {
        run: number,
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
        nearby: nearby(if finished { &run.epochs } else { &[] }, target),
    }
}

/// Start of both programs, data, warmup run and the model, then training and evaluation up to the crossing.
fn end_to_end(log: &RunLog, run: &LoggedRun, index: usize) -> f64 {
    let epoch = &run.epochs[index];
    let setup = run.stop.as_ref().map_or(0.0, |stop| stop.phases.setup_seconds);
    let before = log.start.dataset_seconds + log.trainer_start_seconds + log.warmup_seconds + setup;
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

fn summarise(runs: &[RunFigures], target: Target, price: Option<&Price>) -> Summary {
    let median =
        |figure: &dyn Fn(&RunFigures) -> Option<f64>| Spread::of(&runs.iter().map(figure).collect::<Vec<_>>()).median;
    let times: Vec<Option<f64>> = runs.iter().map(|run| run.time_to_accuracy_seconds).collect();
    let spread = Spread::of(&times);
    let finals: Option<Vec<f64>> = runs.iter().map(|run| run.final_accuracy.map(Accuracy::share)).collect();
    let finals = finals.unwrap_or_default();
    let (mean, deviation) = mean_and_deviation(&finals);
    let per_hour = price.map(|price| price.usd_per_hour);
    Summary {
        runs: u32::try_from(runs.len()).unwrap_or(u32::MAX),
        reached: u32::try_from(times.iter().flatten().count()).unwrap_or(u32::MAX),
        time_to_accuracy_seconds: spread,
        end_to_end_seconds: median(&|run| run.end_to_end_seconds),
        cost: spread.median.zip(per_hour).map(|(seconds, per_hour)| Cost { usd: seconds / 3600.0 * per_hour }),
        nearby: NearbyTimes {
            minus_0_5_points: median(&|run| run.nearby.minus_0_5_points),
            minus_0_2_points: median(&|run| run.nearby.minus_0_2_points),
            plus_0_2_points: median(&|run| run.nearby.plus_0_2_points),
            plus_0_5_points: median(&|run| run.nearby.plus_0_5_points),
        },
        mean_final_accuracy_percent: mean.map(|mean| 100.0 * mean),
        final_accuracy_deviation_points: deviation.map(|deviation| 100.0 * deviation),
        p_mean_over_target: p_mean_over(&finals, target.share()).map(round_up),
        seconds_per_step: median(&seconds_per_step),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
fn seconds_per_step(run: &RunFigures) -> Option<f64> {
    (run.steps > 0).then(|| run.train_seconds / run.steps as f64)
}

/// Four decimals, never down: a p-value is stated no smaller than it is, and never as 0.
fn round_up(p: f64) -> f64 {
    (p * 10_000.0).ceil().clamp(1.0, 10_000.0) / 10_000.0
}

fn phases(log: &RunLog) -> Phases {
    let sum = |figure: &dyn Fn(&crate::wire::RunStop) -> f64| -> f64 {
        log.runs.iter().filter_map(|run| run.stop.as_ref()).map(figure).sum()
    };
    let dataset_seconds = log.start.dataset_seconds + log.trainer_start_seconds;
    let setup_seconds = sum(&|stop| stop.phases.setup_seconds);
    let train_seconds = sum(&|stop| stop.phases.train_seconds);
    let evaluate_seconds = sum(&|stop| stop.phases.evaluate_seconds);
    let log_seconds = sum(&|stop| stop.phases.log_seconds);
    let wall_seconds = log.start.dataset_seconds + log.wall_seconds;
    let booked = dataset_seconds + setup_seconds + log.warmup_seconds + train_seconds + evaluate_seconds + log_seconds;
    Phases {
        dataset_seconds,
        setup_seconds,
        warmup_run_seconds: log.warmup_seconds,
        train_seconds,
        evaluate_seconds,
        log_seconds,
        other_seconds: (wall_seconds - booked).max(0.0),
        wall_seconds,
        clocks_agree: log.runs.iter().all(clocks_agree),
    }
}

/// Whether the two programs saw the run last equally long. The trainer does not time a run that it did not end itself.
fn clocks_agree(run: &LoggedRun) -> bool {
    let Some(stop) = &run.stop else { return true };
    stop.outcome == Outcome::Interrupted
        || (stop.wall_seconds - run.supervised_seconds).abs() <= slack(run.supervised_seconds)
}
