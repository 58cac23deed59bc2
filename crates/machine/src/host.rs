//! Processor, memory and operating system.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use crate::cgroup::ControlGroups;
use crate::kernel::Kernel;
use crate::{Unknown, range};

/// Processor, memory and operating system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Processor, as it names itself.
    pub cpu: Option<String>,
    /// Instruction set.
    pub architecture: String,
    /// Processors that this process may use.
    pub logical_cpus: u32,
    /// Cores without their threads, of the processors that this process may use at most.
    pub physical_cores: Option<u32>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Processors that the control groups allow, in thousandths of one.
    pub cpu_limit_millicpus: Option<u64>,
    /// Memory that the control groups allow, in bytes.
    pub memory_limit_bytes: Option<u64>,
    /// Operating system with its version.
    pub operating_system: Option<String>,
    /// Kernel version.
    pub kernel: Option<String>,
    /// Whether the processor says it runs under a hypervisor.
    pub virtual_machine: Option<bool>,
    /// Why a value above is `null`, by its key.
    pub unknown: BTreeMap<String, String>,
}

impl Host {
    /// Reads this machine.
    pub(super) fn read(kernel: &Kernel) -> Self {
        let mut unknown = Unknown::default();
        let kinds =
            RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()).with_memory(MemoryRefreshKind::everything());
        let system = unknown.note("memory_bytes", System::new_with_specifics(kinds));
        let memory_bytes = system.as_ref().map(System::total_memory);
        let groups = ControlGroups::open(kernel);
        let logical_cpus =
            std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1));
        Self {
            cpu: unknown.note("cpu", cpu_name(system.as_ref())),
            architecture: System::cpu_arch(),
            logical_cpus,
            physical_cores: unknown
                .note("physical_cores", System::physical_core_count())
                .map(|count| u32::try_from(count).map_or(logical_cpus, |count| count.min(logical_cpus))),
            memory_bytes,
            cpu_limit_millicpus: unknown.note("cpu_limit_millicpus", groups.cpu_limit(kernel)),
            memory_limit_bytes: unknown.note("memory_limit_bytes", memory_limit(memory_bytes, &groups, kernel)),
            operating_system: unknown.note("operating_system", System::long_os_version()),
            kernel: unknown.note("kernel", System::kernel_version()),
            virtual_machine: unknown.note("virtual_machine", hypervisor(kernel)),
            unknown: unknown.0,
        }
    }

    /// The processor and how many of them, in a few words.
    pub fn class(&self) -> String {
        format!("{}x {}", self.logical_cpus, self.cpu.as_deref().unwrap_or("unknown processor"))
    }
}

fn cpu_name(system: Option<&System>) -> Result<String, &'static str> {
    let name = system.and_then(|system| system.cpus().first()).map(|cpu| range::one_line(cpu.brand()));
    name.filter(|name| !name.is_empty()).ok_or("the operating system names no processor")
}

/// A limit above the machine's memory does not count.
fn memory_limit(memory_bytes: Option<u64>, groups: &ControlGroups, kernel: &Kernel) -> Result<u64, String> {
    let limit = groups.memory_limit(kernel)?;
    if memory_bytes.is_some_and(|bytes| limit >= bytes) {
        return Err("the control group allows more memory than there is".to_owned());
    }
    Ok(limit)
}

fn hypervisor(kernel: &Kernel) -> Result<bool, String> {
    let text = kernel.text("proc/cpuinfo")?;
    let flags = text.lines().find(|line| line.starts_with("flags")).ok_or("/proc/cpuinfo lists no flags")?;
    Ok(flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

/// Whether this processor multiplies bfloat16 numbers by itself; others convert each, and are slower than in single precision.
pub fn multiplies_bfloat16() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("bf16");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    false
}
