//! The program that trains: the only one that links libtorch. `hlb-bench` starts it, feeds it and listens to it.

use std::cell::Cell;
use std::io::{self, BufRead, Read as _, Write as _};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use hlb_bench::clock::{Clock as _, MonotonicClock};
use hlb_bench::protocol::{self, Plan};
use hlb_bench::session::TrainerInfo;
use hlb_bench::trainer::TrainError;
use hlb_bench::wire::{Arrays, Event, Job, TrainerStart};

use crate::torch::{DeviceData, Engine, TorchTrainer, load_cuda_if_there_is_a_gpu, loaded_libtorch};

#[expect(
    dead_code,
    unused_imports,
    reason = "some of it serves the tests and the benchmark, which include this room too"
)]
#[path = "../torch/mod.rs"]
mod torch;

fn main() -> ExitCode {
    // First of all, before anything asks libtorch about CUDA: see `load_cuda_if_there_is_a_gpu`.
    let cuda = load_cuda_if_there_is_a_gpu();
    let answer = match std::env::args().nth(1).as_deref() {
        Some("--describe") => describe(cuda.err()),
        Some(_) => Err("this program is started by `hlb-bench`; run that instead".to_owned()),
        None => train().map_err(|error| error.to_string()),
    };
    let Err(problem) = answer else { return ExitCode::SUCCESS };
    let _ = writeln!(io::stderr(), "{problem}");
    ExitCode::from(2)
}

fn describe(cuda_problem: Option<String>) -> Result<(), String> {
    let (libtorch_file, libtorch_version) = loaded_libtorch();
    let info = TrainerInfo { libtorch_file, libtorch_version, cuda: tch::Cuda::is_available(), cuda_problem };
    let text = serde_json::to_string(&info).map_err(|error| error.to_string())?;
    writeln!(io::stdout(), "{text}").map_err(|error| error.to_string())
}

fn train() -> Result<(), TrainError> {
    let (job, arrays) = receive().map_err(|error| TrainError(format!("no job could be read: {error}")))?;
    die_with_the_parent();
    let engine = Engine::choose(job.device, job.recipe.precision, job.recipe.norm, job.threads)
        .map_err(|error| TrainError(error.to_string()))?;
    let data = DeviceData::upload(&arrays, job.recipe.augment, engine);
    drop(arrays);
    engine.synchronize();
    emit(Event::TrainerStart(TrainerStart {
        device: engine.device_word().to_owned(),
        threads: job.threads,
        precision: engine.precision_word().to_owned(),
        libtorch_version: loaded_libtorch().1,
    }))?;
    hold(&job, data, engine)
}

/// The warmup run, then one run for each seed.
fn hold(job: &Job, data: DeviceData, engine: Engine) -> Result<(), TrainError> {
    let clock = MonotonicClock::start();
    let run = Cell::new(0);
    let last_sign = Cell::new(Duration::ZERO);
    let alive = |step: u64| {
        if clock.now().saturating_sub(last_sign.get()) >= Duration::from_secs(1) {
            last_sign.set(clock.now());
            // A sign of life that nobody hears is no reason to stop; the next event is.
            let _ = emit(Event::Progress { run: run.get(), step });
        }
    };
    let mut trainer = TorchTrainer::new(job.recipe.clone(), data, engine, Box::new(alive));
    protocol::warm_up(&mut trainer, job.warmup_seed, &clock, &mut emit)?;
    let plan = Plan {
        epochs: job.recipe.epochs,
        steps_per_epoch: job.recipe.steps_per_epoch(job.arrays.train),
        target: job.target,
        stop_at_target: job.stop_at_target,
    };
    for (number, seed) in (1..).zip(&job.seeds) {
        run.set(number);
        protocol::run(number, *seed, &plan, (&mut trainer, &clock), &mut emit)?;
    }
    Ok(())
}

fn receive() -> io::Result<(Job, Arrays)> {
    let mut input = io::stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line)?;
    let job: Job = serde_json::from_str(&line).map_err(io::Error::other)?;
    let mut bytes = vec![0; job.arrays.byte_counts().iter().sum()];
    input.read_exact(&mut bytes)?;
    let arrays = Arrays::new(bytes, job.arrays).map_err(io::Error::other)?;
    Ok((job, arrays))
}

/// `hlb-bench` holds our standard input open as long as it lives. When it is gone, so is this process, whatever
/// libtorch is doing: an orphan would train for nobody and disturb whoever measures next.
fn die_with_the_parent() {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let own = rustix::process::getpid();
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    });
}

#[expect(clippy::needless_pass_by_value, reason = "the protocol hands events over")]
fn emit(event: Event) -> Result<(), TrainError> {
    let failed = |error: io::Error| TrainError(format!("an event could not be written: {error}"));
    let mut line = serde_json::to_vec(&event).map_err(io::Error::other).map_err(failed)?;
    line.push(b'\n');
    let mut output = io::stdout().lock();
    output.write_all(&line).and_then(|()| output.flush()).map_err(failed)
}
