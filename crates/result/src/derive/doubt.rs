//! Warnings of figures that do not fit each other, as those of a session that was made up do. The bounds are in
//! `docs/reference/rules.md`.

use std::collections::BTreeMap;

use crate::derive::basis::Basis;
use crate::derive::telemetry::{in_runs, spread};
use crate::derive::warning::Warning;
use hlb_core::rules::{
    CALENDAR_DRIFT_SHARE, CLOCK_STEP_SECONDS, EVALUATION_FACTOR, IDLE_CPU_SHARE, MAX_CPU_PERCENT, MIN_CPU_SAMPLES,
    MIN_CURVE_EPOCHS, MIN_EVALUATION_SECONDS, SILENT_INTERVALS,
};
use hlb_data::flops::Work;
use hlb_machine::price::Origin;
use hlb_protocol::run_log::{Arm, LoggedRun, RunLog, TimedSample};

/// Seconds after which the sensors are read half as often.
const SECONDS_PER_INTERVAL: f64 = 3600.0;

/// Warnings of a session.
pub(super) fn of(basis: Basis) -> Vec<Warning> {
    let samples = in_runs(basis.log);
    let mut found = Vec::new();
    found.extend(few_samples(basis.log, &samples));
    found.extend(impossible_cpu_share(basis, &samples));
    found.extend(calendar_drift(basis.log));
    found.extend(unlikely_evaluation(basis));
    found.extend([Arm::Variant, Arm::Reference].into_iter().find_map(|arm| equal_accuracies(basis.log.runs_of(arm))));
    found.extend(is_never_wrong(basis.log).then_some(Warning::NeverWrong));
    found.extend(price_of_other_machine(basis));
    found
}

/// Too few samples in one run, or in all of them.
fn few_samples(log: &RunLog, samples: &[&TimedSample]) -> Option<Warning> {
    let within = |run: &LoggedRun| {
        let span = run.began_at_seconds..=run.began_at_seconds + run.supervised_seconds;
        samples.iter().filter(|timed| span.contains(&timed.at_seconds)).count()
    };
    let intervals = |run: &LoggedRun| least_intervals(run.began_at_seconds, run.supervised_seconds);
    let runs = log.in_order();
    let warning = |count: usize, seconds: f64| Warning::FewSamples { samples: count32(count), seconds };
    let silent = runs.iter().find(|run| is_silent(within(run), intervals(run)));
    if let Some(run) = silent {
        return Some(warning(within(run), run.supervised_seconds));
    }
    let all = is_silent(samples.len(), runs.iter().map(|run| intervals(run)).sum());
    all.then(|| warning(samples.len(), runs.iter().map(|run| run.supervised_seconds).sum()))
}

/// Intervals of the sensors in a run, at least: they double, first after an hour, and are longest at its end.
fn least_intervals(began_at_seconds: f64, seconds: f64) -> f64 {
    seconds / (1.0 + (began_at_seconds + seconds) / SECONDS_PER_INTERVAL)
}

fn is_silent(count: usize, intervals: f64) -> bool {
    intervals > SILENT_INTERVALS * (real(count) + 1.0)
}

fn count32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far fewer than 2^52")]
fn real(count: usize) -> f64 {
    count as f64
}

/// More than all processors, or nearly nothing while they trained.
fn impossible_cpu_share(basis: Basis, samples: &[&TimedSample]) -> Option<Warning> {
    let shares = || basis.log.samples.iter().filter_map(|timed| timed.sample.host.cpu_percent);
    if let Some(percent) = shares().find(|percent| !(0.0..=MAX_CPU_PERCENT).contains(percent)) {
        return Some(Warning::ImpossibleCpuShare { percent });
    }
    let percent = spread(samples, |sample| sample.host.cpu_percent).median?;
    let least = 100.0 * IDLE_CPU_SHARE / f64::from(basis.machine.host.logical_cpus.max(1));
    let idle = !basis.is_on_gpu() && samples.len() >= MIN_CPU_SAMPLES && percent < least;
    idle.then_some(Warning::ImpossibleCpuShare { percent })
}

/// The calendar against the monotonic clock over each process, the steps left out that have a warning of their own.
#[expect(clippy::cast_precision_loss, reason = "2^52 milliseconds are a long time")]
fn calendar_drift(log: &RunLog) -> Option<Warning> {
    let calendar = |timed: &TimedSample| timed.sample.host.system_clock_milliseconds;
    log.samples_by_segment().find_map(|(_, samples)| {
        let passed = |pair: &[TimedSample]| pair[1].at_seconds - pair[0].at_seconds;
        let shown = |pair: &[TimedSample]| calendar(&pair[1]).saturating_sub(calendar(&pair[0])) as f64 / 1e3;
        let small = || samples.windows(2).filter(|pair| (shown(pair) - passed(pair)).abs() <= CLOCK_STEP_SECONDS);
        let (calendar_seconds, seconds): (f64, f64) = (small().map(shown).sum(), small().map(passed).sum());
        let allowed = CLOCK_STEP_SECONDS + CALENDAR_DRIFT_SHARE * seconds;
        let drifts = (calendar_seconds - seconds).abs() > allowed;
        drifts.then_some(Warning::CalendarDrift { calendar_seconds, seconds })
    })
}

/// Operations a second of evaluation against those of training, over all runs of the variant.
#[expect(clippy::cast_precision_loss, reason = "counts are far fewer than 2^52")]
fn unlikely_evaluation(basis: Basis) -> Option<Warning> {
    let work = Work::of(basis.recipe, basis.shapes);
    let (mut trained, mut evaluated) = ((0.0, 0.0), (0.0, 0.0));
    for run in &basis.log.runs {
        let Some(last) = run.epochs.last() else { continue };
        let trained_images = last.step as f64 * f64::from(basis.recipe.batch_size);
        let evaluated_images = real(run.epochs.len()) * f64::from(basis.shapes.evaluation);
        trained = (trained.0 + trained_images, trained.1 + last.train_seconds);
        evaluated = (evaluated.0 + evaluated_images, evaluated.1 + last.evaluate_seconds);
    }
    let rate = work.training_flop_per_image as f64 * trained.0 / trained.1;
    let operations = work.evaluation_flop_per_image as f64 * evaluated.0;
    let long = trained.1 >= MIN_EVALUATION_SECONDS && operations / rate >= MIN_EVALUATION_SECONDS;
    let ratio = operations / evaluated.1 / rate;
    let unlikely = !(1.0 / EVALUATION_FACTOR..=EVALUATION_FACTOR).contains(&ratio);
    (long && unlikely).then_some(Warning::UnlikelyEvaluation { evaluation_over_training: ratio })
}

fn equal_accuracies(runs: &[LoggedRun]) -> Option<Warning> {
    let mut first: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
    for run in runs.iter().filter(|run| run.epochs.len() >= MIN_CURVE_EPOCHS) {
        let counts: Vec<u32> = run.epochs.iter().map(|epoch| epoch.accuracy.correct).collect();
        // A network that never learns keeps the accuracy of chance.
        let is_flat = counts.windows(2).all(|pair| pair[0] == pair[1]);
        if !is_flat && let Some(other) = first.insert(counts, run.run) {
            return Some(Warning::EqualAccuracies { runs: [other, run.run] });
        }
    }
    None
}

fn is_never_wrong(log: &RunLog) -> bool {
    let mut all = log.runs.iter().flat_map(|run| &run.epochs).map(|epoch| epoch.accuracy).peekable();
    all.peek().is_some() && all.all(|accuracy| accuracy.correct == accuracy.total)
}

/// The price's GPUs, such as `8x H100 80GB`, against those of the machine. A price of one's own need not name them.
fn price_of_other_machine(basis: Basis) -> Option<Warning> {
    let (price, gpus) = (basis.price?, &basis.machine.gpus);
    let priced = match &price.gpus {
        None if price.origin != Origin::Shipped => return None,
        None => gpus.is_empty(),
        Some(words) => {
            let (count, model) = words.as_str().split_once("x ")?;
            let model = model.split_whitespace().next()?;
            let is_named = |name: &str| name.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == model);
            let count = count.parse::<usize>().ok()?;
            // Some drivers do not say a name.
            count == gpus.len() && gpus.iter().filter_map(|gpu| gpu.name.as_deref()).all(is_named)
        }
    };
    (!priced).then(|| Warning::PriceOfOtherMachine { priced: price.gpus.clone(), gpus: count32(gpus.len()) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Seconds at which the sensors are read: every second for 3600 samples, then half as often for as many, and so on.
    fn readings() -> impl Iterator<Item = f64> {
        (0_i32..9).flat_map(|doubled| {
            let (interval, hours) = (2_f64.powi(doubled), 2_f64.powi(doubled) - 1.0);
            (0..3600).map(move |index| 3600.0 * hours + interval * f64::from(index))
        })
    }

    fn is_silent_when_sampled(began_at_seconds: f64, seconds: f64, is_lost: impl Fn(usize) -> bool) -> bool {
        let within = readings().filter(|at| (began_at_seconds..=began_at_seconds + seconds).contains(at));
        let count = within.enumerate().filter(|(index, _)| !is_lost(*index)).count();
        is_silent(count, least_intervals(began_at_seconds, seconds))
    }

    #[test]
    fn a_run_of_a_day_is_not_silent_and_one_without_samples_is() {
        assert!(!is_silent_when_sampled(0.0, 86_400.0, |_| false));
        assert!(is_silent_when_sampled(0.0, 86_400.0, |_| true));
        assert!(is_silent_when_sampled(3600.0, 600.0, |index| index % 20 > 0));
    }

    proptest! {
        #[test]
        fn no_run_of_working_sensors_is_silent(began in 0.0..400_000.0, seconds in 1.0..300_000.0) {
            prop_assert!(!is_silent_when_sampled(began, seconds, |_| false));
        }
    }
}
