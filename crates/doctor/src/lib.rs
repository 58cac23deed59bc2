//! Whether a machine is ready to measure: what was looked at, what it is, what it should be, and what to do.
//!
//! | file | noun |
//! |---|---|
//! | `finding` | one thing that was looked at, and all of them |
//! | `system` | processors, load, clocks and what is set around this program |
//! | `storage` | disk, data sets and the key |
//! | `gpu`, `under_load` | the GPUs as NVML records them, and while one works |
//! | `trainer` | the trainer, its libtorch, and how its device works |

mod finding;
mod gpu;
mod storage;
mod system;
mod trainer;
mod under_load;

use std::path::Path;
use std::thread;
use std::time::Duration;

pub use finding::{Finding, Report, Verdict};

use hlb_core::clock::{Clock as _, MonotonicClock, calendar_milliseconds};
use hlb_core::units::DeviceKind;
use hlb_machine::{Machine, Modes, Sampler};
use hlb_protocol::job::DeviceChoice;
use hlb_session::default_threads;

/// Over how long load and clocks are looked at.
const LOOK_FOR: Duration = Duration::from_secs(1);

/// Looks at everything; takes some seconds, in which the device works.
pub fn examine(choice: DeviceChoice, threads: Option<u32>, sessions: &Path) -> Report {
    let mut found = vec![system::environment()];
    let mut machine = Machine::read();
    let threads = threads.unwrap_or_else(|| default_threads(&machine));
    found.push(system::processors(&machine.host, threads));
    found.extend(over_a_second());
    let (trained, cuda_works) = trainer::look(choice, &mut machine);
    if choice != DeviceChoice::Cpu {
        found.extend(gpus(&machine, cuda_works));
    }
    found.extend(trained);
    found.extend(storage::disk(sessions));
    found.push(storage::data_sets());
    found.push(storage::key());
    found.into()
}

/// Looks at what a session that is about to begin depends on, without a device that works.
pub fn glance(machine: &Machine, device: DeviceKind, threads: Option<u32>, sessions: &Path) -> Report {
    let mut found = Vec::new();
    match device {
        DeviceKind::Cpu => {
            found.push(system::processors(&machine.host, threads.unwrap_or_else(|| default_threads(machine))));
        }
        DeviceKind::Cuda => found.extend(gpus(machine, true)),
    }
    found.extend(storage::disk(sessions));
    found.into()
}

fn gpus(machine: &Machine, cuda_works: bool) -> Vec<Finding> {
    let modes = machine.trained_gpu.map(Modes::of).unwrap_or_default();
    let found = gpu::of_machine(machine, cuda_works).into_iter();
    found.chain(gpu::memory_device(cuda_works)).chain(gpu::of_modes(&modes)).collect()
}

/// Load and clocks.
fn over_a_second() -> Vec<Finding> {
    let clock = MonotonicClock::start();
    let mut sampler = Sampler::open(calendar_milliseconds);
    let (begin, first) = (clock.now(), sampler.sample());
    thread::sleep(LOOK_FOR);
    let (end, second) = (clock.now(), sampler.sample());
    #[expect(clippy::cast_precision_loss, reason = "a second has a thousand milliseconds")]
    let calendar =
        second.host.system_clock_milliseconds.saturating_sub(first.host.system_clock_milliseconds) as f64 / 1e3;
    let mut found = system::load(&second.host);
    found.push(system::clocks(&clock, calendar, end.saturating_sub(begin).as_secs_f64()));
    found
}
