//! Finds, starts, feeds, reads and ends the trainer program.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::de::DeserializeOwned;

use crate::environment::passed;
use hlb_core::clock::{Clock as _, MonotonicClock};
use hlb_core::hint::Hint;
use hlb_core::text::{last_words, show, show_path};
use hlb_core::units::DeviceKind;
use hlb_data::arrays::Arrays;
use hlb_protocol::job::{DESCRIBE, EXAMINE, Examination, Job, NO_CUDA, TrainerInfo};
use hlb_protocol::run_log::Event;

/// The trainer program cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum SpawnError {
    #[error("training needs the program `hlb-bench-trainer`, which is not next to this one in {}", show_path(folder))]
    Missing { folder: PathBuf },
    #[error("{path} cannot be started: {source}", path = show_path(path))]
    Start { path: PathBuf, source: io::Error },
    /// It starts and fails at once, most likely without its libtorch.
    #[error("{path} does not work: {problem}", path = show_path(path), problem = show(problem))]
    Broken { path: PathBuf, problem: String },
    /// It waits for something, most likely a GPU.
    #[error("{path} did not say in {seconds} s which GPU it sees", path = show_path(path))]
    Silent { path: PathBuf, seconds: u64 },
}

impl Hint for SpawnError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing { .. } => {
                "build it with `make build` in a checkout: that installs libtorch 2.11.0 and builds both programs"
                    .to_owned()
            }
            Self::Silent { .. } => {
                "a GPU that was lost does not answer: see `nvidia-smi` and the kernel's log, and start the machine \
                 again; `--device cpu` measures without it"
                    .to_owned()
            }
            _ => {
                "rebuild with `make build`; if libtorch was moved, name its `lib` folder in LD_LIBRARY_PATH".to_owned()
            }
        })
    }
}

/// The trainer program next to this one, or the one named in `$HLB_BENCH_TRAINER`.
pub fn find_trainer() -> Result<PathBuf, SpawnError> {
    if let Some(path) = std::env::var_os("HLB_BENCH_TRAINER") {
        return Ok(PathBuf::from(path));
    }
    let own = std::env::current_exe().unwrap_or_default();
    let folder = own.parent().unwrap_or(Path::new("."));
    let path = folder.join("hlb-bench-trainer");
    if path.is_file() { Ok(path) } else { Err(SpawnError::Missing { folder: folder.to_owned() }) }
}

/// How long a trainer may take to say what its libtorch is. A cold disk takes seconds, a GPU that was lost for ever.
const DESCRIBE_TIME: Duration = Duration::from_mins(1);

/// How long its device may work on what takes seconds.
const EXAMINE_TIME: Duration = Duration::from_mins(2);

/// Asks the trainer program about its libtorch; without `cuda` it leaves the GPU alone.
pub fn describe(trainer: &Path, cuda: bool) -> Result<TrainerInfo, SpawnError> {
    ask(trainer, DESCRIBE, cuda, DESCRIBE_TIME)
}

/// Lets the trainer program's device work: the GPU that CUDA numbers 0 with `cuda`, else the CPU.
pub fn examine(trainer: &Path, cuda: bool) -> Result<Examination, SpawnError> {
    ask(trainer, EXAMINE, cuda, EXAMINE_TIME)
}

/// What the trainer answers to one argument within a time.
fn ask<T: DeserializeOwned>(trainer: &Path, question: &str, cuda: bool, limit: Duration) -> Result<T, SpawnError> {
    let start = |source| SpawnError::Start { path: trainer.to_owned(), source };
    let mut command = command(trainer, false);
    command.arg(question).args(without(cuda)).stdin(Stdio::null());
    let mut child = command.spawn().map_err(start)?;
    let [said, complained] = [Arc::default(), Arc::default()];
    let listeners = [
        child.stdout.take().map(|pipe| listen_to(pipe, &said)),
        child.stderr.take().map(|pipe| listen_to(pipe, &complained)),
    ];
    let Some(status) = ended_within(&mut child, limit).map_err(start)? else {
        // Not waited for: a process that waits for a lost GPU outlives even this.
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        return Err(SpawnError::Silent { path: trainer.to_owned(), seconds: limit.as_secs() });
    };
    for listener in listeners.into_iter().flatten() {
        let _ = listener.join();
    }
    let broken = |problem: String| SpawnError::Broken { path: trainer.to_owned(), problem };
    if !status.success() {
        return Err(broken(failure(&taken(&complained), status)));
    }
    serde_json::from_slice(&taken(&said)).map_err(|error| broken(error.to_string()))
}

/// A trainer that sees nothing of this program's environment but what the list allows, and is heard through pipes. It is in its
/// own process group, so that Ctrl-C in the terminal does not reach it directly.
fn command(trainer: &Path, deterministic: bool) -> Command {
    let mut command = Command::new(trainer);
    command.env_clear().envs(passed(deterministic));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    command
}

/// What the trainer is told where it is to leave GPUs alone.
fn without(cuda: bool) -> Option<&'static str> {
    (!cuda).then_some(NO_CUDA)
}

/// How a process ended, if it does within this time.
fn ended_within(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let clock = MonotonicClock::start();
    while clock.now() < limit {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(None)
}

/// Keeps the last of what a pipe brings.
fn listen_to(pipe: impl io::Read + Send + 'static, kept: &Arc<Mutex<Vec<u8>>>) -> thread::JoinHandle<()> {
    let kept = Arc::clone(kept);
    thread::spawn(move || keep(pipe, &kept))
}

/// What was kept of a pipe.
fn taken(kept: &Mutex<Vec<u8>>) -> Vec<u8> {
    kept.lock().map_or_else(|_| Vec::new(), |kept| kept.clone())
}

/// How a process ended, and the last line of its standard error.
fn failure(stderr: &[u8], status: ExitStatus) -> String {
    format!("{} ({})", ending(status), last_words(stderr))
}

/// How a process ended, in words.
fn ending(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(9), _) => "killed by signal 9, as the kernel does when memory runs out".to_owned(),
        (Some(signal), _) => format!("killed by signal {signal}"),
        (_, Some(code)) => format!("exited with status {code}"),
        _ => "ended".to_owned(),
    }
}

/// What comes from the trainer.
#[derive(Debug)]
pub(super) enum Message {
    /// An event, and when its line arrived.
    Event(Duration, Box<Event>),
    /// A line that is not an event.
    Garbage(String),
    /// Its output ended.
    End,
}

/// How long a trainer may take to end after its output has.
const EXIT_TIME: Duration = Duration::from_secs(10);
/// How often its status is polled.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A running trainer. Dropping it kills it.
pub(super) struct Trainer {
    child: Child,
    stderr: Arc<Mutex<Vec<u8>>>,
    listeners: Vec<thread::JoinHandle<()>>,
}

impl Trainer {
    /// Starts the program and sends it job and data.
    pub(super) fn start(
        path: &Path,
        job: &Job,
        arrays: &Arrays,
        clock: MonotonicClock,
        sender: Sender<Message>,
    ) -> Result<Self, SpawnError> {
        let failed = |source| SpawnError::Start { path: path.to_owned(), source };
        let mut command = command(path, job.deterministic);
        command.args(without(job.device == DeviceKind::Cuda)).stdin(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let mut listeners = Vec::new();
        if let Some(pipe) = child.stdin.take() {
            let job = serde_json::to_vec(job).map_err(io::Error::other).map_err(failed)?;
            feed(pipe, job, arrays.clone());
        }
        if let Some(pipe) = child.stdout.take() {
            listeners.push(thread::spawn(move || listen(pipe, &sender, clock)));
        }
        if let Some(pipe) = child.stderr.take() {
            listeners.push(listen_to(pipe, &stderr));
        }
        Ok(Self { child, stderr, listeners })
    }

    /// Id of its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process and its children.
    pub(super) fn kill(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }

    /// Waits for the process, and kills it if it does not end within `EXIT_TIME`.
    fn wait(&mut self) -> io::Result<ExitStatus> {
        if let Some(status) = ended_within(&mut self.child, EXIT_TIME)? {
            return Ok(status);
        }
        self.kill();
        self.child.wait()
    }

    /// Waits for its end; `None` on success, else how it ended.
    pub(super) fn end(mut self) -> Option<String> {
        let status = self.wait();
        for listener in self.listeners.drain(..) {
            let _ = listener.join();
        }
        match status {
            Ok(status) if status.success() => None,
            Ok(status) => Some(failure(&taken(&self.stderr), status)),
            Err(error) => Some(error.to_string()),
        }
    }
}

impl Drop for Trainer {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}

/// Writes job and data in a thread, since the trainer may end without reading them. The pipe then stays open for the
/// life of this process: the trainer ends when it is closed.
fn feed(mut pipe: ChildStdin, mut job: Vec<u8>, arrays: Arrays) {
    job.push(b'\n');
    thread::spawn(move || {
        let write = |pipe: &mut ChildStdin| {
            pipe.write_all(&job)?;
            pipe.write_all(arrays.bytes())?;
            pipe.flush()
        };
        // A trainer that no longer reads has ended; its status says why.
        let _ = write(&mut pipe);
        drop(arrays);
        std::mem::forget(pipe);
    });
}

/// Passes each line on. One that was cut off is dropped: how the process ended says why.
fn listen(pipe: impl io::Read, sender: &Sender<Message>, clock: MonotonicClock) {
    let (mut pipe, mut line) = (BufReader::new(pipe), String::new());
    while pipe.read_line(&mut line).is_ok() && line.ends_with('\n') {
        let arrived = clock.now();
        line.pop();
        let event = serde_json::from_str(&line);
        let garbage = |_| Message::Garbage(line.clone());
        let message = event.map_or_else(garbage, |event| Message::Event(arrived, Box::new(event)));
        if sender.send(message).is_err() {
            return;
        }
        line.clear();
    }
    let _ = sender.send(Message::End);
}

/// Keeps the last of what the trainer says on its standard error.
fn keep(mut pipe: impl io::Read, kept: &Mutex<Vec<u8>>) {
    const KEPT: usize = 16 * 1024;
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        let Ok(mut kept) = kept.lock() else { return };
        kept.extend_from_slice(&buffer[..count]);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
}
