//! What the template is told of machines: each value in words, each unknown with its reason.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::leaderboard::site::figure::{Fact, Figure, bytes, foreign};
use crate::hardware::{Gpu, Machine};
use crate::result::Entry;

type Reasons = BTreeMap<String, String>;

/// The machine, and each GPU in a column of its own.
#[derive(Debug, Serialize)]
pub(crate) struct MachineView {
    facts: Vec<Fact>,
    gpus: usize,
    /// Name of a property and its value for every GPU.
    gpu_rows: Vec<GpuRow>,
}

#[derive(Debug, Serialize)]
struct GpuRow {
    name: &'static str,
    values: Vec<Figure>,
}

impl MachineView {
    pub(crate) fn new(entry: &Entry) -> Self {
        let machine = &entry.result.machine;
        let mut facts = host_facts(machine);
        facts.extend(software_facts(entry));
        Self { facts, gpus: machine.gpus.len(), gpu_rows: gpu_rows(&machine.gpus) }
    }
}

/// A value in words, or `unknown` with the reason that the machine record gives for its key.
fn known<T>(value: Option<T>, key: &str, reasons: &Reasons, words: impl FnOnce(T) -> String) -> Figure {
    let reason = || reasons.get(key).map_or("the record gives no reason", String::as_str);
    value.map_or_else(|| Figure::unknown(reason()), |value| Figure::known(words(value)))
}

fn yes_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

fn host_facts(machine: &Machine) -> Vec<Fact> {
    let (host, why) = (&machine.host, &machine.host.unknown);
    vec![
        Fact::new("Processor", known(host.cpu.as_deref(), "cpu", why, foreign)),
        Fact::new("Architecture", Figure::known(foreign(&host.architecture))),
        Fact::new("Logical processors", Figure::known(host.logical_cpus.to_string())),
        Fact::new("Physical cores", known(host.physical_cores, "physical_cores", why, |count| count.to_string())),
        Fact::new("Memory", known(host.memory_bytes, "memory_bytes", why, bytes)),
        Fact::new("Memory limit", known(host.memory_limit_bytes, "memory_limit_bytes", why, bytes)),
        Fact::new("Operating system", known(host.operating_system.as_deref(), "operating_system", why, foreign)),
        Fact::new("Kernel", known(host.kernel.as_deref(), "kernel", why, foreign)),
        Fact::new("Virtual machine", known(host.virtual_machine, "virtual_machine", why, yes_no)),
    ]
}

fn software_facts(entry: &Entry) -> Vec<Fact> {
    let (result, machine) = (&entry.result, &entry.result.machine);
    let why = &machine.unknown;
    let commit = result.harness.commit.as_deref();
    vec![
        Fact::new("GPUs", gpu_count(machine)),
        Fact::new("GPU driver", known(machine.driver_version.as_deref(), "driver_version", why, foreign)),
        Fact::new(
            "CUDA of the driver",
            known(machine.cuda_driver_version.as_deref(), "cuda_driver_version", why, foreign),
        ),
        Fact::new("NVML", known(machine.nvml_version.as_deref(), "nvml_version", why, foreign)),
        Fact::new("libtorch", Figure::known(foreign(&result.libtorch.version))),
        Fact::new("Trained on", Figure::known(foreign(&result.session.device))),
        Fact::new("Threads", Figure::known(result.session.threads.to_string())),
        Fact::new("Precision", Figure::known(foreign(&result.session.precision))),
        Fact::new("hlb-bench", Figure::known(foreign(&result.harness.version))),
        Fact::new(
            "Commit",
            commit.map_or_else(|| Figure::unknown("built outside a git checkout"), |id| Figure::known(foreign(id))),
        ),
    ]
}

/// How many GPUs were seen; if NVML could not be asked, nobody knows.
fn gpu_count(machine: &Machine) -> Figure {
    match machine.unknown.get("gpus") {
        Some(reason) if machine.gpus.is_empty() => Figure::unknown(reason),
        _ if machine.gpus.is_empty() => Figure::known("none"),
        _ => Figure::known(machine.gpus.len().to_string()),
    }
}

fn gpu_rows(gpus: &[Gpu]) -> Vec<GpuRow> {
    let row = |name, value: fn(&Gpu) -> Figure| GpuRow { name, values: gpus.iter().map(value).collect() };
    vec![
        row("Name", |gpu| known(gpu.name.as_deref(), "name", &gpu.unknown, foreign)),
        row("Compute capability", |gpu| {
            known(gpu.compute_capability.as_deref(), "compute_capability", &gpu.unknown, foreign)
        }),
        row("Memory", |gpu| known(gpu.memory_bytes, "memory_bytes", &gpu.unknown, bytes)),
        row("Memory in use before", |gpu| known(gpu.memory_used_bytes, "memory_used_bytes", &gpu.unknown, bytes)),
        row("Power limit", |gpu| known(gpu.power_limit_milliwatts, "power_limit_milliwatts", &gpu.unknown, watts)),
        row("Default power limit", |gpu| {
            known(gpu.default_power_limit_milliwatts, "default_power_limit_milliwatts", &gpu.unknown, watts)
        }),
        row("Highest SM clock", |gpu| known(gpu.max_sm_clock_mhz, "max_sm_clock_mhz", &gpu.unknown, megahertz)),
        row("Temperature before", |gpu| {
            known(gpu.temperature_celsius, "temperature_celsius", &gpu.unknown, |value| format!("{value} °C"))
        }),
        row("ECC", |gpu| known(gpu.ecc_enabled, "ecc_enabled", &gpu.unknown, yes_no)),
        row("MIG", |gpu| known(gpu.mig_enabled, "mig_enabled", &gpu.unknown, yes_no)),
        row("Processes of others", |gpu| {
            known(gpu.other_processes, "other_processes", &gpu.unknown, |count| count.to_string())
        }),
        row("Device tag", |gpu| known(gpu.device_tag.as_deref(), "device_tag", &gpu.unknown, foreign)),
    ]
}

fn watts(milliwatts: u32) -> String {
    format!("{:.0} W", f64::from(milliwatts) / 1000.0)
}

fn megahertz(value: u32) -> String {
    format!("{value} MHz")
}
