//! Watches the trainer from outside: stamps its events, writes them to the run log, and records how it ended.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::child::{Message, Trainer};
use crate::error::SessionError;
use crate::observer::Observer;
use crate::telemetry::Telemetry;
use hlb_core::clock::{Clock as _, MonotonicClock, PhaseSeconds};
use hlb_data::arrays::Arrays;
use hlb_protocol::job::Job;
use hlb_protocol::run_log::range::SensorCount;
use hlb_protocol::run_log::{
    Event, LogError, LogLine, LogWriter, Outcome, RunStop, SessionResume, SessionStart, SessionStop, TrainerStart,
};

/// How often the wait for an event is interrupted to check for Ctrl-C.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A trainer process to start and watch.
pub struct Request<'a> {
    /// Path of the trainer program.
    pub trainer: &'a Path,
    /// The recipes, runs and settings that it is sent.
    pub job: Job,
    /// The decoded data set.
    pub arrays: Arrays,
    /// How its run log goes on from here.
    pub opening: Opening,
    /// Time without an event after which the trainer is taken to hang.
    pub hang_after: Duration,
    /// Set by Ctrl-C.
    pub interrupted: &'a AtomicBool,
}

/// How the run log of a process begins.
#[derive(Debug)]
pub enum Opening {
    /// A new run log.
    Start {
        /// First line of the run log.
        start: Box<SessionStart>,
        /// File of the run log; it must not exist yet.
        path: PathBuf,
    },
    /// No run log: the observer keeps what is needed.
    Unlogged,
    /// Goes on with the run log of a session that ended early.
    Resume {
        /// Line that marks the begin of this process in the run log.
        resume: SessionResume,
        /// The run log, locked by this process.
        log: LogWriter,
        /// Device, threads and libtorch of the finished runs; the remaining ones must have the same.
        trainer: Option<TrainerStart>,
        /// Seconds on the log's last line, which this process counts on from.
        at_seconds: f64,
        /// What the log holds of the sensors.
        sensors: SensorCount,
    },
}

/// Runs a session to its end and returns why it ended: `completed`, or what went wrong.
pub fn supervise(request: Request, clock: MonotonicClock, observer: &mut dyn Observer) -> Result<String, SessionError> {
    let mut recorder = Recorder::open(request.opening, clock, observer)?;
    let runs = request.job.runs.len();
    if runs == 0 {
        // The last process was killed after its last run: there is nothing left to train.
        return recorder.end(None, runs);
    }
    let (sender, messages) = channel();
    let samples = sender.clone();
    let telemetry = Telemetry::begin(clock, move |at, sample| {
        samples.send(Message::Event(at, Box::new(Event::Telemetry(sample)))).is_ok()
    });
    let mut trainer = Trainer::start(request.trainer, &request.job, &request.arrays, clock, sender)?;
    telemetry.watch(trainer.pid());
    drop(request.arrays);
    let problem = recorder.follow(&messages, &telemetry, request.hang_after, request.interrupted);
    if !matches!(problem, Ok(None)) {
        trainer.kill();
    }
    let ending = trainer.end();
    telemetry.end();
    // A log that took no more lines is left as it was.
    let problem = problem?;
    for message in messages.try_iter() {
        if let Message::Event(at, event) = message
            && matches!(*event, Event::Telemetry(_))
        {
            recorder.record(at, *event)?;
        }
    }
    recorder.end(problem.or_else(|| ending.map(|how| format!("the trainer was lost: {how}"))), runs)
}

/// Stamps events, writes them to the log and passes them to the observer.
struct Recorder<'a> {
    log: Option<LogWriter>,
    /// When the session began by this process's clock, or would have if it had run all of it.
    began: Duration,
    /// Seconds of the log before this process.
    before: f64,
    last: f64,
    clock: MonotonicClock,
    /// Seconds that the C library's clock was ahead of it when the session began.
    library_ahead: f64,
    observer: &'a mut dyn Observer,
    /// What earlier processes of the session trained on.
    trainer: Option<TrainerStart>,
    open_run: Option<OpenRun>,
    finished: usize,
    /// What the log holds of the sensors.
    sensors: SensorCount,
}

/// The current run, which is recorded as interrupted if the trainer does not end it.
struct OpenRun {
    run: u32,
    began: Duration,
    phases: PhaseSeconds,
}

impl<'a> Recorder<'a> {
    fn open(opening: Opening, clock: MonotonicClock, observer: &'a mut dyn Observer) -> Result<Self, LogError> {
        let (log, trainer, before, sensors, event) = match opening {
            Opening::Start { start, path } => {
                (Some(LogWriter::create(&path)?), None, 0.0, SensorCount::default(), Some(Event::SessionStart(*start)))
            }
            Opening::Unlogged => (None, None, 0.0, SensorCount::default(), None),
            Opening::Resume { resume, log, trainer, at_seconds, sensors } => {
                (Some(log), trainer, at_seconds, sensors, Some(Event::SessionResume(resume)))
            }
        };
        let began = clock.now();
        let library_ahead = clock.library_ahead_seconds();
        let (last, open_run, finished) = (before, None, 0);
        let mut recorder =
            Self { log, began, before, last, clock, library_ahead, observer, trainer, open_run, finished, sensors };
        event.map_or(Ok(()), |event| recorder.record_now(event))?;
        Ok(recorder)
    }

    /// Records events until the trainer's output ends; the problem that ended it early, if any.
    fn follow(
        &mut self,
        messages: &Receiver<Message>,
        telemetry: &Telemetry,
        hang_after: Duration,
        interrupted: &AtomicBool,
    ) -> Result<Option<String>, LogError> {
        let mut heard = self.clock.now();
        loop {
            if interrupted.load(Ordering::Relaxed) {
                return Ok(Some("interrupted by the user".to_owned()));
            }
            match messages.recv_timeout(LOOK_EVERY) {
                Ok(Message::Event(at, event)) => {
                    if let Some(problem) = self.differs(&event) {
                        return Ok(Some(problem));
                    }
                    // A sample of the sensors does not show that the trainer is alive.
                    heard = if matches!(*event, Event::Telemetry(_)) { heard } else { at };
                    if matches!(*event, Event::RunStart(_) | Event::Epoch(_) | Event::RunStop(_)) {
                        telemetry.look();
                    }
                    self.record(at, *event)?;
                }
                Ok(Message::Garbage(line)) => {
                    return Ok(Some(format!(
                        "the trainer printed a line that is not an event: {}",
                        hlb_core::text::show(&line)
                    )));
                }
                Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.clock.now().saturating_sub(heard) > hang_after {
                let seconds = hang_after.as_secs();
                return Ok(Some(format!("the trainer gave no sign of life for {seconds} s and was ended")));
            }
        }
    }

    /// Why a trainer that differs from the one of earlier runs is refused; its line would make the log invalid.
    fn differs(&self, event: &Event) -> Option<String> {
        let Event::TrainerStart(now) = event else { return None };
        let first = self.trainer.as_ref().filter(|first| !first.is_like(now))?;
        let words = |it: &TrainerStart| {
            let TrainerStart { device, threads, precision, libtorch_version, .. } = it;
            hlb_core::text::show(&format!("{device}, {threads} threads, {precision}, libtorch {libtorch_version}"))
        };
        Some(format!("the session began on {} and cannot go on with {}", words(first), words(now)))
    }

    fn record_now(&mut self, event: Event) -> Result<(), LogError> {
        self.record(self.clock.now(), event)
    }

    fn record(&mut self, now: Duration, event: Event) -> Result<(), LogError> {
        let Some(mut event) = self.bounded(event) else { return Ok(()) };
        self.note(&event, now);
        // Two threads stamp events, so an event can arrive after a later one; times in the log never decrease.
        self.last = self.last.max(self.before + now.saturating_sub(self.began).as_secs_f64());
        let library_clock = || Some(self.last + self.clock.library_ahead_seconds() - self.library_ahead);
        match &mut event {
            Event::Telemetry(sample) => sample.host.library_clock_seconds = library_clock(),
            Event::RunStop(stop) => stop.library_clock_seconds = library_clock(),
            _ => {}
        }
        let line = LogLine { at_seconds: self.last, event };
        if let Some(log) = &mut self.log
            && !matches!(line.event, Event::Progress { .. })
        {
            log.write(&line)?;
        }
        self.observer.event(&line);
        Ok(())
    }

    /// The event with no longer texts than a reader of the log accepts; `None` for a sample too many.
    fn bounded(&mut self, event: Event) -> Option<Event> {
        Some(match event {
            Event::Telemetry(sample) => Event::Telemetry(self.sensors.fit(sample)?),
            Event::RunStop(stop) => {
                let reason = stop.reason.map(|reason| hlb_core::text::show(&reason));
                Event::RunStop(RunStop { reason, ..stop })
            }
            Event::SessionStop(stop) => Event::SessionStop(SessionStop { reason: hlb_core::text::show(&stop.reason) }),
            other => other,
        })
    }

    fn note(&mut self, event: &Event, now: Duration) {
        match event {
            Event::RunStart(start) => {
                self.open_run = Some(OpenRun { run: start.run, began: now, phases: PhaseSeconds::default() });
            }
            Event::Epoch(epoch) => {
                if let Some(open) = &mut self.open_run {
                    open.phases.train_seconds = epoch.train_seconds;
                    open.phases.evaluate_seconds = epoch.evaluate_seconds;
                }
            }
            Event::RunStop(_) => {
                self.open_run = None;
                self.finished += 1;
            }
            _ => {}
        }
    }

    /// Ends the current run as interrupted, and the session. Once every run has ended by itself nothing that
    /// happens to the trainer matters; a trainer that ended well but early did not complete.
    fn close(&mut self, problem: Option<String>, runs: usize) -> Result<String, LogError> {
        let early = || format!("the trainer ended after {} of {runs} runs", self.finished);
        let reason = if self.finished >= runs { "completed".to_owned() } else { problem.unwrap_or_else(early) };
        if let Some(OpenRun { run, began, phases }) = self.open_run.take() {
            let wall_seconds = self.clock.now().saturating_sub(began).as_secs_f64();
            let (outcome, reason) = (Outcome::Interrupted, Some(reason.clone()));
            let stop = RunStop { run, outcome, reason, phases, wall_seconds, library_clock_seconds: None };
            self.record_now(Event::RunStop(stop))?;
        }
        self.record_now(Event::SessionStop(SessionStop { reason: reason.clone() }))?;
        Ok(reason)
    }

    /// Closes the log and waits until the disk has it.
    fn end(mut self, problem: Option<String>, runs: usize) -> Result<String, SessionError> {
        let reason = self.close(problem, runs)?;
        self.log.map_or(Ok(()), LogWriter::finish)?;
        Ok(reason)
    }
}
