//! Samples all sensors of the machine. They are opened once; then a sample takes a fraction of a millisecond.
//!
//! Sampling never fails: a value that cannot be read is `null`, with the reason.

use std::collections::BTreeMap;

use crate::cgroup::ControlGroups;
use crate::cpu::{Frequency, Usage};
use crate::kernel::Kernel;
use crate::rapl::Rapl;
use crate::sensors::Sensors;
use crate::{HostSample, Sample, Unknown};

/// The machine's sensors.
pub struct Sampler {
    calendar: fn() -> i64,
    kernel: Kernel,
    usage: Usage,
    frequency: Frequency,
    groups: ControlGroups,
    energy: Rapl,
    sensors: Sensors,
    /// This process and the watched ones.
    ours: Vec<u32>,
    /// Reasons that the last sample had.
    last_unknown: BTreeMap<String, String>,
}

impl Sampler {
    /// Opens the sensors; `calendar` tells milliseconds since 1970. NVML may take a second.
    pub fn open(calendar: fn() -> i64) -> Self {
        let kernel = Kernel::here();
        Self {
            calendar,
            usage: Usage::open(&kernel),
            frequency: Frequency::open(&kernel),
            groups: ControlGroups::open(&kernel),
            energy: Rapl::open(&kernel),
            sensors: Sensors::open(&kernel),
            ours: vec![std::process::id()],
            last_unknown: BTreeMap::new(),
            kernel,
        }
    }

    /// Counts what a process uses as ours from now on. It is taken to have started since the last sample, and is forgotten when
    /// it ends. Watching it again changes nothing.
    pub fn watch_process(&mut self, pid: u32) {
        self.usage.watch(&self.kernel, pid);
    }

    /// What all sensors say now.
    pub fn sample(&mut self) -> Sample {
        let mut unknown = Unknown::default();
        let host = self.host(&mut unknown);
        self.ours.truncate(1);
        self.ours.extend(self.usage.watched());
        let gpus = self.sensors.sample(&self.ours, &mut unknown);
        let now = unknown.0;
        let is_new = |(key, reason): &(&String, &String)| self.last_unknown.get(*key) != Some(*reason);
        let unknown = now.iter().filter(is_new).map(|(key, reason)| (key.clone(), reason.clone())).collect();
        self.last_unknown = now;
        Sample { host, gpus, unknown }
    }

    fn host(&mut self, unknown: &mut Unknown) -> HostSample {
        let kernel = &self.kernel;
        let shares = self.usage.sample(kernel);
        let memory = Memory::read(kernel);
        HostSample {
            cpu_percent: unknown.note("host.cpu_percent", shares.as_ref().map(|shares| shares.busy)),
            other_cpu_percent: unknown.note("host.other_cpu_percent", shares.and_then(|shares| shares.other)),
            frequency_mhz: unknown.note("host.frequency_mhz", self.frequency.sample(kernel)),
            load_1m: unknown.note("host.load_1m", load(kernel)),
            memory_available_bytes: unknown.note("host.memory_available_bytes", memory.available),
            swap_used_bytes: unknown.note("host.swap_used_bytes", memory.swapped),
            memory_limit_bytes: unknown.note("host.memory_limit_bytes", self.groups.memory_limit(kernel)),
            memory_of_limit_used_bytes: unknown
                .note("host.memory_of_limit_used_bytes", self.groups.memory_used(kernel)),
            cpu_limit_millicpus: unknown.note("host.cpu_limit_millicpus", self.groups.cpu_limit(kernel)),
            cpu_limited_microseconds: unknown.note("host.cpu_limited_microseconds", self.groups.cpu_limited(kernel)),
            cpu_energy_microjoules: unknown.note("host.cpu_energy_microjoules", self.energy.sample(kernel)),
            system_clock_milliseconds: (self.calendar)(),
            own_cpu_milliseconds: unknown.note("host.own_cpu_milliseconds", self.usage.own_milliseconds()),
            library_clock_seconds: None,
        }
    }
}

fn load(kernel: &Kernel) -> Result<f64, String> {
    let text = kernel.text("proc/loadavg")?;
    let first = text.split(' ').next().and_then(|first| first.parse::<f64>().ok());
    first.filter(|load| load.is_finite()).ok_or_else(|| "/proc/loadavg begins with no number".to_owned())
}

/// Memory in bytes.
struct Memory {
    available: Result<u64, String>,
    swapped: Result<u64, String>,
}

impl Memory {
    fn read(kernel: &Kernel) -> Self {
        match kernel.text("proc/meminfo") {
            Ok(text) => Self {
                available: kibibytes(&text, "MemAvailable:").map(|count| count * 1024),
                swapped: kibibytes(&text, "SwapTotal:")
                    .and_then(|total| Ok(total.saturating_sub(kibibytes(&text, "SwapFree:")?) * 1024)),
            },
            Err(reason) => Self { available: Err(reason.clone()), swapped: Err(reason) },
        }
    }
}

/// A line such as `SwapFree:  17 kB`.
fn kibibytes(text: &str, key: &str) -> Result<u64, String> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_suffix(" kB")?.parse::<u32>().ok());
    value.map(u64::from).ok_or_else(|| format!("/proc/meminfo has no `{key}` in kB"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::MadeKernel;

    #[test]
    fn this_machine_is_sampled_and_every_null_has_its_reason() {
        let mut sampler = Sampler::open(|| 77);
        let sample = sampler.sample();
        assert_eq!(sample.host.system_clock_milliseconds, 77);
        assert!(sample.host.own_cpu_milliseconds.is_some());
        assert!(sample.host.memory_available_bytes.is_some_and(|bytes| bytes > 1 << 20));
        let tree = hlb_core::tree::of(&sample);
        for (key, value) in tree["host"].as_object().expect("a mapping") {
            let reason = sample.unknown.get(&format!("host.{key}"));
            assert_eq!(value.is_null(), reason.is_some(), "{key}: {tree:#}");
        }
    }

    #[test]
    fn a_reason_is_reported_once() {
        let mut sampler = Sampler::open(|| 0);
        sampler.groups = ControlGroups::open(&MadeKernel::new(&[]).kernel);
        assert!(sampler.sample().unknown.contains_key("host.memory_limit_bytes"));
        assert!(!sampler.sample().unknown.contains_key("host.memory_limit_bytes"));
    }

    #[test]
    fn load_and_memory_are_read_with_their_units() {
        let made = MadeKernel::new(&[
            ("proc/loadavg", "2.34 1.92 1.27 5/104 14670\n"),
            ("proc/meminfo", "MemTotal: 9 kB\nMemAvailable:   7 kB\nSwapTotal: 5 kB\nSwapFree:  2 kB\n"),
        ]);
        assert_eq!(load(&made.kernel), Ok(2.34));
        let memory = Memory::read(&made.kernel);
        assert_eq!((memory.available, memory.swapped), (Ok(7168), Ok(3072)));
        made.set("proc/meminfo", "MemTotal: 9 kB\nSwapTotal: 5 kB\n");
        let memory = Memory::read(&made.kernel);
        assert!(memory.available.is_err() && memory.swapped.is_err());
    }
}
