//! The GPUs as NVML records them.

use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::finding::Finding;
use hlb_machine::{Gpu, Machine, Modes};

/// Lowest driver for the CUDA of libtorch 2.11, as NVIDIA's release notes of CUDA 13.0 say.
const LEAST_DRIVER: u32 = 580;

/// Lowest compute capability that libtorch 2.11 has kernels for.
const LEAST_CAPABILITY: [u32; 2] = [7, 5];

/// The device through which CUDA reaches memory; NVML does without.
const MEMORY_DEVICE: &str = "/dev/nvidia-uvm";

/// What the record of a machine says of its GPUs, without asking them to work.
pub(crate) fn of_machine(machine: &Machine, cuda_works: bool) -> Vec<Finding> {
    if machine.gpus.is_empty() {
        let reason = machine.unknown.get("gpus").map_or("NVML lists none", String::as_str);
        return vec![Finding::good("gpus", format!("none: {reason}"))];
    }
    let mut found = vec![driver(machine, cuda_works)];
    if let Some(gpu) = machine.trained() {
        found.extend(of_gpu(gpu));
    } else {
        let reason = machine.unknown.get("trained_gpu").map_or("no reason is known", String::as_str);
        let next = "name one in CUDA_VISIBLE_DEVICES by its UUID (`nvidia-smi -L`), or its row is not ranked";
        found.push(Finding::note("gpu", format!("it is not known which one trains: {reason}"), next));
    }
    found
}

/// Whether CUDA's memory device is there and open to this user. The first program that uses CUDA after a boot makes it.
pub(crate) fn memory_device(cuda_works: bool) -> Option<Finding> {
    if cuda_works || !Path::new("/dev/nvidiactl").exists() {
        return None;
    }
    let next = "run `nvidia-modprobe -c0 -u` as root, or start the container with all of the GPU's devices";
    Some(match access(MEMORY_DEVICE, Access::READ_OK | Access::WRITE_OK) {
        Ok(()) => Finding::good("memory device", MEMORY_DEVICE),
        Err(Errno::NOENT) => Finding::wrong("memory device", format!("{MEMORY_DEVICE} is not there"), next),
        Err(error) => Finding::wrong("memory device", format!("{MEMORY_DEVICE}: {error}"), next),
    })
}

/// An older one serves CUDA 13 where NVIDIA's package for compatibility is installed.
fn driver(machine: &Machine, cuda_works: bool) -> Finding {
    let Some(version) = &machine.driver_version else {
        return Finding::note("driver", "unknown", "see `nvidia-smi`");
    };
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let finding = match major {
        Some(major) if major < LEAST_DRIVER && !cuda_works => {
            Finding::wrong("driver", version.clone(), "install a newer driver: CUDA 13 does not work with this one")
        }
        _ => Finding::good("driver", version.clone()),
    };
    finding.bound(format!("{LEAST_DRIVER} or newer"))
}

fn of_gpu(gpu: &Gpu) -> Vec<Finding> {
    let name = gpu.name.clone().unwrap_or_else(|| "unknown".to_owned());
    let mut found = vec![Finding::good("gpu", name)];
    found.extend(gpu.compute_capability.as_deref().map(capability));
    found.extend(power_limit(gpu));
    if gpu.mig_enabled == Some(true) {
        let next = "such a row is not ranked among whole GPUs; `nvidia-smi -mig 0` as root makes it whole";
        found.push(Finding::note("mig", "the GPU is split into instances", next));
    }
    found.extend(gpu.other_processes.map(|count| match count {
        0 => Finding::good("other processes", "none"),
        _ => Finding::note("other processes", format!("{count} on the GPU"), "end them: see `nvidia-smi`"),
    }));
    found.extend(gpu.ecc_enabled.map(|on| Finding::good("ecc", if on { "on" } else { "off" })));
    found
}

fn capability(capability: &str) -> Finding {
    let mut parts = capability.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = [parts.next().unwrap_or(0), parts.next().unwrap_or(0)];
    let finding = if found < LEAST_CAPABILITY {
        let next = "libtorch 2.11 has no kernels for this GPU: measure with `--device cpu`, or another GPU";
        Finding::wrong("compute capability", capability, next)
    } else {
        Finding::good("compute capability", capability)
    };
    finding.bound(format!("{}.{} or higher", LEAST_CAPABILITY[0], LEAST_CAPABILITY[1]))
}

fn power_limit(gpu: &Gpu) -> Option<Finding> {
    let (limit, default) = gpu.power_limit_milliwatts.zip(gpu.default_power_limit_milliwatts)?;
    let watts = |milliwatts: u32| format!("{} W", milliwatts / 1000);
    let finding = if limit < default {
        let next = format!("`nvidia-smi -pl {}` as root sets the limit that it comes with", default / 1000);
        Finding::note("power limit", watts(limit), next)
    } else {
        Finding::good("power limit", watts(limit))
    };
    Some(finding.bound(format!("{} or more", watts(default))))
}

/// How the driver lets programs use the GPU that trains.
pub(crate) fn of_modes(modes: &Modes) -> Vec<Finding> {
    let exclusive = modes.compute_mode.as_deref().map(|mode| match mode {
        "default" => Finding::good("compute mode", mode),
        "prohibited" => Finding::wrong("compute mode", mode, "`nvidia-smi -c DEFAULT` as root allows programs"),
        _ => Finding::note("compute mode", mode, "`nvidia-smi -c DEFAULT` as root lets the trainer in beside others"),
    });
    let persistent = modes.persistence.map(|on| {
        if on {
            Finding::good("persistence", "on")
        } else {
            Finding::note("persistence", "off", "`nvidia-smi -pm 1` as root keeps clocks and driver ready between runs")
        }
    });
    exclusive.into_iter().chain(persistent).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;

    fn machine(change: impl FnOnce(&mut Machine)) -> Machine {
        let mut machine = Machine::read();
        let gpu = Gpu {
            name: Some("NVIDIA H200".to_owned()),
            compute_capability: Some("9.0".to_owned()),
            power_limit_milliwatts: Some(700_000),
            default_power_limit_milliwatts: Some(700_000),
            mig_enabled: Some(false),
            other_processes: Some(0),
            ..Gpu::default()
        };
        (machine.gpus, machine.trained_gpu) = (vec![gpu], Some(0));
        machine.driver_version = Some("580.65.06".to_owned());
        change(&mut machine);
        machine
    }

    fn verdict(what: &str, change: impl FnOnce(&mut Machine)) -> Verdict {
        let found = of_machine(&machine(change), false);
        found.iter().find(|finding| finding.what == what).expect("it was looked at").verdict
    }

    #[test]
    fn a_gpu_in_order_is_good_in_everything() {
        assert!(of_machine(&machine(|_| {}), false).iter().all(|finding| finding.verdict == Verdict::Good));
    }

    #[test]
    fn each_fault_is_found() {
        let old_driver = |machine: &mut Machine| machine.driver_version = Some("570.9".to_owned());
        assert_eq!(verdict("driver", old_driver), Verdict::Wrong);
        assert!(of_machine(&machine(old_driver), true).iter().all(|finding| finding.verdict == Verdict::Good));
        let old = |machine: &mut Machine| machine.gpus[0].compute_capability = Some("7.0".to_owned());
        assert_eq!(verdict("compute capability", old), Verdict::Wrong);
        assert_eq!(verdict("power limit", |machine| machine.gpus[0].power_limit_milliwatts = Some(1)), Verdict::Note);
        assert_eq!(verdict("mig", |machine| machine.gpus[0].mig_enabled = Some(true)), Verdict::Note);
        assert_eq!(verdict("other processes", |machine| machine.gpus[0].other_processes = Some(2)), Verdict::Note);
        assert_eq!(verdict("gpu", |machine| machine.trained_gpu = None), Verdict::Note);
        assert_eq!(verdict("gpus", |machine| machine.gpus.clear()), Verdict::Good);
        let ten = |machine: &mut Machine| machine.gpus[0].compute_capability = Some("10.0".to_owned());
        assert_eq!(verdict("compute capability", ten), Verdict::Good, "numbers, not letters, are compared");
    }

    #[test]
    fn how_programs_may_use_the_gpu_is_judged() {
        let of = |mode: &str, on| Modes { compute_mode: Some(mode.to_owned()), persistence: Some(on) };
        let verdicts = |modes: &Modes| of_modes(modes).iter().map(|finding| finding.verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(&of("default", true)), [Verdict::Good, Verdict::Good]);
        assert_eq!(verdicts(&of("prohibited", false)), [Verdict::Wrong, Verdict::Note]);
        assert_eq!(verdicts(&of("exclusive process", true)), [Verdict::Note, Verdict::Good]);
    }
}
