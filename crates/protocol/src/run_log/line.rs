//! A line of a run log, and the lines of a file. A log is JSON Lines: one event a line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::run_log::event::Event;
use hlb_machine::{GpuSample, HostSample, Sample};

/// Format of the run logs that this program writes and reads.
pub const LOG_SCHEMA: &str = "hlb-bench/run-log/v1";

/// The largest run log read, in bytes.
pub const LOG_CAP: u64 = 32 * 1024 * 1024;

/// The log up to its last full line: what a killed process leaves may end in the middle of one.
pub fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    &bytes[..end]
}

/// A line of a run log: an event, stamped by `hlb-bench` when it arrived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// Seconds since the session started, by the clock of `hlb-bench`.
    pub at_seconds: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Reads a line; the error says what is wrong with it.
pub(super) fn read_line(line: &str) -> Result<LogLine, String> {
    read_sample(line)
        .map_or_else(|| serde_json::from_str(line), Ok)
        .map_err(|error| format!("not a run log line: {error}"))
}

/// A line with sensor readings, as nine of ten lines are. Since its type is known before it is read, serde need not buffer it
/// until the name of the event. Lines that do not fit are left to [`LogLine`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleLine {
    at_seconds: f64,
    #[serde(rename = "event")]
    _event: SampleEvent,
    host: HostSample,
    gpus: Vec<GpuSample>,
    #[serde(default)]
    unknown: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SampleEvent {
    Telemetry,
}

fn read_sample(line: &str) -> Option<LogLine> {
    if !line.starts_with('{') || !line.contains("\"event\":\"telemetry\"") {
        return None;
    }
    let SampleLine { at_seconds, host, gpus, unknown, .. } = serde_json::from_str(line).ok()?;
    Some(LogLine { at_seconds, event: Event::Telemetry(Sample { host, gpus, unknown }) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples as the program writes them, and texts that only look like one.
    #[test]
    fn a_sample_is_read_as_any_line_is() {
        let mut host = HostSample { cpu_percent: Some(98.5), load_1m: Some(1.9), ..HostSample::default() };
        host.system_clock_milliseconds = -5;
        let unknown = BTreeMap::from([("gpus[0].power_milliwatts".to_owned(), "the driver refuses".to_owned())]);
        let event = Event::Telemetry(Sample { host, gpus: Vec::new(), unknown });
        let line = serde_json::to_string(&LogLine { at_seconds: 12.0625, event }).expect("plain");
        assert!(read_sample(&line).is_some(), "{line}");
        let odd = [
            line.clone(),
            line.replace("12.0625", "12"),
            line.replace("12.0625", "1e400"),
            line.replace("12.0625", "null"),
            line.replace("\"gpus\"", "\"gpu\""),
            line.replacen("\"at_seconds\"", "\"at_seconds\":1.0,\"at_seconds\"", 1),
            line.replace("-5", "5.5"),
            line.replace('}', ",\"more\":1}"),
            line.replace("telemetry", "epoch"),
            format!("{line} x"),
            line[..line.len() - 1].to_owned(),
        ];
        for line in odd {
            let whole: Result<LogLine, _> = serde_json::from_str(&line);
            let expected = whole.map_err(|error| format!("not a run log line: {error}"));
            assert_eq!(read_line(&line), expected, "{line}");
        }
    }
}
