//! The machine as it says of itself: read from the operating system and NVML, never from free text.
//!
//! No host name and no serial numbers. What cannot be read is `null`, with the reason beside it; never 0.

mod gpu;
mod host;
mod salt;

pub use gpu::Gpu;
pub use host::Host;

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// What is recorded about a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Processor, memory, operating system.
    pub host: Host,
    /// Driver of the GPUs.
    pub driver_version: Option<String>,
    /// Highest CUDA version that the driver supports.
    pub cuda_driver_version: Option<String>,
    /// Version of NVML.
    pub nvml_version: Option<String>,
    /// Each GPU that NVML lists.
    pub gpus: Vec<Gpu>,
    /// Why a value above is `null`, by its key.
    pub unknown: BTreeMap<String, String>,
}

impl Machine {
    /// Reads this machine.
    pub fn read() -> Self {
        let mut unknown = Unknown::default();
        let gpus = gpu::read(&mut unknown);
        Self {
            host: Host::read(),
            driver_version: gpus.driver_version,
            cuda_driver_version: gpus.cuda_driver_version,
            nvml_version: gpus.nvml_version,
            gpus: gpus.list,
            unknown: unknown.0,
        }
    }

    /// What trained, in a few words: `1x NVIDIA H100 80GB HBM3`, or the processor with its cores.
    pub fn class(&self, device: &str) -> String {
        let name = self.gpus.first().and_then(|gpu| gpu.name.clone());
        match name {
            Some(name) if device == "cuda" => format!("1x {name}"),
            _ => self.host.class(),
        }
    }
}

/// Collects the reasons for values that could not be read.
#[derive(Debug, Default)]
pub(crate) struct Unknown(pub(crate) BTreeMap<String, String>);

impl Unknown {
    /// The value, or `None` with the reason noted under `key`.
    pub(crate) fn note<T, E: Display>(&mut self, key: &str, reading: Result<T, E>) -> Option<T> {
        match reading {
            Ok(value) => Some(value),
            Err(reason) => {
                self.0.insert(key.to_owned(), reason.to_string());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_processor_and_memory() {
        let machine = Machine::read();
        assert!(machine.host.logical_cpus > 0);
        assert!(machine.host.memory_bytes.is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn every_null_has_its_reason() {
        let tree = crate::tree::of(&Machine::read());
        let reasons = tree["unknown"].as_object().expect("a mapping").len()
            + tree["host"]["unknown"].as_object().expect("a mapping").len();
        let nulls = |part: &serde_json::Value| {
            part.as_object().expect("a mapping").values().filter(|value| value.is_null()).count()
        };
        assert!(reasons >= nulls(&tree["host"]) + usize::from(nulls(&tree) > 0), "{tree:#}");
    }

    #[test]
    fn an_unreadable_value_is_never_zero() {
        let mut unknown = Unknown::default();
        assert_eq!(unknown.note::<u32, _>("power_watts", Err("not supported")), None);
        assert_eq!(unknown.0["power_watts"], "not supported");
    }
}
