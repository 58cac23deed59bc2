//! Samples the machine's sensors in a thread of this process, so that the timed trainer is not disturbed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hlb_core::clock::{self, Clock as _, MonotonicClock};
use hlb_machine::{Sample, Sampler};

/// Time between two samples at first.
const INTERVAL: Duration = Duration::from_secs(1);

/// Samples after which the time between two of them doubles, so that the log of a session of days stays readable.
const SAMPLES_PER_INTERVAL: u32 = 3600;

/// How long the last sample may take.
const LAST_SAMPLE_TIME: Duration = Duration::from_secs(2);
/// How often the thread is polled.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A running sampling thread. Dropping it ends it.
pub(super) struct Telemetry {
    trainer: Arc<AtomicU32>,
    /// Asks for a sample at once; closed, it ends the thread.
    asks: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Telemetry {
    /// Starts to sample; `hear` gets each sample with the time it was taken.
    pub(super) fn begin(clock: MonotonicClock, hear: impl Fn(Duration, Sample) -> bool + Send + 'static) -> Self {
        let trainer = Arc::new(AtomicU32::new(0));
        let (asks, asked) = channel();
        let watched = Arc::clone(&trainer);
        let thread = thread::spawn(move || {
            let mut sampler = Sampler::open(clock::calendar_milliseconds);
            // When the next sample is due, whatever is asked for in between: short runs would put it off for ever.
            let (mut taken, mut is_asked, mut due) = (0, false, clock.now());
            loop {
                let pid = watched.load(Ordering::Relaxed);
                if pid != 0 {
                    sampler.watch_process(pid);
                }
                let sample = sampler.sample();
                if !hear(clock.now(), if is_asked { sample.counters() } else { sample }) {
                    return;
                }
                if !is_asked {
                    due = clock.now() + interval(taken);
                    taken += 1;
                }
                match asked.recv_timeout(due.saturating_sub(clock.now())) {
                    Ok(()) => is_asked = true,
                    Err(RecvTimeoutError::Timeout) => is_asked = false,
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            // One more, so that the end of the last run lies between two samples.
            let _ = hear(clock.now(), sampler.sample());
        });
        Self { trainer, asks: Some(asks), thread: Some(thread) }
    }

    /// Sets the process that trains.
    pub(super) fn watch(&self, pid: u32) {
        self.trainer.store(pid, Ordering::Relaxed);
    }

    /// Reads the counters now: at the ends of runs and epochs, where the load changes, a line between the samples of each second
    /// would mix the energy of both.
    pub(super) fn look(&self) {
        if let Some(asks) = &self.asks {
            // A thread that has ended has nobody to tell.
            let _ = asks.send(());
        }
    }

    /// Takes a last sample and ends. A thread whose sensor hangs is abandoned.
    pub(super) fn end(mut self) {
        self.asks = None;
        let Some(thread) = self.thread.take() else { return };
        let clock = MonotonicClock::start();
        while clock.now() < LAST_SAMPLE_TIME {
            if thread.is_finished() {
                let _ = thread.join();
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Time until the next sample, after `taken` of them.
fn interval(taken: u32) -> Duration {
    // 3600 samples at 1 s, then 3600 at 2 s, then 3600 at 4 s.
    INTERVAL * 2_u32.pow((taken / SAMPLES_PER_INTERVAL).min(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sessions_are_sampled_less_often() {
        assert_eq!([0, 3599, 3600, 7200].map(|taken| interval(taken).as_secs()), [1, 1, 2, 4]);
        assert_eq!(interval(u32::MAX).as_secs(), 256);
    }

    /// Whether a sample says more than counters: of the machine that the test runs on, its load.
    fn is_whole(sample: &Sample) -> bool {
        sample.host.load_1m.is_some()
    }

    #[test]
    fn samples_that_are_asked_for_put_off_no_other() {
        let (sender, receiver) = channel();
        let telemetry =
            Telemetry::begin(MonotonicClock::start(), move |_, sample| sender.send(is_whole(&sample)).is_ok());
        for _ in 0..30 {
            telemetry.look();
            thread::sleep(INTERVAL / 10);
        }
        telemetry.end();
        let whole: Vec<bool> = receiver.iter().collect();
        let count = |wanted: bool| whole.iter().filter(|is_whole| **is_whole == wanted).count();
        assert!(count(true) >= 3 && count(false) >= 10, "{whole:?}");
    }

    #[test]
    fn a_sample_is_taken_when_it_is_asked_for() {
        let (sender, receiver) = channel();
        let telemetry = Telemetry::begin(MonotonicClock::start(), move |at, _| sender.send(at).is_ok());
        let next = || receiver.recv_timeout(Duration::from_secs(10)).expect("a sample");
        let first = next();
        telemetry.look();
        let asked = next();
        assert!(asked < first + INTERVAL, "{asked:?} after {first:?}");
    }

    #[test]
    fn there_is_a_sample_at_the_begin_and_at_the_end() {
        let (sender, receiver) = channel();
        let telemetry = Telemetry::begin(MonotonicClock::start(), move |at, _| sender.send(at).is_ok());
        let first = receiver.recv_timeout(Duration::from_secs(10)).expect("a sample");
        telemetry.end();
        let last = receiver.recv_timeout(Duration::from_secs(10)).expect("a sample");
        assert!(last > first);
        assert!(receiver.recv().is_err());
    }
}
