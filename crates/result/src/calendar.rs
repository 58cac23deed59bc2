//! Whether the calendar times of a session can all be true, of its start, of each resume, and of its samples, and whether the
//! rules take a session of that day.

use chrono::{DateTime, TimeDelta, Utc};

use hlb_core::clock;
use hlb_core::rules::{CALENDAR_TOLERANCE_SECONDS, MAX_DAYS_AHEAD, RULES_FIRST_DAY};
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

/// Why the rules do not take a session of that day; `None` if they do. Records are kept by date, so it has to have one that is
/// neither older than the rules nor in the future.
pub fn date_problem(log: &RunLog, now: DateTime<Utc>) -> Option<String> {
    let day = |at: DateTime<Utc>| at.date_naive().to_string();
    let is_in_the_future = |at: DateTime<Utc>| at > now + TimeDelta::days(MAX_DAYS_AHEAD);
    let Some(started) = clock::parse(&log.start.started_at) else {
        return Some("its session states no calendar time".to_owned());
    };
    let says = |what: &str| Some(format!("its session starts on {}, which is {what}", day(started)));
    if *day(started) < *RULES_FIRST_DAY {
        return says(&format!("before the day of the rules, {RULES_FIRST_DAY}"));
    }
    if is_in_the_future(started) {
        return says("in the future");
    }
    let resumes = log.segments.iter().filter_map(|segment| segment.started_at_milliseconds);
    let late = resumes.filter_map(DateTime::from_timestamp_millis).find(|at| is_in_the_future(*at));
    late.map(|at| format!("its session was resumed on {}, which is in the future", day(at)))
}
