//! What sensors and clocks say against a row. The bounds are in `docs/reference/rules.md`.

use crate::derive::basis::Basis;
use crate::derive::calibration::Drift;
use crate::derive::energy;
use crate::derive::telemetry::{in_runs, spread, throttled_share};
use crate::derive::warning::Warning;
use hlb_core::rules::{
    CLOCK_STEP_SECONDS, CPU_LIMITED_SHARE, FREQUENCY_DRIFT_SHARE, OTHER_CPU_PERCENT, THROTTLED_SHARE,
};
use hlb_core::units::DeviceKind;
use hlb_machine::{Gpu, Sample, ThrottleReason};
use hlb_protocol::run_log::{RunLog, TimedSample};

pub(super) fn of(basis: Basis, drift: Option<&Drift>) -> Vec<Warning> {
    let samples = in_runs(basis.log);
    let mut found = Vec::new();
    if let Some(index) = energy::trained_gpu(basis) {
        found.extend(throttled(&samples, index));
        found.extend(other_processes(&samples, index));
        found.extend(basis.machine.gpus.get(index).into_iter().flat_map(of_record));
    }
    found.extend(host_under_load(&samples));
    found.extend(fewer_cpus(basis));
    found.extend(cpu_limited(&samples));
    found.extend(frequency_drift(basis, &samples));
    found.extend(
        drift
            .filter(|drift| drift.is_notable())
            .map(|drift| Warning::SpeedDrift { second_half_over_first: drift.second_half_over_first.value }),
    );
    found.extend(swap(&samples));
    found.extend(clock_stepped(basis.log));
    found.extend(resumed(basis.log));
    found
}

fn throttled(samples: &[&TimedSample], index: usize) -> Option<Warning> {
    let share = throttled_share(samples, index).filter(|share| *share > THROTTLED_SHARE)?;
    let of_sample = |timed: &&TimedSample| timed.sample.gpus.get(index)?.throttle_reasons.clone();
    let mut reasons: Vec<ThrottleReason> =
        samples.iter().filter_map(of_sample).flatten().filter(|reason| reason.is_throttling()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    Some(Warning::Throttled { share, reasons })
}

fn other_processes(samples: &[&TimedSample], index: usize) -> Option<Warning> {
    let counts = samples.iter().filter_map(|timed| timed.sample.gpus.get(index)?.other_processes);
    counts.max().filter(|most| *most > 0).map(|processes| Warning::OtherGpuProcess { processes })
}

fn of_record(gpu: &Gpu) -> Vec<Warning> {
    let limits = gpu.power_limit_milliwatts.zip(gpu.default_power_limit_milliwatts);
    let limited = limits.filter(|(limit, default)| limit < default).map(|(limit_milliwatts, default_milliwatts)| {
        Warning::PowerLimitBelowDefault { limit_milliwatts, default_milliwatts }
    });
    let mig = gpu.mig_enabled.filter(|enabled| *enabled).map(|_| Warning::Mig);
    limited.into_iter().chain(mig).collect()
}

fn host_under_load(samples: &[&TimedSample]) -> Option<Warning> {
    let other_cpu_percent = spread(samples, |sample| sample.host.other_cpu_percent).median?;
    (other_cpu_percent > OTHER_CPU_PERCENT).then_some(Warning::HostUnderLoad { other_cpu_percent })
}

fn fewer_cpus(basis: Basis) -> Option<Warning> {
    let trainer = basis.log.trainer.as_ref().filter(|trainer| trainer.device == DeviceKind::Cpu)?;
    let host = &basis.machine.host;
    let there = u64::from(host.logical_cpus) * 1000;
    let millicpus = host.cpu_limit_millicpus.map_or(there, |limit| limit.min(there));
    let threads = trainer.threads;
    (millicpus < u64::from(threads) * 1000).then_some(Warning::FewerCpusThanThreads { threads, millicpus })
}

#[expect(clippy::cast_precision_loss, reason = "2^52 microseconds are a century")]
fn cpu_limited(samples: &[&TimedSample]) -> Option<Warning> {
    let readings: Vec<(f64, u64)> = samples
        .iter()
        .filter_map(|timed| Some((timed.at_seconds, timed.sample.host.cpu_limited_microseconds?)))
        .collect();
    let (first, last) = (readings.first()?, readings.last()?);
    let seconds = last.1.saturating_sub(first.1) as f64 / 1e6;
    (seconds > CPU_LIMITED_SHARE * (last.0 - first.0)).then_some(Warning::CpuLimited { seconds })
}

fn frequency_drift(basis: Basis, samples: &[&TimedSample]) -> Option<Warning> {
    let trained = energy::trained_gpu(basis);
    let clock = |sample: &Sample| match trained {
        Some(index) => sample.gpus.get(index)?.sm_clock_mhz.map(f64::from),
        None => sample.host.frequency_mhz.map(f64::from),
    };
    let (first, second) = samples.split_at(samples.len() / 2);
    let (first_half_mhz, second_half_mhz) = (spread(first, clock).median?, spread(second, clock).median?);
    let drifted = (second_half_mhz / first_half_mhz - 1.0).abs() > FREQUENCY_DRIFT_SHARE;
    drifted.then_some(Warning::FrequencyDrift { first_half_mhz, second_half_mhz })
}

fn swap(samples: &[&TimedSample]) -> Option<Warning> {
    let most = samples.iter().filter_map(|timed| timed.sample.host.swap_used_bytes).max();
    most.filter(|bytes| *bytes > 0).map(|bytes| Warning::SwapInUse { bytes })
}

/// The largest step of the calendar against the monotonic clock between two samples of one process. Between two processes
/// of a resumed session there is a gap, which does not count.
#[expect(clippy::cast_precision_loss, reason = "2^52 milliseconds are a long time")]
fn clock_stepped(log: &RunLog) -> Option<Warning> {
    let step = |pair: &[TimedSample]| {
        let passed = pair[1].at_seconds - pair[0].at_seconds;
        let calendar = |timed: &TimedSample| timed.sample.host.system_clock_milliseconds;
        let shown = calendar(&pair[1]).saturating_sub(calendar(&pair[0])) as f64 / 1e3;
        shown - passed
    };
    let steps = log.samples_by_segment().flat_map(|(_, samples)| samples.windows(2)).map(step);
    let largest = steps.max_by(|a, b| a.abs().total_cmp(&b.abs()))?;
    (largest.abs() > CLOCK_STEP_SECONDS).then_some(Warning::ClockStepped { seconds: largest })
}

fn resumed(log: &RunLog) -> Option<Warning> {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let times = count(log.segments.len() - 1);
    (times > 0).then(|| Warning::Resumed { times, abandoned_runs: count(log.abandoned.len()) })
}
