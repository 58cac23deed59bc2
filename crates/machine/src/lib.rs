//! The machine, read from the operating system and NVML.
//!
//! Host name and serial numbers are never recorded. A value that cannot be read is `null`, never 0, and `unknown` has the
//! reason.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

mod cgroup;
mod cpu;
mod dmi;
mod gpu;
mod host;
mod kernel;
mod nvml;
pub mod peak;
pub mod price;
pub mod range;
mod rapl;
mod salt;
mod sample;
mod sampler;
mod sensors;
mod visible;

pub use dmi::Instance;
pub use gpu::{Gpu, Modes};
pub use host::{Host, multiplies_bfloat16};
pub use sample::{GpuSample, HostSample, Sample, ThrottleReason};
pub use sampler::Sampler;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::kernel::Kernel;
use hlb_core::units::DeviceKind;

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
    /// Each GPU that NVML lists, in its order; one that is lost has no values.
    pub gpus: Vec<Gpu>,
    /// Place in `gpus`, from 0, of the one that a trainer on CUDA uses: the first that CUDA shows it.
    pub trained_gpu: Option<u32>,
    /// The cloud instance, where the firmware names one.
    pub instance: Option<Instance>,
    /// Why a value above is `null`, by its key.
    pub unknown: BTreeMap<String, String>,
}

impl Machine {
    /// Reads this machine.
    pub fn read() -> Self {
        let kernel = Kernel::here();
        let mut unknown = Unknown::default();
        let gpus = gpu::read(&mut unknown);
        let chosen = std::env::var_os(visible::VARIABLE).map(|text| text.to_string_lossy().into_owned());
        let trained = visible::first(chosen.as_deref(), &gpus.identities);
        Self {
            host: Host::read(&kernel),
            driver_version: gpus.driver_version,
            cuda_driver_version: gpus.cuda_driver_version,
            nvml_version: gpus.nvml_version,
            gpus: gpus.list,
            trained_gpu: unknown.note("trained_gpu", trained),
            instance: unknown.note("instance", Instance::read(&kernel)),
            unknown: unknown.0,
        }
    }

    /// Whether there is a GPU of NVIDIA, which whoever measures expects to be measured: NVML lists one, or its driver's device
    /// is there.
    pub fn has_gpu(&self) -> bool {
        !self.gpus.is_empty() || Path::new("/dev/nvidiactl").exists()
    }

    /// What trained, in a few words: `1x NVIDIA H100 80GB HBM3`, or the processor with its cores.
    pub fn class(&self, device: DeviceKind) -> String {
        match device {
            DeviceKind::Cpu => self.host.class(),
            DeviceKind::Cuda => {
                format!("1x {}", self.trained().and_then(|gpu| gpu.name.as_deref()).unwrap_or("unknown GPU"))
            }
        }
    }

    /// Holds what CUDA says of the GPU that it trains on against what NVML's order and the environment say, which is only
    /// inferred.
    ///
    /// # Errors
    /// A contradiction, in words: sensors of another GPU would mislead.
    pub fn confirm(&mut self, name: &str, uuid: &str) -> Result<(), String> {
        let tag = salt::tag(uuid).ok();
        let tagged = |gpu: &Gpu| gpu.device_tag.is_some() && gpu.device_tag == tag;
        let found = self.gpus.iter().position(tagged).and_then(|index| u32::try_from(index).ok());
        match (found, self.trained_gpu) {
            (Some(found), Some(inferred)) if found != inferred => Err(format!(
                "CUDA trains on GPU {found} of NVML's list, where CUDA_VISIBLE_DEVICES and the PCI order say GPU {inferred}"
            )),
            (Some(found), _) => {
                self.trained_gpu = Some(found);
                self.unknown.remove("trained_gpu");
                self.forget_a_split_gpu();
                Ok(())
            }
            (None, _) => self.confirm_without_tag(name),
        }
    }

    /// Of a GPU that is split a part trains, whichever UUID CUDA gives it: it is no GPU of its name. Whether that was so.
    fn forget_a_split_gpu(&mut self) -> bool {
        let is_split = self.trained().is_some_and(|gpu| gpu.mig_enabled == Some(true));
        if is_split {
            self.trained_gpu = None;
            self.unknown.insert("trained_gpu".to_owned(), "CUDA trains on a part of a GPU (MIG)".to_owned());
        }
        is_split
    }

    /// The same where no GPU has CUDA's tag: a part of one, or one whose tag is not known.
    fn confirm_without_tag(&mut self, name: &str) -> Result<(), String> {
        if self.forget_a_split_gpu() {
            return Ok(());
        }
        let Some(gpu) = self.trained() else { return Ok(()) };
        let (theirs, name) = (gpu.name.as_deref(), range::one_line(name));
        match (theirs, gpu.device_tag.is_some()) {
            (Some(theirs), _) if theirs != name => Err(format!("CUDA trains on a `{name}`, NVML says `{theirs}`")),
            (_, true) => Err("CUDA trains on a GPU that is not in NVML's list".to_owned()),
            _ => Ok(()),
        }
    }

    /// The GPU that a trainer on CUDA uses; `None` where it is not known.
    pub fn trained(&self) -> Option<&Gpu> {
        self.gpus.get(usize::try_from(self.trained_gpu?).ok()?)
    }

    /// Whether it is known what trains on `device`. Without, neither a class nor a lower bound of its times follows.
    pub fn knows(&self, device: DeviceKind) -> bool {
        device == DeviceKind::Cpu || self.trained().is_some_and(|gpu| gpu.name.is_some())
    }
}

/// Collects the reasons for values that could not be read.
#[derive(Debug, Default)]
pub(crate) struct Unknown(BTreeMap<String, String>);

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
        let tree = hlb_core::tree::of(&Machine::read());
        for part in [&tree, &tree["host"]] {
            for (key, value) in part.as_object().expect("a mapping") {
                assert_eq!(value.is_null(), part["unknown"].get(key).is_some() && key != "gpus", "{key}: {tree:#}");
            }
        }
    }

    #[test]
    fn a_class_names_the_gpu_that_trained() {
        let mut machine = Machine::read();
        let gpu = |name: Option<&str>| Gpu { name: name.map(str::to_owned), ..Gpu::unread("lost") };
        machine.gpus = vec![gpu(Some("A")), gpu(Some("B"))];
        machine.trained_gpu = Some(1);
        assert_eq!((machine.class(DeviceKind::Cuda).as_str(), machine.knows(DeviceKind::Cuda)), ("1x B", true));
        for (trained, gpus) in [
            (None, vec![gpu(Some("A")), gpu(Some("A"))]),
            (Some(2), vec![gpu(Some("A")), gpu(Some("A"))]),
            (Some(0), vec![gpu(None)]),
            (None, Vec::new()),
        ] {
            (machine.trained_gpu, machine.gpus) = (trained, gpus);
            assert_eq!(machine.class(DeviceKind::Cuda), "1x unknown GPU");
            assert!(!machine.knows(DeviceKind::Cuda) && machine.knows(DeviceKind::Cpu));
        }
        assert_eq!(machine.class(DeviceKind::Cpu), machine.host.class());
    }

    #[test]
    fn what_cuda_says_of_its_gpu_is_held_against_what_is_inferred() {
        let tag = |uuid: &str| Some(salt::tag(uuid).expect("a home folder"));
        let gpu = |name: &str, uuid: &str, mig: bool| Gpu {
            name: Some(name.to_owned()),
            device_tag: tag(uuid),
            mig_enabled: Some(mig),
            ..Gpu::unread("lost")
        };
        let mut machine = Machine::read();
        let mut confirmed = |gpus: &[Gpu], inferred: Option<u32>, name: &str, uuid: &str| {
            (machine.gpus, machine.trained_gpu) = (gpus.to_vec(), inferred);
            machine.confirm(name, uuid).map(|()| machine.trained_gpu)
        };
        let two = [gpu("A", "GPU-1", false), gpu("A", "GPU-2", false)];
        assert_eq!(confirmed(&two, Some(1), "A", "GPU-2"), Ok(Some(1)));
        assert_eq!(confirmed(&two, None, "A", "GPU-2"), Ok(Some(1)), "more is known than before");
        assert!(confirmed(&two, Some(0), "A", "GPU-2").is_err_and(|said| said.contains("GPU 1 of NVML's list")));
        assert!(confirmed(&two, Some(0), "A", "GPU-3").is_err_and(|said| said.contains("not in NVML's list")));
        assert!(confirmed(&two, Some(0), "B", "GPU-3").is_err_and(|said| said.contains("`B`, NVML says `A`")));
        let split = [gpu("A", "GPU-1", true)];
        for uuid in ["GPU-4", "GPU-1"] {
            assert_eq!(confirmed(&split, Some(0), "A MIG 1g", uuid), Ok(None), "a part of it is no GPU of this class");
        }
        let untold = [Gpu { device_tag: None, ..gpu("A", "GPU-1", false) }];
        assert_eq!(confirmed(&untold, Some(0), "A", "GPU-1"), Ok(Some(0)));
    }

    #[test]
    fn an_unreadable_value_is_never_zero() {
        let mut unknown = Unknown::default();
        assert_eq!(unknown.note::<u32, _>("power_watts", Err("not supported")), None);
        assert_eq!(unknown.0["power_watts"], "not supported");
    }
}
