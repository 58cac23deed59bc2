//! Readings of the sensors at one time, as a session's log stores them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Readings of all sensors at one time. An unknown value is `null`, never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Processors, memory and control groups.
    pub host: HostSample,
    /// Each GPU, in the order of the machine's record.
    pub gpus: Vec<GpuSample>,
    /// Why a value is `null`, by key path such as `host.cpu_energy_microjoules` or `gpus[0].power_milliwatts`; only reasons
    /// that are new or changed since the last sample.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<String, String>,
}

/// What processors, memory and control groups say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSample {
    /// Busy share of all processors since the last sample in percent, with one decimal; time that a hypervisor took away is
    /// busy.
    pub cpu_percent: Option<f64>,
    /// The part of it that neither this process, nor its children that ended, nor the watched one used.
    pub other_cpu_percent: Option<f64>,
    /// Mean frequency of all processors in MHz, as the kernel tells it; under a hypervisor often a constant.
    pub frequency_mhz: Option<u32>,
    /// Load average over a minute.
    pub load_1m: Option<f64>,
    /// Memory that programs can still have, in bytes.
    pub memory_available_bytes: Option<u64>,
    /// Memory swapped out, of all programs, in bytes.
    pub swap_used_bytes: Option<u64>,
    /// Memory that the control groups allow, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// Memory of that limit in use in bytes, pages of files included.
    pub memory_of_limit_used_bytes: Option<u64>,
    /// Processors that the control groups allow, in thousandths of one.
    pub cpu_limit_millicpus: Option<u64>,
    /// Microseconds for which the control group was stopped because its share was used up, since it was made.
    pub cpu_limited_microseconds: Option<u64>,
    /// Energy of the processors' packages since sampling began, in microjoules.
    pub cpu_energy_microjoules: Option<u64>,
    /// Calendar time in milliseconds since 1970: against the monotonic time of the log it shows when the clock was set.
    pub system_clock_milliseconds: i64,
    /// Processor time that this process, its children that ended, and the watched one have used, in milliseconds, by the
    /// kernel's ticks. Absent in older logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_cpu_milliseconds: Option<u64>,
    /// Seconds since the session's start by the C library's clock, which a preloaded library can replace; `at_seconds` is
    /// the kernel's. Whoever keeps the log sets it. Absent in older logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library_clock_seconds: Option<f64>,
}

/// What one GPU says. No key may be left out, so that a short line is not the readings of many GPUs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpuSample {
    /// Clock of the multiprocessors in MHz.
    #[serde(deserialize_with = "Option::deserialize")]
    pub sm_clock_mhz: Option<u32>,
    /// Clock of the memory in MHz.
    #[serde(deserialize_with = "Option::deserialize")]
    pub memory_clock_mhz: Option<u32>,
    /// Power in milliwatts; recent GPUs tell the mean of the last second.
    #[serde(deserialize_with = "Option::deserialize")]
    pub power_milliwatts: Option<u32>,
    /// Temperature in degrees Celsius.
    #[serde(deserialize_with = "Option::deserialize")]
    pub temperature_celsius: Option<u32>,
    /// Share of the driver's last sampling period in which anything ran, in percent.
    #[serde(deserialize_with = "Option::deserialize")]
    pub utilization_percent: Option<u32>,
    /// Memory in use in bytes.
    #[serde(deserialize_with = "Option::deserialize")]
    pub memory_used_bytes: Option<u64>,
    /// Energy since the driver was loaded, in millijoules.
    #[serde(deserialize_with = "Option::deserialize")]
    pub energy_millijoules: Option<u64>,
    /// What holds the clocks where they are, in the order of NVML's bits; empty where nothing does.
    #[serde(deserialize_with = "Option::deserialize")]
    pub throttle_reasons: Option<Vec<ThrottleReason>>,
    /// Processes that compute on the GPU and are neither this one nor the watched one.
    #[serde(deserialize_with = "Option::deserialize")]
    pub other_processes: Option<u32>,
}

/// What holds a GPU's clocks where they are. Source: `nvmlClocksEventReason` in `nvml.h` of NVML 13.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThrottleReason {
    /// Nothing runs.
    GpuIdle,
    /// The user's setting of the clocks.
    ApplicationsClocksSetting,
    /// The power limit.
    SwPowerCap,
    /// The hardware, for heat or power.
    HwSlowdown,
    /// Another GPU that runs in step with this one.
    SyncBoost,
    /// The driver, for heat.
    SwThermalSlowdown,
    /// The hardware, for heat.
    HwThermalSlowdown,
    /// The power supply.
    HwPowerBrakeSlowdown,
    /// The setting of the display's clocks.
    DisplayClockSetting,
    /// A reason that is not known here.
    Other,
}

impl Sample {
    /// What counts up, and the clocks. The rest is the state of a moment, or a mean since the sample before: at the ends of a
    /// run it is half of the idle machine.
    #[must_use]
    pub fn counters(self) -> Self {
        let HostSample {
            cpu_limited_microseconds,
            cpu_energy_microjoules,
            system_clock_milliseconds,
            own_cpu_milliseconds,
            library_clock_seconds,
            ..
        } = self.host;
        let counter = |gpu: GpuSample| GpuSample { energy_millijoules: gpu.energy_millijoules, ..GpuSample::default() };
        Self {
            host: HostSample {
                cpu_limited_microseconds,
                cpu_energy_microjoules,
                system_clock_milliseconds,
                own_cpu_milliseconds,
                library_clock_seconds,
                ..HostSample::default()
            },
            gpus: self.gpus.into_iter().map(counter).collect(),
            unknown: self.unknown,
        }
    }

    /// Whether it says no more than [`Sample::counters`] leaves.
    pub fn is_of_counters(&self) -> bool {
        self.clone().counters() == *self
    }
}

impl ThrottleReason {
    /// Whether it holds the clocks down against the owner's settings.
    pub fn is_throttling(self) -> bool {
        !matches!(self, Self::GpuIdle | Self::ApplicationsClocksSetting)
    }
}

impl fmt::Display for ThrottleReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::GpuIdle => "idle",
            Self::ApplicationsClocksSetting => "clocks set by the user",
            Self::SwPowerCap => "power limit",
            Self::HwSlowdown => "hardware slowdown",
            Self::SyncBoost => "in step with another GPU",
            Self::SwThermalSlowdown => "heat, by the driver",
            Self::HwThermalSlowdown => "heat, by the hardware",
            Self::HwPowerBrakeSlowdown => "power supply",
            Self::DisplayClockSetting => "display clocks",
            Self::Other => "a reason that is not known here",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reading of counters says less than a whole sample, and is told apart from one.
    #[test]
    fn counters_are_told_apart_from_a_whole_sample() {
        let mut sampler = crate::Sampler::open(|| 1);
        let whole = sampler.sample();
        assert!(!whole.is_of_counters());
        let counters = whole.clone().counters();
        assert!(counters.is_of_counters() && counters.host.load_1m.is_none());
        assert_eq!(counters.host.own_cpu_milliseconds, whole.host.own_cpu_milliseconds);
        let gpu = GpuSample { energy_millijoules: Some(7), power_milliwatts: Some(1), ..GpuSample::default() };
        let kept = Sample { gpus: vec![gpu], ..whole }.counters().gpus;
        assert_eq!((kept[0].energy_millijoules, kept[0].power_milliwatts), (Some(7), None));
    }
}
