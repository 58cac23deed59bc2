//! The program that trains: the only one that links libtorch. `hlb-bench` starts it, sends it a job and reads its events.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, Read as _, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use hlb_core::clock::{Clock as _, MonotonicClock};
use hlb_core::text::TextError;
use hlb_core::units::DeviceKind;
use hlb_data::arrays::Arrays;
use hlb_protocol::determinism;
use hlb_protocol::job::{DESCRIBE, EXAMINE, Job, NO_CUDA, TrainerInfo};
use hlb_protocol::protocol::{self, Plan};
use hlb_protocol::run_log::{Arm, Event, Repeat, TrainerStart};
use hlb_protocol::trainer::TrainError;
use hlb_recipe::Recipe;

use hlb_trainer::{
    DeviceData, Engine, TorchTrainer, ask_for_deterministic_algorithms, cuda_versions, explain, first_gpu,
    is_of_libtorch, keep_freed_memory, load_cuda_if_there_is_a_driver, loaded_libtorch, matmul_tera, words_of,
};

fn main() -> ExitCode {
    keep_freed_memory();
    let output = keep_output_for_events();
    // Before anything asks libtorch about CUDA: see `load_cuda_if_there_is_a_driver`.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let cuda =
        if arguments.iter().any(|argument| argument == NO_CUDA) { Ok(()) } else { load_cuda_if_there_is_a_driver() };
    let answer = match arguments.first().map(String::as_str) {
        _ if output.is_err() => Err("there is no standard output to write events to".to_owned()),
        Some(DESCRIBE) => describe(cuda.err()),
        Some(EXAMINE) => examine(cuda),
        None | Some(NO_CUDA) => train().map_err(|error| error.to_string()),
        Some(_) => Err("this program is started by `hlb-bench`; run that instead".to_owned()),
    };
    let Err(problem) = answer else { return ExitCode::SUCCESS };
    let _ = writeln!(io::stderr(), "{problem}");
    ExitCode::from(2)
}

fn describe(cuda_problem: Option<String>) -> Result<(), String> {
    let (libtorch_file, libtorch_version) = loaded_libtorch();
    let info = TrainerInfo {
        libtorch_file,
        libtorch_version,
        cuda: tch::Cuda::is_available(),
        cuda_problem,
        gpu: first_gpu(),
        cuda_versions: cuda_versions(),
    };
    let text = serde_json::to_string(&info).map_err(|error| error.to_string())?;
    write_line(text.into_bytes()).map_err(|error| error.to_string())
}

fn examine(cuda: Result<(), String>) -> Result<(), String> {
    cuda?;
    let device = if tch::Cuda::is_available() { DeviceKind::Cuda } else { DeviceKind::Cpu };
    silence_panics_of_libtorch();
    let examined =
        guarded(None, || hlb_trainer::examine(device, &MonotonicClock::start())).map_err(|error| error.to_string())?;
    let text = serde_json::to_vec(&examined).map_err(|error| error.to_string())?;
    write_line(text).map_err(|error| error.to_string())
}

/// Standard output as it was when the program started.
static EVENTS: OnceLock<File> = OnceLock::new();

/// Takes standard output for events alone: what a library prints there from now on goes to standard error, since a line that is
/// no event ends the session.
fn keep_output_for_events() -> io::Result<()> {
    let events = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    let _ = EVENTS.set(File::from(events));
    Ok(())
}

fn write_line(mut line: Vec<u8>) -> io::Result<()> {
    line.push(b'\n');
    let mut events = EVENTS.get().ok_or(io::ErrorKind::BrokenPipe)?;
    events.write_all(&line)
}

fn train() -> Result<(), TrainError> {
    let (job, arrays) = receive().map_err(|error| TrainError(format!("no job could be read: {error}")))?;
    exit_with_the_parent();
    if job.deterministic {
        ask_for_deterministic_algorithms()?;
    }
    silence_panics_of_libtorch();
    guarded(None, || train_job(&job, arrays))
}

/// Prints Rust's report of a panic, with its file and line, for our own defects only.
fn silence_panics_of_libtorch() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        if !is_of_libtorch(&words_of(panicked.payload())) {
            report(panicked);
        }
    }));
}

/// Turns a panic into an error: tch panics with libtorch's text where an operation fails, and the parent reads that text with
/// an explanation. `batch_size` is that of the recipe in training.
fn guarded<T>(batch_size: Option<u32>, work: impl FnOnce() -> Result<T, TrainError>) -> Result<T, TrainError> {
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    done.unwrap_or_else(|payload| Err(TrainError(explain(&words_of(payload.as_ref()), batch_size))))
}

fn train_job(job: &Job, arrays: Arrays) -> Result<(), TrainError> {
    let engine = engine(job, &job.recipe)?;
    let heartbeat = Heartbeat { clock: MonotonicClock::start(), run: Cell::new(0), last: Cell::new(Duration::ZERO) };
    let mut workers = Vec::new();
    if let Some(reference) = &job.reference {
        workers.push(Worker::new(Arm::Reference, reference, job, &arrays, &heartbeat)?);
    }
    workers.push(Worker::new(Arm::Variant, &job.recipe, job, &arrays, &heartbeat)?);
    drop(arrays);
    engine.synchronize();
    engine.apply()?;
    let matmul_tera = matmul_tera(engine, &heartbeat.clock);
    emit(Event::TrainerStart(TrainerStart {
        device: engine.device_kind(),
        threads: job.threads,
        precision: engine.number_format(),
        matmul_tera: Some(matmul_tera),
        libtorch_version: loaded_libtorch().1.parse().map_err(|error: TextError| TrainError(error.to_string()))?,
    }))?;
    let finished = run_all(job, &mut workers, &heartbeat);
    if finished.is_err() {
        // Not dropped: a GPU that failed may fail again when it frees memory, and that message would come last.
        std::mem::forget(workers);
    }
    finished
}

fn engine(job: &Job, recipe: &Recipe) -> Result<Engine, TrainError> {
    Engine::choose(job.device, recipe.precision, recipe.norm.fp32, job.threads, job.deterministic)
        .map_err(|error| TrainError(error.to_string()))
}

/// Tells `hlb-bench` at most once a second that training continues.
struct Heartbeat {
    clock: MonotonicClock,
    run: Cell<u32>,
    last: Cell<Duration>,
}

impl Heartbeat {
    fn alive(&self, step: u64) {
        if self.clock.now().saturating_sub(self.last.get()) >= Duration::from_secs(1) {
            self.last.set(self.clock.now());
            // A heartbeat that cannot be written is ignored; the next event fails.
            let _ = emit(Event::Progress { run: self.run.get(), step });
        }
    }
}

/// A recipe and its trainer.
struct Worker<'a> {
    arm: Arm,
    plan: Plan,
    /// Images of an optimizer step, for [`guarded`].
    batch_size: u32,
    trainer: TorchTrainer<'a>,
}

impl<'a> Worker<'a> {
    fn new(
        arm: Arm,
        recipe: &Recipe,
        job: &Job,
        arrays: &Arrays,
        heartbeat: &'a Heartbeat,
    ) -> Result<Self, TrainError> {
        let engine = engine(job, recipe)?;
        let data = DeviceData::upload(arrays, recipe.augment, engine);
        let plan =
            Plan { length: recipe.length(job.arrays.train), target: job.target, stop_at_target: job.stop_at_target };
        let trainer = TorchTrainer::new(recipe.clone(), data, engine, Box::new(|step| heartbeat.alive(step)));
        Ok(Self { arm, plan, batch_size: recipe.batch_size, trainer })
    }
}

/// A warmup run of each recipe, then the runs in the order asked for.
fn run_all(job: &Job, workers: &mut [Worker], heartbeat: &Heartbeat) -> Result<(), TrainError> {
    let clock = &heartbeat.clock;
    for Worker { arm, batch_size, trainer, .. } in &mut *workers {
        guarded(Some(*batch_size), || protocol::warm_up(*arm, job.warmup_seed, (trainer, clock), &mut emit))?;
    }
    if let (true, Some(worker)) = (job.deterministic, workers.last_mut()) {
        let steps = worker.plan.length.steps();
        let parted =
            guarded(Some(worker.batch_size), || determinism::check(&mut worker.trainer, job.warmup_seed, steps))?;
        emit(Event::Repeat(Repeat { steps, parted }))?;
    }
    for start in &job.runs {
        heartbeat.run.set(start.run);
        let worker = workers.iter_mut().find(|worker| worker.arm == start.arm);
        let worker = worker.ok_or_else(|| TrainError("a run has no recipe".to_owned()))?;
        let Worker { plan, batch_size, trainer, .. } = worker;
        guarded(Some(*batch_size), || protocol::run(*start, plan, (trainer, clock), &mut emit))?;
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

/// `hlb-bench` keeps our standard input open. When it closes, this process is killed at once, since an orphan would train in
/// vain and disturb the next measurement.
fn exit_with_the_parent() {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let own = rustix::process::getpid();
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    });
}

#[expect(clippy::needless_pass_by_value, reason = "the protocol passes events by value")]
fn emit(event: Event) -> Result<(), TrainError> {
    let failed = |error: io::Error| TrainError(format!("an event could not be written: {error}"));
    let line = serde_json::to_vec(&event).map_err(io::Error::other).map_err(failed)?;
    write_line(line).map_err(failed)
}
