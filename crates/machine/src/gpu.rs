//! GPUs, read through NVML. The library is loaded at run time; a machine without it has no GPUs and a reason.

use std::collections::BTreeMap;

use nvml_wrapper::enum_wrappers::device::{Clock, ComputeMode, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml, cuda_driver_version_major, cuda_driver_version_minor};
use serde::{Deserialize, Serialize};

use crate::kernel::words;
use crate::visible::Identity;
use crate::{Unknown, nvml, range, salt};

/// One GPU. Every value may be `null`; `unknown` then says why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// Product name.
    pub name: Option<String>,
    /// Digest of the GPU's UUID with a salt that never leaves this machine, so that its owner recognizes it.
    pub device_tag: Option<String>,
    /// Compute capability, such as `9.0`.
    pub compute_capability: Option<String>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Memory in use in bytes.
    pub memory_used_bytes: Option<u64>,
    /// Enforced power limit in milliwatts.
    pub power_limit_milliwatts: Option<u32>,
    /// Power limit that the GPU comes with, in milliwatts.
    pub default_power_limit_milliwatts: Option<u32>,
    /// Power now, in milliwatts.
    pub power_milliwatts: Option<u32>,
    /// Highest clock of the multiprocessors, in MHz.
    pub max_sm_clock_mhz: Option<u32>,
    /// Clock of the multiprocessors now, in MHz.
    pub sm_clock_mhz: Option<u32>,
    /// Clock of the memory now, in MHz.
    pub memory_clock_mhz: Option<u32>,
    /// Temperature in degrees Celsius.
    pub temperature_celsius: Option<u32>,
    /// Error-correcting memory.
    pub ecc_enabled: Option<bool>,
    /// Whether the GPU is split into instances (MIG).
    pub mig_enabled: Option<bool>,
    /// Compute processes of others on this GPU.
    pub other_processes: Option<u32>,
    /// Why a value above is `null`, by its key.
    pub unknown: BTreeMap<String, String>,
}

impl Gpu {
    /// A GPU without values, with a reason for each.
    pub(super) fn unread(reason: &str) -> Self {
        let mut gpu = Self::default();
        let tree = hlb_core::tree::of(&gpu);
        let nulls = tree.as_object().into_iter().flatten().filter(|(_, value)| value.is_null());
        gpu.unknown = nulls.map(|(key, _)| (key.clone(), reason.to_owned())).collect();
        gpu
    }
}

/// How the driver lets programs use a GPU; never recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Modes {
    /// Whether programs share it: `default`, `exclusive process` or `prohibited`.
    pub compute_mode: Option<String>,
    /// Whether the driver stays loaded while nothing uses it.
    pub persistence: Option<bool>,
}

impl Modes {
    /// Those of a GPU by its place in NVML's list; nothing where NVML does not say.
    pub fn of(index: u32) -> Self {
        let Ok(nvml) = nvml::open() else { return Self::default() };
        let Ok(device) = nvml.device_by_index(index) else { return Self::default() };
        let mode = device.compute_mode().ok().map(|mode| match mode {
            ComputeMode::Default => "default",
            ComputeMode::Prohibited => "prohibited",
            ComputeMode::ExclusiveThread | ComputeMode::ExclusiveProcess => "exclusive process",
        });
        Self { compute_mode: mode.map(str::to_owned), persistence: device.is_in_persistent_mode().ok() }
    }
}

/// What NVML says of the machine.
#[derive(Debug, Default)]
pub(super) struct Gpus {
    pub(super) driver_version: Option<String>,
    pub(super) cuda_driver_version: Option<String>,
    pub(super) nvml_version: Option<String>,
    /// Each GPU, by NVML's number.
    pub(super) list: Vec<Gpu>,
    /// Their identities, in the same order.
    pub(super) identities: Vec<Identity>,
}

/// Reads all GPUs.
pub(super) fn read(unknown: &mut Unknown) -> Gpus {
    let Some(nvml) = unknown.note("gpus", nvml::open()) else {
        for key in ["driver_version", "cuda_driver_version", "nvml_version"] {
            unknown.note::<(), _>(key, Err("NVML is not available"));
        }
        return Gpus::default();
    };
    let cuda = nvml.sys_cuda_driver_version();
    let cuda =
        cuda.map(|number| format!("{}.{}", cuda_driver_version_major(number), cuda_driver_version_minor(number)));
    let count = unknown.note("gpus", nvml::count(&nvml)).unwrap_or(0);
    let (list, identities) = (0..count).map(|index| read_one(&nvml, index)).unzip();
    Gpus {
        driver_version: unknown.note_nvml("driver_version", nvml.sys_driver_version()),
        cuda_driver_version: unknown.note_nvml("cuda_driver_version", cuda),
        nvml_version: unknown.note_nvml("nvml_version", nvml.sys_nvml_version()),
        list,
        identities,
    }
}

fn read_one(nvml: &Nvml, index: u32) -> (Gpu, Identity) {
    match nvml.device_by_index(index) {
        Ok(device) => {
            let gpu = describe(&device);
            let identity = identity(&device, gpu.mig_enabled);
            (gpu, identity)
        }
        // It keeps its index, which samples and `trained_gpu` use.
        Err(error) => (Gpu::unread(&nvml::reason(error)), Identity::default()),
    }
}

fn identity(device: &Device, mig: Option<bool>) -> Identity {
    let pci = device.pci_info().ok().map(|pci| [pci.domain, pci.bus, pci.device]);
    Identity { uuid: device.uuid().ok(), pci, mig }
}

fn describe(device: &Device) -> Gpu {
    let mut unknown = Unknown::default();
    let memory = device.memory_info().map_err(nvml::reason);
    let capability = device.cuda_compute_capability().map(|found| format!("{}.{}", found.major, found.minor));
    let mut gpu = Gpu {
        name: unknown.note_nvml("name", device.name().map(|name| range::one_line(&name))),
        device_tag: unknown.note("device_tag", tag(device)),
        compute_capability: unknown.note_nvml("compute_capability", capability),
        memory_bytes: unknown.note("memory_bytes", memory.as_ref().map(|memory| memory.total)),
        memory_used_bytes: unknown.note("memory_used_bytes", memory.as_ref().map(|memory| memory.used)),
        power_limit_milliwatts: unknown.note_nvml("power_limit_milliwatts", device.enforced_power_limit()),
        default_power_limit_milliwatts: unknown
            .note_nvml("default_power_limit_milliwatts", device.power_management_limit_default()),
        power_milliwatts: unknown.note_nvml("power_milliwatts", device.power_usage()),
        max_sm_clock_mhz: unknown.note_nvml("max_sm_clock_mhz", device.max_clock_info(Clock::SM)),
        sm_clock_mhz: unknown.note_nvml("sm_clock_mhz", device.clock_info(Clock::SM)),
        memory_clock_mhz: unknown.note_nvml("memory_clock_mhz", device.clock_info(Clock::Memory)),
        temperature_celsius: unknown.note_nvml("temperature_celsius", device.temperature(TemperatureSensor::Gpu)),
        ecc_enabled: unknown.note_nvml("ecc_enabled", device.is_ecc_enabled().map(|state| state.currently_enabled)),
        mig_enabled: unknown.note_nvml("mig_enabled", device.mig_mode().map(|mode| mode.current == 1)),
        other_processes: unknown.note_nvml("other_processes", others(device)),
        unknown: BTreeMap::new(),
    };
    gpu.unknown = unknown.0;
    gpu
}

impl Unknown {
    fn note_nvml<T>(&mut self, key: &str, reading: Result<T, NvmlError>) -> Option<T> {
        self.note(key, reading.map_err(nvml::reason))
    }
}

fn tag(device: &Device) -> Result<String, String> {
    let uuid = device.uuid().map_err(nvml::reason)?;
    salt::tag(&uuid).map_err(|error| format!("the salt of this machine's tags: {}", words(&error)))
}

fn others(device: &Device) -> Result<u32, NvmlError> {
    let own = std::process::id();
    let processes = device.running_compute_processes()?;
    Ok(u32::try_from(processes.iter().filter(|process| process.pid != own).count()).unwrap_or(u32::MAX))
}
