//! Watches the trainer from outside: stamps its events, writes them to the run log, and records how it ended.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::clock::{Clock as _, MonotonicClock, PhaseSeconds};
use crate::session::child::{Message, SpawnError, Trainer};
use crate::session::log::{LogError, LogWriter};
use crate::wire::{Arrays, Event, Job, LogLine, Outcome, RunStop, SessionStart};

/// How often the wait for an event is broken to look for an interruption.
const PATIENCE: Duration = Duration::from_millis(100);

/// Sees every event of a session as it happens. Progress bars and logs are observers; the session prints nothing.
pub trait Observer {
    /// An event arrived.
    fn event(&mut self, line: &LogLine);
}

/// Everything a session needs.
pub struct Request<'a> {
    /// Trainer program.
    pub trainer: &'a Path,
    /// What it is told.
    pub job: Job,
    /// The decoded data set.
    pub arrays: Arrays,
    /// First line of the run log.
    pub start: SessionStart,
    /// Where the run log goes; must not exist.
    pub log: &'a Path,
    /// A trainer that gives no sign of life for this long hangs.
    pub hang_after: Duration,
    /// Set by Ctrl-C.
    pub interrupted: &'a AtomicBool,
}

/// A session that could not be held or recorded. A session that ended early is not an error: its run log says why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The run log cannot be written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The trainer does not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// Runs a session to its end and returns why it ended: `completed`, or what went wrong.
pub fn supervise(request: Request, clock: MonotonicClock, observer: &mut dyn Observer) -> Result<String, SessionError> {
    let mut recorder = Recorder {
        log: LogWriter::create(request.log)?,
        began: clock.now(),
        clock,
        observer,
        open_run: None,
        finished: 0,
    };
    recorder.record_now(Event::SessionStart(request.start))?;
    let mut trainer = Trainer::start(request.trainer, &request.job, &request.arrays, clock)?;
    drop(request.arrays);
    let trouble = follow(&mut trainer, &mut recorder, request.hang_after, request.interrupted);
    if !matches!(trouble, Ok(None)) {
        trainer.kill();
    }
    let ending = trainer.end();
    let trouble = trouble?.or_else(|| ending.map(|how| format!("the trainer was lost: {how}")));
    let reason = recorder.close(trouble, request.job.seeds.len())?;
    recorder.log.finish()?;
    Ok(reason)
}

/// Records events until the trainer's output ends; the trouble that ended it sooner, if any.
fn follow(
    trainer: &mut Trainer,
    recorder: &mut Recorder,
    hang_after: Duration,
    interrupted: &AtomicBool,
) -> Result<Option<String>, LogError> {
    let mut heard = recorder.clock.now();
    loop {
        if interrupted.load(Ordering::Relaxed) {
            return Ok(Some("interrupted by the user".to_owned()));
        }
        match trainer.messages().recv_timeout(PATIENCE) {
            Ok(Message::Event(arrived, event)) => {
                heard = arrived;
                recorder.record(arrived, event)?;
            }
            Ok(Message::Garbage(line)) => {
                return Ok(Some(format!("the trainer said what is no event: {}", crate::text::show(&line))));
            }
            Ok(Message::End) | Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) if recorder.clock.now().saturating_sub(heard) > hang_after => {
                return Ok(Some(format!(
                    "the trainer gave no sign of life for {} s and was ended",
                    hang_after.as_secs()
                )));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Stamps events, writes them to the log and shows them.
struct Recorder<'a> {
    log: LogWriter,
    began: Duration,
    clock: MonotonicClock,
    observer: &'a mut dyn Observer,
    open_run: Option<OpenRun>,
    finished: usize,
}

/// The run at hand, for the case that the trainer cannot end it itself.
struct OpenRun {
    run: u32,
    began: Duration,
    train_seconds: f64,
    evaluate_seconds: f64,
}

impl Recorder<'_> {
    fn record_now(&mut self, event: Event) -> Result<(), LogError> {
        self.record(self.clock.now(), event)
    }

    fn record(&mut self, now: Duration, event: Event) -> Result<(), LogError> {
        self.note(&event, now);
        let line = LogLine { at_seconds: now.saturating_sub(self.began).as_secs_f64(), event };
        if !matches!(line.event, Event::Progress { .. }) {
            self.log.write(&line)?;
        }
        self.observer.event(&line);
        Ok(())
    }

    fn note(&mut self, event: &Event, now: Duration) {
        match event {
            Event::RunStart { run, .. } => {
                self.open_run = Some(OpenRun { run: *run, began: now, train_seconds: 0.0, evaluate_seconds: 0.0 });
            }
            Event::Epoch(epoch) => {
                if let Some(open) = &mut self.open_run {
                    open.train_seconds = epoch.train_seconds;
                    open.evaluate_seconds = epoch.evaluate_seconds;
                }
            }
            Event::RunStop(_) => {
                self.open_run = None;
                self.finished += 1;
            }
            _ => {}
        }
    }

    /// Ends the run at hand as interrupted, and the session. Once every run has ended by itself nothing that happens to
    /// the trainer matters; a trainer that ended well but early did not complete.
    fn close(&mut self, trouble: Option<String>, runs: usize) -> Result<String, LogError> {
        let early = || format!("the trainer ended after {} of {runs} runs", self.finished);
        let reason = if self.finished >= runs { "completed".to_owned() } else { trouble.unwrap_or_else(early) };
        if let Some(open) = self.open_run.take() {
            let phases = PhaseSeconds {
                train_seconds: open.train_seconds,
                evaluate_seconds: open.evaluate_seconds,
                ..PhaseSeconds::default()
            };
            let wall_seconds = self.clock.now().saturating_sub(open.began).as_secs_f64();
            let stop = RunStop {
                run: open.run,
                outcome: Outcome::Interrupted,
                reason: Some(reason.clone()),
                phases,
                wall_seconds,
            };
            self.record_now(Event::RunStop(stop))?;
        }
        self.record_now(Event::SessionStop { reason: reason.clone() })?;
        Ok(reason)
    }
}
