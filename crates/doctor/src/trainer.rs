//! The trainer, its libtorch, and how its device works.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::finding::Finding;
use crate::under_load;
use hlb_core::clock::{self, Clock as _, MonotonicClock};
use hlb_core::hint::Hint as _;
use hlb_core::units::DeviceKind;
use hlb_machine::{Machine, Sample, Sampler, peak};
use hlb_protocol::job::{DeviceChoice, Examination, TrainerInfo};
use hlb_session::{SpawnError, describe, examine, find_trainer};

/// The libtorch that results on a board are made with.
const PINNED: &str = "2.11.0";

/// Share of a GPU's peak under which something holds it down.
const LEAST_SHARE: f64 = 0.6;

/// Largest relative error of half precision.
const MOST_ERROR: f64 = 0.02;

/// Time between two samples while the device works.
const SAMPLED_EVERY: Duration = Duration::from_millis(100);

/// What the trainer says, and how the device that it would train on works; whether CUDA works.
pub(crate) fn look(choice: DeviceChoice, machine: &mut Machine) -> (Vec<Finding>, bool) {
    let known = find_trainer().and_then(|path| Ok((describe(&path, choice != DeviceChoice::Cpu)?, path)));
    match known {
        Ok((info, path)) => (of_known(&info, &path, choice, machine), info.cuda),
        Err(error) => (vec![broken(&error)], false),
    }
}

fn of_known(info: &TrainerInfo, path: &Path, choice: DeviceChoice, machine: &mut Machine) -> Vec<Finding> {
    let mut found = vec![libtorch(info)];
    if let Some(problem) = no_cuda(info, choice) {
        if choice == DeviceChoice::Cuda || machine.has_gpu() {
            let next = "`--device cpu` measures the CPU of this machine instead";
            found.push(Finding::wrong("cuda", problem, next));
            return found;
        }
        found.push(Finding::note("cuda", problem, "there is no GPU of NVIDIA either: the CPU trains"));
    }
    if let Some(gpu) = &info.gpu {
        found.push(match machine.confirm(&gpu.name, &gpu.uuid) {
            Ok(()) => Finding::good("device", format!("CUDA trains on {}", gpu.name)),
            Err(problem) => {
                let next = "name it in CUDA_VISIBLE_DEVICES by its UUID (`nvidia-smi -L`)";
                Finding::wrong("device", problem, next)
            }
        });
    }
    found.extend(versions(info));
    found.extend(work(path, info.cuda, machine));
    found
}

/// Why CUDA cannot be used, where somebody asks for it or its driver is there.
fn no_cuda(info: &TrainerInfo, choice: DeviceChoice) -> Option<String> {
    let is_asked = choice == DeviceChoice::Cuda && !info.cuda;
    info.cuda_problem.clone().or_else(|| is_asked.then(|| "libtorch finds no NVIDIA driver".to_owned()))
}

fn broken(error: &SpawnError) -> Finding {
    Finding::wrong("trainer", error.to_string(), error.hint().unwrap_or_default())
}

fn libtorch(info: &TrainerInfo) -> Finding {
    let version = info.libtorch_version.clone();
    let finding = if version.starts_with(PINNED) {
        Finding::good("libtorch", version)
    } else {
        Finding::note("libtorch", version, "`make setup` installs the one that the board's results are made with")
    };
    finding.bound(PINNED)
}

fn versions(info: &TrainerInfo) -> Option<Finding> {
    let versions = info.cuda_versions?;
    let written = |number: Option<u64>| number.map_or_else(|| "unknown".to_owned(), |number| number.to_string());
    let [runtime, cudnn, cublas] = [versions.runtime, versions.cudnn, versions.cublas_lt].map(written);
    Some(Finding::good("cuda libraries", format!("runtime {runtime}, cuDNN {cudnn}, cuBLASLt {cublas}")))
}

/// Lets the device work, and watches it.
fn work(trainer: &Path, cuda: bool, machine: &Machine) -> Vec<Finding> {
    let done = AtomicBool::new(false);
    let (examined, samples) = thread::scope(|scope| {
        let watcher = scope.spawn(|| sampled(&done));
        let examined = examine(trainer, cuda);
        done.store(true, Ordering::Relaxed);
        (examined, watcher.join().unwrap_or_default())
    });
    match examined {
        Ok(examined) => {
            let mut found = judged(&examined, machine);
            if let Some(index) = machine.trained_gpu.filter(|_| cuda).and_then(|index| usize::try_from(index).ok()) {
                found.extend(under_load::of(&samples, index));
            }
            found
        }
        Err(error) => vec![broken(&error)],
    }
}

/// Samples with their times in seconds, until it is done.
fn sampled(done: &AtomicBool) -> Vec<(f64, Sample)> {
    let clock = MonotonicClock::start();
    let mut sampler = Sampler::open(clock::calendar_milliseconds);
    let mut readings = Vec::new();
    while !done.load(Ordering::Relaxed) {
        readings.push((clock.now().as_secs_f64(), sampler.sample()));
        thread::sleep(SAMPLED_EVERY);
    }
    readings
}

fn judged(examined: &Examination, machine: &Machine) -> Vec<Finding> {
    let Examination { matmul_tera, copy_gigabytes, launch_microseconds, relative_error, .. } = examined;
    let exact = format!("{relative_error:.1e} off double precision");
    let exact = if *relative_error <= MOST_ERROR {
        Finding::good("arithmetic", exact)
    } else {
        Finding::wrong("arithmetic", exact, "this device computes wrong: do not measure on it, and report it")
    };
    let repeats = if examined.repeats {
        Finding::good("repeats", "the same work gave the same bits twice")
    } else {
        Finding::note("repeats", "the same work gave other bits", "results of this machine cannot be repeated exactly")
    };
    vec![
        rate(examined, *matmul_tera, machine),
        Finding::good("copies", format!("{copy_gigabytes:.0} GB/s within the device's memory")),
        Finding::good("launches", format!("{launch_microseconds:.1} µs from one smallest operation to the next")),
        exact.bound(format!("{MOST_ERROR} at most")),
        repeats,
    ]
}

/// The rate of matrix products, against the peak of a GPU that is known.
fn rate(examined: &Examination, tera: f64, machine: &Machine) -> Finding {
    let value = format!("{tera:.3} TFLOP/s in {}", examined.precision);
    let name = machine.trained().filter(|_| examined.device == DeviceKind::Cuda).and_then(|gpu| gpu.name.as_deref());
    let Some(peak) = name.and_then(|name| peak::peak(name, examined.precision)) else {
        return Finding::good("matrix products", value);
    };
    let share = tera * 1e12 / peak.flop_per_second;
    let value = format!("{value}, {:.0} % of the peak", 100.0 * share);
    let finding = if share < LEAST_SHARE {
        let next = "something holds the GPU down: look at its power limit, heat, clocks and other programs";
        Finding::note("matrix products", value, next)
    } else {
        Finding::good("matrix products", value)
    };
    finding.bound(format!("{:.0} % of the peak or more", 100.0 * LEAST_SHARE))
}
