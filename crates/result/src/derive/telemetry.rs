//! What the sensors said during runs.

use serde::{Deserialize, Serialize};

use crate::derive::basis::Basis;
use crate::derive::energy;
use hlb_core::stats::Spread;
use hlb_machine::{GpuSample, HostSample, Sample, ThrottleReason};
use hlb_protocol::run_log::{RunLog, TimedSample};

/// What the sensors said during runs. An order statistic is `null` where no sample has a value; the run log says why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetrySummary {
    /// Samples taken during runs.
    pub samples: u32,
    /// Busy share of all processors in percent.
    pub cpu_percent: Spread,
    /// The part of it that neither `hlb-bench` nor its trainer used.
    pub other_cpu_percent: Spread,
    /// Mean frequency of the processors in MHz.
    pub cpu_frequency_mhz: Spread,
    /// Load average over a minute.
    pub load_1m: Spread,
    /// Memory available, in bytes.
    pub memory_available_bytes: Spread,
    /// The GPU that trained; `null` where the processor did.
    pub gpu: Option<GpuTelemetry>,
}

/// What the GPU that trained said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuTelemetry {
    /// Its number among those of the machine's record, from 0.
    pub index: u32,
    /// Clock of the multiprocessors in MHz.
    pub sm_clock_mhz: Spread,
    /// Clock of the memory in MHz.
    pub memory_clock_mhz: Spread,
    /// Power in watts.
    pub power_watts: Spread,
    /// Temperature in degrees Celsius.
    pub temperature_celsius: Spread,
    /// Busy share in percent.
    pub utilization_percent: Spread,
    /// Memory in use in bytes.
    pub memory_used_bytes: Spread,
    /// Share of the samples, 0 to 1, with throttled clocks; `null` where the GPU does not say.
    pub throttled_share: Option<f64>,
}

/// Samples taken during a run.
pub(super) fn in_runs(log: &RunLog) -> Vec<&TimedSample> {
    let spans: Vec<(f64, f64)> = log
        .in_order()
        .iter()
        .map(|run| (run.began_at_seconds, run.began_at_seconds + run.supervised_seconds))
        .collect();
    let in_a_run = |timed: &&TimedSample| spans.iter().any(|(begin, end)| (*begin..=*end).contains(&timed.at_seconds));
    log.samples.iter().filter(in_a_run).collect()
}

/// Order statistics of the known values of a sensor.
pub(super) fn spread(samples: &[&TimedSample], value: impl Fn(&Sample) -> Option<f64>) -> Spread {
    Spread::of(&samples.iter().filter_map(|timed| value(&timed.sample)).map(Some).collect::<Vec<_>>())
}

#[expect(clippy::cast_precision_loss, reason = "2^52 bytes are more than any machine has")]
fn bytes(count: Option<u64>) -> Option<f64> {
    count.map(|count| count as f64)
}

pub(super) fn summarize(basis: Basis) -> TelemetrySummary {
    let samples = in_runs(basis.log);
    let host = |value: fn(&HostSample) -> Option<f64>| spread(&samples, |sample| value(&sample.host));
    TelemetrySummary {
        samples: u32::try_from(samples.len()).unwrap_or(u32::MAX),
        cpu_percent: host(|host| host.cpu_percent),
        other_cpu_percent: host(|host| host.other_cpu_percent),
        cpu_frequency_mhz: host(|host| host.frequency_mhz.map(f64::from)),
        load_1m: host(|host| host.load_1m),
        memory_available_bytes: host(|host| bytes(host.memory_available_bytes)),
        gpu: energy::trained_gpu(basis).map(|index| of_gpu(&samples, index)),
    }
}

fn of_gpu(samples: &[&TimedSample], index: usize) -> GpuTelemetry {
    let gpu = |value: fn(&GpuSample) -> Option<f64>| spread(samples, |sample| sample.gpus.get(index).and_then(value));
    GpuTelemetry {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        sm_clock_mhz: gpu(|gpu| gpu.sm_clock_mhz.map(f64::from)),
        memory_clock_mhz: gpu(|gpu| gpu.memory_clock_mhz.map(f64::from)),
        power_watts: gpu(|gpu| gpu.power_milliwatts.map(|milliwatts| f64::from(milliwatts) / 1e3)),
        temperature_celsius: gpu(|gpu| gpu.temperature_celsius.map(f64::from)),
        utilization_percent: gpu(|gpu| gpu.utilization_percent.map(f64::from)),
        memory_used_bytes: gpu(|gpu| bytes(gpu.memory_used_bytes)),
        throttled_share: throttled_share(samples, index),
    }
}

/// Share of the samples with throttled clocks of a GPU; `None` where it never says.
#[expect(clippy::cast_precision_loss, reason = "a session has far fewer than 2^52 samples")]
pub(super) fn throttled_share(samples: &[&TimedSample], index: usize) -> Option<f64> {
    let reasons: Vec<&Vec<ThrottleReason>> =
        samples.iter().filter_map(|timed| timed.sample.gpus.get(index)?.throttle_reasons.as_ref()).collect();
    let throttled = reasons.iter().filter(|reasons| reasons.iter().copied().any(ThrottleReason::is_throttling)).count();
    (!reasons.is_empty()).then(|| throttled as f64 / reasons.len() as f64)
}
