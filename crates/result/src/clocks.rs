//! Whether a session's seconds can be those that passed: its clocks, and the time that processors worked for it.

use chrono::{DateTime, Utc};

use crate::entry::Fault;
use hlb_core::clock;
use hlb_core::rules::{CPU_TOLERANCE_SECONDS, OTHER_THREADS, TWO_CLOCKS_SINCE};
use hlb_machine::Machine;
use hlb_protocol::run_log::{RunLog, TimedSample};

/// Refuses a log that lacks a clock that its program writes, and one in which processors worked longer than time passed.
/// Whether the clocks agree is a figure of the result.
pub(super) fn check(log: &RunLog, machine: &Machine) -> Result<(), Fault> {
    let lacking = log.library_clock().find(|(_, library)| library.is_none());
    if let (true, Some((at_seconds, _))) = (has_both_clocks(log), lacking) {
        return Err(Fault::ClockMissing { at_seconds });
    }
    let threads = log.trainer.as_ref().map_or(0, |trainer| trainer.threads).saturating_add(OTHER_THREADS);
    let most = threads.min(machine.host.logical_cpus);
    log.samples_by_segment().try_for_each(|(_, samples)| check_processors(samples, most))
}

/// Whether this log is of a program that writes both clocks.
fn has_both_clocks(log: &RunLog) -> bool {
    let since = clock::parse_day(TWO_CLOCKS_SINCE).expect("a day in the form of the rules; a test reads it");
    let is_since = |started: DateTime<Utc>| started.date_naive() >= since;
    log.start.environment.is_some() || clock::parse(&log.start.started_at).is_some_and(is_since)
}

/// Processor time of one process of the session against the time that passed, since its first sample that has any.
#[expect(clippy::cast_precision_loss, reason = "2^52 milliseconds are a long time")]
fn check_processors(samples: &[TimedSample], most: u32) -> Result<(), Fault> {
    let used = |timed: &TimedSample| Some((timed.at_seconds, timed.sample.host.own_cpu_milliseconds?));
    let mut readings = samples.iter().filter_map(used);
    let Some((began, at_first)) = readings.next() else { return Ok(()) };
    for (at_seconds, used) in readings {
        let (seconds, passed) = (used.saturating_sub(at_first) as f64 / 1e3, at_seconds - began);
        if seconds > f64::from(most) * passed + CPU_TOLERANCE_SECONDS {
            return Err(Fault::Overworked { seconds, most, passed });
        }
    }
    Ok(())
}
