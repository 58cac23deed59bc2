//! The sensors of GPUs that are read again and again.

use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::error::{Bits, NvmlError};
use nvml_wrapper::{Device, Nvml};

use crate::kernel::Kernel;
use crate::nvml;
use crate::{GpuSample, ThrottleReason, Unknown};

/// All GPUs, or why there are none.
pub(super) struct Sensors {
    nvml: Result<(Nvml, u32), String>,
    /// Whether NVML numbers processes as this process sees them.
    same_numbers: bool,
}

impl Sensors {
    /// Opens NVML.
    pub(super) fn open(kernel: &Kernel) -> Self {
        let opened = nvml::open().and_then(|nvml| nvml::count(&nvml).map(|count| (nvml, count)));
        Self { nvml: opened, same_numbers: is_outermost(kernel) }
    }

    /// A sample of each GPU; `ours` are this process and the watched ones.
    pub(super) fn sample(&self, ours: &[u32], unknown: &mut Unknown) -> Vec<GpuSample> {
        match &self.nvml {
            Ok((nvml, count)) => (0..*count).map(|index| self.sample_one(nvml, index, ours, unknown)).collect(),
            Err(reason) => {
                unknown.note::<(), _>("gpus", Err(reason));
                Vec::new()
            }
        }
    }

    fn sample_one(&self, nvml: &Nvml, index: u32, ours: &[u32], unknown: &mut Unknown) -> GpuSample {
        // A new handle each time is cheap, and it fails for a lost GPU.
        match nvml.device_by_index(index) {
            Ok(device) => self.read(&device, ours, &mut Noting { index, unknown }),
            Err(error) => {
                let (reason, sample) = (nvml::reason(error), GpuSample::default());
                for key in hlb_core::tree::leaves(&hlb_core::tree::of(&sample)).keys() {
                    unknown.note::<(), _>(&key_of(index, key), Err(&reason));
                }
                sample
            }
        }
    }

    fn read(&self, device: &Device, ours: &[u32], noting: &mut Noting) -> GpuSample {
        let utilization = noting.note("utilization_percent", device.utilization_rates()).map(|rates| rates.gpu);
        let mut sample = GpuSample {
            sm_clock_mhz: noting.note("sm_clock_mhz", device.clock_info(Clock::SM)),
            memory_clock_mhz: noting.note("memory_clock_mhz", device.clock_info(Clock::Memory)),
            power_milliwatts: noting.note("power_milliwatts", device.power_usage()),
            temperature_celsius: noting.note("temperature_celsius", device.temperature(TemperatureSensor::Gpu)),
            utilization_percent: utilization,
            memory_used_bytes: noting.note("memory_used_bytes", device.memory_info()).map(|memory| memory.used),
            energy_millijoules: noting.note("energy_millijoules", device.total_energy_consumption()),
            throttle_reasons: noting.note("throttle_reasons", throttle_reasons(device)),
            other_processes: None,
        };
        if let Some(processes) = noting.note("other_processes", device.running_compute_processes()) {
            let listed: Vec<u32> = processes.iter().map(|process| process.pid).collect();
            let counted = others(&listed, ours, utilization, self.same_numbers);
            sample.other_processes = noting.unknown.note(&key_of(noting.index, "other_processes"), counted);
        }
        sample
    }
}

/// Notes reasons under the key of a GPU. The key is only made where there is one.
struct Noting<'a> {
    index: u32,
    unknown: &'a mut Unknown,
}

impl Noting<'_> {
    fn note<T>(&mut self, key: &str, reading: Result<T, NvmlError>) -> Option<T> {
        reading.map_err(|error| self.unknown.note::<(), _>(&key_of(self.index, key), Err(nvml::reason(error)))).ok()
    }
}

fn key_of(index: u32, key: &str) -> String {
    format!("gpus[{index}].{key}")
}

fn throttle_reasons(device: &Device) -> Result<Vec<ThrottleReason>, NvmlError> {
    match device.current_throttle_reasons_strict() {
        Ok(reasons) => Ok(listed(reasons.bits())),
        // The wrapper refuses bits that it does not know; they are a reason too.
        Err(NvmlError::IncorrectBits(Bits::U64(bits))) => Ok(listed(bits)),
        Err(error) => Err(error),
    }
}

fn listed(bits: u64) -> Vec<ThrottleReason> {
    const KNOWN: [(ThrottleReasons, ThrottleReason); 9] = [
        (ThrottleReasons::GPU_IDLE, ThrottleReason::GpuIdle),
        (ThrottleReasons::APPLICATIONS_CLOCKS_SETTING, ThrottleReason::ApplicationsClocksSetting),
        (ThrottleReasons::SW_POWER_CAP, ThrottleReason::SwPowerCap),
        (ThrottleReasons::HW_SLOWDOWN, ThrottleReason::HwSlowdown),
        (ThrottleReasons::SYNC_BOOST, ThrottleReason::SyncBoost),
        (ThrottleReasons::SW_THERMAL_SLOWDOWN, ThrottleReason::SwThermalSlowdown),
        (ThrottleReasons::HW_THERMAL_SLOWDOWN, ThrottleReason::HwThermalSlowdown),
        (ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN, ThrottleReason::HwPowerBrakeSlowdown),
        (ThrottleReasons::DISPLAY_CLOCK_SETTING, ThrottleReason::DisplayClockSetting),
    ];
    let known = KNOWN.iter().filter(|(flag, _)| bits & flag.bits() != 0).map(|(_, reason)| *reason);
    let other = (bits & !ThrottleReasons::all().bits() != 0).then_some(ThrottleReason::Other);
    known.chain(other).collect()
}

/// How many of the listed processes are not ours. The first of `ours` is this process, the others are watched.
///
/// Inside a container NVML may number processes as the host does, or hide those of others. If a watched process is
/// missing although something runs, the numbers may be the host's, and nothing is counted.
fn others(listed: &[u32], ours: &[u32], utilization: Option<u32>, same_numbers: bool) -> Result<u32, &'static str> {
    let count = listed.iter().filter(|pid| !ours.contains(pid)).count();
    let watched = ours.get(1..).unwrap_or_default();
    let found = watched.iter().any(|pid| listed.contains(pid));
    let idle = utilization == Some(0) && listed.is_empty();
    if !watched.is_empty() && !found && !idle && !same_numbers {
        return Err("NVML does not number processes as this container does");
    }
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Whether this process sees the numbers that the kernel itself uses: the first PID namespace has a fixed inode
/// (`PROC_PID_INIT_INO`, 0xEFFFFFFC).
fn is_outermost(kernel: &Kernel) -> bool {
    kernel.link("proc/self/ns/pid").is_ok_and(|link| link.to_str() == Some("pid:[4026531836]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_become_reasons_in_order_and_unknown_ones_are_not_lost() {
        assert_eq!(listed(0), []);
        assert_eq!(listed(0x44), [ThrottleReason::SwPowerCap, ThrottleReason::HwThermalSlowdown]);
        assert_eq!(listed(1 << 40 | 1), [ThrottleReason::GpuIdle, ThrottleReason::Other]);
        assert_eq!(listed(0x1ff).len(), 9);
    }

    #[test]
    fn others_are_counted_where_numbers_are_sure() {
        assert_eq!(others(&[1, 2, 3], &[1, 2], Some(90), true), Ok(1));
        assert_eq!(others(&[2], &[1, 2], Some(90), false), Ok(0));
        assert_eq!(others(&[8], &[1], Some(0), false), Ok(1));
        assert_eq!(others(&[8], &[1, 2], Some(90), true), Ok(1));
        assert_eq!(others(&[], &[1, 2], Some(0), false), Ok(0));
    }

    #[test]
    fn a_watched_process_that_hides_leaves_the_count_unknown() {
        assert!(others(&[8], &[1, 2], Some(90), false).is_err());
        assert!(others(&[], &[1, 2], Some(90), false).is_err());
        assert!(others(&[8], &[1, 2], Some(0), false).is_err());
        assert!(others(&[], &[1, 2], None, false).is_err());
    }
}
