//! Whether a session's seconds can be those that passed: its clocks, and the time that processors worked for it.

use chrono::{DateTime, NaiveDate, Utc};

use crate::entry::Fault;
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
    let starts: Vec<f64> = log.segments.iter().map(|segment| segment.began_at_seconds).collect();
    let segment = |timed: &TimedSample| starts.partition_point(|began| *began <= timed.at_seconds);
    log.samples
        .chunk_by(|one, next| segment(one) == segment(next))
        .try_for_each(|samples| check_processors(samples, most))
}

/// Whether this log is of a program that writes both clocks.
fn has_both_clocks(log: &RunLog) -> bool {
    let day = |text: &str| Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc).date_naive());
    let since: Option<NaiveDate> = TWO_CLOCKS_SINCE.parse().ok();
    log.start.environment.is_some() || day(&log.start.started_at) >= since
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
