//! Monotonic time, and the accounts that a run's seconds are booked to.
//!
//! Time comes from the kernel, not from the C library: what is loaded before a program can replace the library's clock,
//! and make seconds shorter for every program that asks it. The library's is read too, to see whether somebody did.
//!
//! This is the only module that reads a clock. A closure is timed as a whole, so that no stop can be forgotten.

use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, NaiveDateTime, SubsecRound as _, Utc};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A clock that never goes back.
pub trait Clock {
    /// Time since a fixed start.
    fn now(&self) -> Duration;
}

/// The kernel's monotonic clock, counted from its creation. It is read without the C library.
#[derive(Debug, Clone, Copy)]
pub struct MonotonicClock {
    started: Duration,
    /// The same moment by the C library.
    library_started: Instant,
}

impl MonotonicClock {
    /// A clock that starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock module")]
    pub fn start() -> Self {
        Self { started: kernel_time(), library_started: Instant::now() }
    }

    /// The same clock, with `uncounted` left out of its time.
    #[must_use]
    pub fn without(self, uncounted: Duration) -> Self {
        Self { started: self.started + uncounted, library_started: self.library_started + uncounted }
    }

    /// Seconds by which the C library's clock is ahead of this one since the start. Both tell the same time, so it is 0 but
    /// for the moment between two readings, unless something replaced the library's.
    #[expect(clippy::disallowed_methods, reason = "this is the clock module")]
    pub fn library_ahead_seconds(&self) -> f64 {
        // A process that was held up between the readings shows in the readings around them, and asks again.
        const APART: Duration = Duration::from_millis(1);
        let attempt = || {
            let (before, library, after) = (self.now(), Instant::now(), self.now());
            let library = library.saturating_duration_since(self.library_started).as_secs_f64();
            (after.saturating_sub(before), library - before.as_secs_f64())
        };
        let (mut best, mut left) = (attempt(), 100);
        while best.0 > APART && left > 0 {
            left -= 1;
            best = [best, attempt()].into_iter().min_by_key(|(apart, _)| *apart).unwrap_or(best);
        }
        best.1
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Duration {
        kernel_time().saturating_sub(self.started)
    }
}

/// Time since the machine started, by a call that goes to the kernel and through no library.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
fn kernel_time() -> Duration {
    clock_gettime(ClockId::Monotonic).try_into().expect("the kernel's clock does not begin before the machine")
}

/// The calendar time, to the second: for records, never for durations.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub fn calendar() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(0)
}

/// The one form of calendar times in files: `YYYY-MM-DDTHH:MM:SSZ`, always UTC.
const TIME: &str = "%Y-%m-%dT%H:%M:%SZ";
/// The one form of days in files, which sorts by date.
const DAY: &str = "%Y-%m-%d";

/// The calendar time for records: RFC 3339, UTC, to the second.
pub fn timestamp() -> String {
    calendar().format(TIME).to_string()
}

/// The day in UTC, as YYYY-MM-DD.
pub fn today() -> String {
    calendar().format(DAY).to_string()
}

/// A calendar time exactly as [`timestamp`] writes it: a real date of four digits, seconds 00 to 59, UTC.
pub fn parse(text: &str) -> Option<DateTime<Utc>> {
    let time = NaiveDateTime::parse_from_str(text, TIME).ok()?.and_utc();
    (time.timestamp_subsec_nanos() == 0 && is_ours(text, &time.format(TIME).to_string())).then_some(time)
}

/// A day exactly as [`today`] writes it.
pub fn parse_day(text: &str) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(text, DAY).ok()?;
    is_ours(text, &day.format(DAY).to_string()).then_some(day)
}

/// Whether it is what we would have written. Parsers are laxer: they take signs, blanks and years of any length.
fn is_ours(text: &str, written: &str) -> bool {
    text == written && text.as_bytes().first().is_some_and(u8::is_ascii_digit)
}

/// The calendar time in milliseconds since 1970, so that a step of the clock shows against monotonic stamps.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub fn calendar_milliseconds() -> i64 {
    Utc::now().timestamp_millis()
}

/// What a run's seconds are spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Build and initialize the model.
    Setup,
    /// From the first touch of training data: time-to-accuracy counts these.
    Train,
    /// Accuracy on the evaluation split.
    Evaluate,
    /// Writing events.
    Log,
}

/// Seconds of one run by phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseSeconds {
    /// Build and initialize the model.
    pub setup_seconds: f64,
    /// From the first touch of training data on.
    pub train_seconds: f64,
    /// Accuracy on the evaluation split.
    pub evaluate_seconds: f64,
    /// Writing events.
    pub log_seconds: f64,
}

/// Books the duration of closures to the phases of one run.
pub struct RunClock<'a> {
    clock: &'a dyn Clock,
    accounts: [Duration; 4],
}

impl<'a> RunClock<'a> {
    /// Accounts at zero.
    pub fn new(clock: &'a dyn Clock) -> Self {
        Self { clock, accounts: [Duration::ZERO; 4] }
    }

    /// Runs `work` and books its time to `phase`. Device work has to be synchronized inside `work`.
    pub fn timed<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        let before = self.clock.now();
        let answer = work();
        self.accounts[phase as usize] += self.clock.now().saturating_sub(before);
        answer
    }

    /// The accounts so far.
    pub fn seconds(&self) -> PhaseSeconds {
        let [setup, train, evaluate, log] = self.accounts.map(|account| account.as_secs_f64());
        PhaseSeconds { setup_seconds: setup, train_seconds: train, evaluate_seconds: evaluate, log_seconds: log }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_of_kernel_and_library_tell_the_same_time() {
        let clock = MonotonicClock::start();
        std::thread::sleep(Duration::from_millis(20));
        assert!(clock.now() >= Duration::from_millis(20));
        assert!(clock.library_ahead_seconds().abs() < 0.01);
        let later = clock.without(Duration::from_millis(10));
        assert!(clock.now().saturating_sub(later.now()) < Duration::from_millis(15));
        assert!(later.library_ahead_seconds().abs() < 0.01);
    }

    #[test]
    fn a_time_has_one_form() {
        for good in ["2026-11-23T04:53:26Z", "2024-02-29T00:00:00Z", "1970-01-01T23:59:59Z", "9999-12-31T23:59:59Z"] {
            assert_eq!(parse(good).map(|time| time.format(TIME).to_string()).as_deref(), Some(good));
        }
        assert_eq!(parse(&timestamp()).map(|time| time <= calendar()), Some(true));
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23T04:53:26",
            "2026-11-23t04:53:26Z",
            "2026-11-23T04:53:26z",
            "2026-11-23 04:53:26Z",
            "2026-11-23T04:53:26+00:00",
            "2026-11-23T18:53:26+14:00",
            "2026-11-23T04:53:26.5Z",
            "2026-11-23T04:53:26.000Z",
            "2026-11-23T04:53:60Z",
            "2016-12-31T23:59:60Z",
            "2026-11-23T24:00:00Z",
            "2026-11-31T04:53:26Z",
            "2026-02-29T04:53:26Z",
            "2026-1-23T04:53:26Z",
            "2026-11-23T4:53:26Z",
            " 2026-11-23T04:53:26Z",
            "2026-11-23T04:53:26Z ",
            "2026-11-23T04:53:26Z\n",
            "2026- 1-23T04:53:26Z",
            "+2026-11-23T04:53:26Z",
            "+12026-11-23T04:53:26Z",
            "-0001-11-23T04:53:26Z",
            "12026-11-23T04:53:26Z",
            "\u{ff12}026-11-23T04:53:26Z",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_day_has_one_form() {
        assert!(parse_day("2026-03-01").is_some() && parse_day(&today()).is_some());
        for bad in
            ["2026-3-1", "2026-02-30", "+2026-03-01", "2026-03-01Z", "12026-03-01", "20260301", " 2026-03-01", ""]
        {
            assert_eq!(parse_day(bad), None, "{bad:?}");
        }
    }
}
