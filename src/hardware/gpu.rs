//! GPUs, read through NVML. The library is loaded at run time; a machine without it has no GPUs and a reason.

use std::collections::BTreeMap;
use std::fmt::Display;

use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::{Device, Nvml, cuda_driver_version_major, cuda_driver_version_minor};
use serde::{Deserialize, Serialize};

use crate::hardware::{Unknown, salt};

/// One GPU. Every value may be `null`; `unknown` then says why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// Product name.
    pub name: Option<String>,
    /// Digest of the GPU's UUID with a salt that never leaves this machine: the same GPU again, for the same person.
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

/// What NVML says of the machine.
#[derive(Debug, Default)]
pub(super) struct Gpus {
    pub(super) driver_version: Option<String>,
    pub(super) cuda_driver_version: Option<String>,
    pub(super) nvml_version: Option<String>,
    pub(super) list: Vec<Gpu>,
}

/// Reads all GPUs.
pub(super) fn read(unknown: &mut Unknown) -> Gpus {
    let Some(nvml) = unknown.note("gpus", Nvml::init().map_err(|error| format!("NVML: {error}"))) else {
        for key in ["driver_version", "cuda_driver_version", "nvml_version"] {
            unknown.note::<(), _>(key, Err("NVML is not available"));
        }
        return Gpus::default();
    };
    let cuda = nvml.sys_cuda_driver_version();
    let cuda =
        cuda.map(|number| format!("{}.{}", cuda_driver_version_major(number), cuda_driver_version_minor(number)));
    let count = unknown.note("gpus", nvml.device_count()).unwrap_or(0);
    Gpus {
        driver_version: unknown.note("driver_version", nvml.sys_driver_version()),
        cuda_driver_version: unknown.note("cuda_driver_version", cuda),
        nvml_version: unknown.note("nvml_version", nvml.sys_nvml_version()),
        list: (0..count).filter_map(|index| read_one(&nvml, index, unknown)).collect(),
    }
}

fn read_one(nvml: &Nvml, index: u32, machine: &mut Unknown) -> Option<Gpu> {
    let device = machine.note(&format!("gpus[{index}]"), nvml.device_by_index(index))?;
    let mut unknown = Unknown::default();
    let memory = unknown.note("memory_bytes", device.memory_info());
    let capability = device.cuda_compute_capability().map(|found| format!("{}.{}", found.major, found.minor));
    let mut gpu = Gpu {
        name: unknown.note("name", device.name()),
        device_tag: unknown.note("device_tag", tag(&device)),
        compute_capability: unknown.note("compute_capability", capability),
        memory_bytes: memory.as_ref().map(|memory| memory.total),
        memory_used_bytes: memory.map(|memory| memory.used),
        power_limit_milliwatts: unknown.note("power_limit_milliwatts", device.enforced_power_limit()),
        default_power_limit_milliwatts: unknown
            .note("default_power_limit_milliwatts", device.power_management_limit_default()),
        power_milliwatts: unknown.note("power_milliwatts", device.power_usage()),
        max_sm_clock_mhz: unknown.note("max_sm_clock_mhz", device.max_clock_info(Clock::SM)),
        sm_clock_mhz: unknown.note("sm_clock_mhz", device.clock_info(Clock::SM)),
        memory_clock_mhz: unknown.note("memory_clock_mhz", device.clock_info(Clock::Memory)),
        temperature_celsius: unknown.note("temperature_celsius", device.temperature(TemperatureSensor::Gpu)),
        ecc_enabled: unknown.note("ecc_enabled", device.is_ecc_enabled().map(|state| state.currently_enabled)),
        mig_enabled: unknown.note("mig_enabled", device.mig_mode().map(|mode| mode.current == 1)),
        other_processes: unknown.note("other_processes", others(&device)),
        unknown: BTreeMap::new(),
    };
    if gpu.memory_used_bytes.is_none() {
        unknown.note::<(), _>("memory_used_bytes", Err("see memory_bytes"));
    }
    gpu.unknown = unknown.0;
    Some(gpu)
}

fn tag(device: &Device) -> Result<String, String> {
    let text = |error: &dyn Display| error.to_string();
    let uuid = device.uuid().map_err(|error| text(&error))?;
    salt::tag(&uuid).map_err(|error| text(&error))
}

fn others(device: &Device) -> Result<u32, nvml_wrapper::error::NvmlError> {
    let own = std::process::id();
    let processes = device.running_compute_processes()?;
    Ok(u32::try_from(processes.iter().filter(|process| process.pid != own).count()).unwrap_or(u32::MAX))
}
