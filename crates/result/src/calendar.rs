//! Whether the calendar times of a session can all be true: of its start, of each resume, and of its samples.

use hlb_core::rules::CALENDAR_TOLERANCE_SECONDS;
use hlb_protocol::run_log::{RunLog, Segment, TimedSample};

const TOLERANCE_MILLISECONDS: i64 = 1000 * CALENDAR_TOLERANCE_SECONDS;

/// Why the calendar times of a session cannot all be true; `None` if they can. Its start is taken as it is, in whatever form.
pub fn calendar_problem(log: &RunLog) -> Option<String> {
    let mut latest = i64::MIN;
    for (index, (segment, own)) in log.samples_by_segment().enumerate() {
        let problem = match segment.started_at_milliseconds {
            Some(started) => of_segment(segment, started, own.first(), latest),
            None if index == 0 => None,
            None => Some("it was resumed at a time that is not written as YYYY-MM-DDTHH:MM:SSZ".to_owned()),
        };
        if problem.is_some() {
            return problem;
        }
        let shown = own.iter().map(|timed| timed.sample.host.system_clock_milliseconds);
        latest = shown.chain(segment.started_at_milliseconds).max().unwrap_or(latest).max(latest);
    }
    None
}

/// The same for one process: `latest` is the latest time of those before it.
fn of_segment(segment: &Segment, started: i64, first: Option<&TimedSample>, latest: i64) -> Option<String> {
    if started < latest.saturating_sub(TOLERANCE_MILLISECONDS) {
        return Some("it was resumed before it ended, by the calendar".to_owned());
    }
    let first = first?;
    #[expect(clippy::cast_possible_truncation, reason = "a cast saturates, and no session lasts that long")]
    let passed = (1000.0 * (first.at_seconds - segment.began_at_seconds)) as i64;
    let differs = first.sample.host.system_clock_milliseconds.saturating_sub(started.saturating_add(passed));
    (differs.unsigned_abs() > TOLERANCE_MILLISECONDS.unsigned_abs()).then(|| {
        format!(
            "the calendar of its sensors differs by more than {CALENDAR_TOLERANCE_SECONDS} s from the time that the session states"
        )
    })
}
