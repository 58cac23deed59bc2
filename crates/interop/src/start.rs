//! Calendar time of what the run log stamps in seconds since the session's start.

use hlb_core::clock;
use hlb_core::hint::{Context as _, Result};
use hlb_core::text::show;
use hlb_protocol::run_log::RunLog;

/// The session's start. A resumed session goes on counting where it was: the time in between is left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Start {
    microseconds: i64,
}

impl Start {
    pub(super) fn new(log: &RunLog) -> Result<Self> {
        let text = &log.start.started_at;
        let start = clock::parse(text)
            .with_context(|| format!("the session's start `{}` is not a time as YYYY-MM-DDTHH:MM:SSZ", show(text)))?;
        Ok(Self { microseconds: start.timestamp_micros() })
    }

    /// Seconds since 1970 of the start, whole ones.
    pub(super) fn whole_seconds(self) -> i64 {
        self.microseconds.div_euclid(1_000_000)
    }

    /// Seconds since 1970 so many seconds after the start.
    #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit a float's 53 bits until 2255")]
    pub(super) fn seconds_at(self, at_seconds: f64) -> f64 {
        self.microseconds as f64 / 1e6 + at_seconds
    }

    /// Milliseconds since 1970 so many seconds after the start.
    #[expect(clippy::cast_possible_truncation, reason = "a cast saturates, and no session lasts that long")]
    pub(super) fn milliseconds_at(self, at_seconds: f64) -> i64 {
        self.microseconds.div_euclid(1000).saturating_add((1000.0 * at_seconds).round() as i64)
    }
}
