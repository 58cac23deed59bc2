//! What a machine's record and its sensors may say: values that some machine has, and texts that are short and of one line.
//! A session asks before it trains, and whoever verifies its result asks the same.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::Value;

use crate::{GpuSample, Machine, Sample};
use hlb_core::rules::{MAX_CPUS, MAX_GPUS, MAX_MEMORY_BYTES, MIN_MEMORY_BYTES};
use hlb_core::text::{SafeText, show_capped};
use hlb_core::tree;

/// Most characters of a processor's or a GPU's name.
const NAME: usize = 120;
/// Most characters of any other text.
const TEXT: usize = 400;
/// Most reasons for unknown values in one record or sample.
const REASONS: usize = 256;
/// Most things that hold a GPU's clocks at once; there are fewer kinds.
const THROTTLE_REASONS: usize = 16;

/// A value that no machine has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is {stated}, {problem}")]
pub struct OutOfRange {
    /// The key, with those that it lies in.
    pub key: String,
    /// What the record says there, fit to be shown.
    pub stated: String,
    /// What is wrong with it.
    pub problem: String,
}

fn refuse(key: &str, stated: &str, problem: impl Into<String>) -> OutOfRange {
    OutOfRange { key: key.to_owned(), stated: show_capped(stated, 80), problem: problem.into() }
}

fn within<T: PartialOrd + Copy + Display>(key: &str, value: Option<T>, least: T, most: T) -> Result<(), OutOfRange> {
    match value {
        Some(value) if value < least || value > most => {
            let problem = format!("{least} to {most} is possible");
            Err(refuse(key, &value.to_string(), problem))
        }
        _ => Ok(()),
    }
}

/// Threads that training may have.
pub fn threads(count: u32) -> Result<(), OutOfRange> {
    within("threads", Some(count), 1, MAX_CPUS)
}

/// The text without blanks around it, and with one between its words, as names are compared.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn name(key: &str, name: Option<&str>) -> Result<(), OutOfRange> {
    let Some(name) = name else { return Ok(()) };
    name.parse::<SafeText<NAME>>().map_err(|error| refuse(key, name, error.to_string()))?;
    if name == one_line(name) {
        return Ok(());
    }
    Err(refuse(key, name, "a name has one blank between its words and none around them"))
}

fn reasons(key: &str, unknown: &BTreeMap<String, String>) -> Result<(), OutOfRange> {
    within(key, Some(unknown.len()), 0, REASONS)
}

/// Every text, at any depth.
fn texts(key: &str, value: &Value) -> Result<(), OutOfRange> {
    match value {
        Value::String(text) => {
            let found: Result<SafeText<TEXT>, _> = text.parse();
            found.map(drop).map_err(|error| refuse(key, text, error.to_string()))
        }
        Value::Array(items) => items.iter().try_for_each(|item| texts(key, item)),
        Value::Object(items) => items.iter().try_for_each(|(inner, item)| {
            let found: Result<SafeText<NAME>, _> = inner.parse();
            found.map_err(|error| refuse(key, inner, error.to_string()))?;
            texts(&format!("{key}.{inner}"), item)
        }),
        _ => Ok(()),
    }
}

impl Machine {
    /// Refuses a record with a value that no machine has.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let host = &self.host;
        name("machine.host.cpu", host.cpu.as_deref())?;
        within("machine.host.logical_cpus", Some(host.logical_cpus), 1, MAX_CPUS)?;
        within("machine.host.physical_cores", host.physical_cores, 1, host.logical_cpus)?;
        memory("machine.host.memory_bytes", host.memory_bytes)?;
        within("machine.gpus", u32::try_from(self.gpus.len()).ok(), 0, MAX_GPUS)?;
        reasons("machine.unknown", &self.unknown)?;
        reasons("machine.host.unknown", &host.unknown)?;
        for (index, gpu) in self.gpus.iter().enumerate() {
            name(&format!("machine.gpus[{index}].name"), gpu.name.as_deref())?;
            memory(&format!("machine.gpus[{index}].memory_bytes"), gpu.memory_bytes)?;
            reasons(&format!("machine.gpus[{index}].unknown"), &gpu.unknown)?;
        }
        if let Some(index) = self.trained_gpu.filter(|_| self.trained().is_none()) {
            return Err(refuse("machine.trained_gpu", &index.to_string(), "there is no such GPU in `machine.gpus`"));
        }
        texts("machine", &tree::of(self))
    }
}

fn memory(key: &str, bytes: Option<u64>) -> Result<(), OutOfRange> {
    within(key, bytes, MIN_MEMORY_BYTES, MAX_MEMORY_BYTES)
}

impl Sample {
    /// Refuses readings of more GPUs, or with more or longer reasons, than a sampler gives.
    pub fn check(&self) -> Result<(), OutOfRange> {
        within("gpus", u32::try_from(self.gpus.len()).ok(), 0, MAX_GPUS)?;
        let held = |gpu: &GpuSample| gpu.throttle_reasons.as_ref().map(Vec::len);
        self.gpus.iter().try_for_each(|gpu| within("throttle_reasons", held(gpu), 0, THROTTLE_REASONS))?;
        reasons("unknown", &self.unknown)?;
        self.unknown.iter().try_for_each(|(key, reason)| {
            texts("unknown", &Value::from(key.as_str()))?;
            texts("unknown", &Value::from(reason.as_str()))
        })
    }

    /// The sample with no more and no longer reasons than [`Sample::check`] lets through.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let fit = |(key, reason): (String, String)| {
            let reason = SafeText::<TEXT>::cleaned(&reason)?;
            Some((key, reason.to_string()))
        };
        self.unknown = self.unknown.into_iter().filter_map(fit).take(REASONS).collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Gpu;

    /// A good record, changed; the key of what is refused.
    fn refused(change: impl FnOnce(&mut Machine)) -> Option<String> {
        let mut machine = Machine::read();
        machine.gpus = vec![Gpu { name: Some("NVIDIA H200".to_owned()), ..Gpu::unread("lost") }];
        machine.trained_gpu = Some(0);
        change(&mut machine);
        machine.check().err().map(|error| error.key)
    }

    #[test]
    fn this_machine_is_possible() {
        assert_eq!(Machine::read().check(), Ok(()));
        assert_eq!(refused(|_| {}), None);
    }

    #[test]
    fn no_machine_has_no_processor_or_thousands_or_more_cores_than_processors() {
        for cpus in [0, 4097, u32::MAX] {
            let key = refused(|machine| machine.host.logical_cpus = cpus);
            assert_eq!(key.as_deref(), Some("machine.host.logical_cpus"));
        }
        let key = refused(|machine| machine.host.physical_cores = Some(machine.host.logical_cpus + 1));
        assert_eq!(key.as_deref(), Some("machine.host.physical_cores"));
        assert!(threads(1).is_ok() && threads(4096).is_ok());
        assert!(threads(0).is_err() && threads(4097).is_err() && threads(4_000_000_000).is_err());
    }

    #[test]
    fn memory_is_that_of_some_machine_and_the_gpu_that_trained_is_one_of_them() {
        for bytes in [0, 1, u64::MAX] {
            assert!(refused(|machine| machine.host.memory_bytes = Some(bytes)).is_some(), "{bytes}");
            assert!(refused(|machine| machine.gpus[0].memory_bytes = Some(bytes)).is_some(), "{bytes}");
        }
        for index in [1, 7, u32::MAX] {
            assert!(refused(|machine| machine.trained_gpu = Some(index)).is_some(), "{index}");
        }
        assert_eq!(refused(|machine| machine.trained_gpu = None), None, "it may be unknown");
    }

    #[test]
    fn a_name_has_one_spelling_and_no_text_is_long_or_hides_anything() {
        for name in
            ["", " ", "NVIDIA H200 ", " NVIDIA H200", "NVIDIA  H200", "NVIDIA\u{a0}H200", "NVIDIA\u{200b} H200", "a\nb"]
        {
            assert!(refused(|machine| machine.gpus[0].name = Some(name.to_owned())).is_some(), "{name:?}");
            assert!(refused(|machine| machine.host.cpu = Some(name.to_owned())).is_some(), "{name:?}");
        }
        let long = || Some("x".repeat(15_000));
        let changes: [fn(&mut Machine, Option<String>); 6] = [
            |machine, text| machine.host.cpu = text,
            |machine, text| machine.gpus[0].name = text,
            |machine, text| machine.host.kernel = text,
            |machine, text| machine.host.operating_system = text,
            |machine, text| machine.driver_version = text,
            |machine, text| drop(machine.unknown.insert("x".to_owned(), text.unwrap_or_default())),
        ];
        for change in changes {
            assert!(refused(|machine| change(machine, long())).is_some());
            assert!(refused(|machine| change(machine, Some("\u{202e}".to_owned()))).is_some());
        }
        assert!(refused(|machine| drop(machine.unknown.insert("x".repeat(200), "y".to_owned()))).is_some());
    }

    #[test]
    fn a_sample_is_bounded_and_one_that_was_bounded_passes() {
        let reasons = |count: usize, length: usize| {
            (0..count).map(|index| (format!("gpus[{index}].power_milliwatts"), "y\n".repeat(length))).collect()
        };
        let sample = |gpus: usize, unknown: BTreeMap<String, String>| Sample {
            host: crate::HostSample::default(),
            gpus: vec![GpuSample::default(); gpus],
            unknown,
        };
        assert!(sample(64, BTreeMap::new()).check().is_ok());
        assert!(sample(65, BTreeMap::new()).check().is_err());
        for (count, length) in [(300, 1), (1, 1000), (300, 1000)] {
            let large = sample(64, reasons(count, length));
            assert!(large.check().is_err(), "{count} {length}");
            assert_eq!(large.bounded().check(), Ok(()));
        }
    }
}
