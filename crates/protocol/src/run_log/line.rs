//! A line of a run log, and the lines of a file. A log is JSON Lines: one event a line.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::run_log::event::Event;
use hlb_core::json;

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
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogLine {
    /// Seconds since the session started, by the clock of `hlb-bench`.
    pub at_seconds: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Reads a line; the error says what is wrong with it.
pub(super) fn read_line(line: &str) -> Result<LogLine, String> {
    json::read_line(line).map_err(|error| format!("not a run log line: {error}"))
}

/// In two steps: time and name of the event, with which a line begins, then what the event's own type has, and no other key.
/// So nothing is kept in memory before its type is known.
impl<'de> Deserialize<'de> for LogLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LineVisitor)
    }
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = LogLine;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object that begins with `at_seconds` and `event`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LogLine, A::Error> {
        let out_of_place = || de::Error::custom("it does not begin with `at_seconds` and `event`");
        let Some((Key::AtSeconds, at_seconds)) = map.next_entry()? else { return Err(out_of_place()) };
        let Some(Key::Event) = map.next_key()? else { return Err(out_of_place()) };
        let name = map.next_value()?;
        let event = read_event(name, MapAccessDeserializer::new(map))?;
        Ok(LogLine { at_seconds, event })
    }
}

/// The keys that a line begins with.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Key {
    AtSeconds,
    Event,
}

/// The names of the events that a log may hold.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    SessionStart,
    TrainerStart,
    WarmupRun,
    Repeat,
    RunStart,
    Telemetry,
    Epoch,
    RunStop,
    SessionResume,
    SessionStop,
}

fn read_event<'de, D: Deserializer<'de>>(name: Name, rest: D) -> Result<Event, D::Error> {
    Ok(match name {
        Name::SessionStart => Event::SessionStart(Deserialize::deserialize(rest)?),
        Name::TrainerStart => Event::TrainerStart(Deserialize::deserialize(rest)?),
        Name::WarmupRun => Event::WarmupRun(Deserialize::deserialize(rest)?),
        Name::Repeat => Event::Repeat(Deserialize::deserialize(rest)?),
        Name::RunStart => Event::RunStart(Deserialize::deserialize(rest)?),
        Name::Telemetry => Event::Telemetry(Deserialize::deserialize(rest)?),
        Name::Epoch => Event::Epoch(Deserialize::deserialize(rest)?),
        Name::RunStop => Event::RunStop(Deserialize::deserialize(rest)?),
        Name::SessionResume => Event::SessionResume(Deserialize::deserialize(rest)?),
        Name::SessionStop => Event::SessionStop(Deserialize::deserialize(rest)?),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::run_log::event::{Arm, Epoch, Repeat, RunStart, SessionStop, WarmupRun};
    use hlb_core::seed::Seed;
    use hlb_core::units::Accuracy;
    use hlb_machine::{GpuSample, HostSample, Sample};

    fn lines() -> Vec<String> {
        let unknown = BTreeMap::from([("gpus[0].power_milliwatts".to_owned(), "the driver refuses".to_owned())]);
        let gpus = vec![GpuSample { sm_clock_mhz: Some(1), ..GpuSample::default() }];
        let accuracy = Accuracy { correct: 1, total: 2 };
        let epoch = Epoch { run: 1, epoch: 1, step: 1, loss: 0.5, accuracy, train_seconds: 1.0, evaluate_seconds: 0.5 };
        let events = [
            Event::WarmupRun(WarmupRun { arm: Arm::Variant, seconds: 1.0, shortcuts: Vec::new() }),
            Event::Repeat(Repeat { steps: 3, parted: None }),
            Event::RunStart(RunStart { arm: Arm::Reference, run: 1, seed: Seed::from_number(1) }),
            Event::Telemetry(Sample { host: HostSample::default(), gpus, unknown }),
            Event::Epoch(epoch),
            Event::SessionStop(SessionStop { reason: "completed".to_owned() }),
        ];
        let text = |event| serde_json::to_string(&LogLine { at_seconds: 12.0625, event }).expect("plain");
        events.map(text).into()
    }

    #[test]
    fn a_line_that_was_written_is_read() {
        for line in lines() {
            let read = read_line(&line).expect("a good line");
            assert_eq!(serde_json::to_string(&read).expect("plain"), line);
        }
    }

    /// Every log that was ever published.
    #[test]
    fn lines_of_entries_are_written_as_they_were() {
        let submissions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../submissions");
        let mut folders = vec![submissions];
        let mut read = 0;
        while let Some(folder) = folders.pop() {
            folders.extend(folder.read_dir().into_iter().flatten().flatten().map(|item| item.path()));
            let Ok(text) = std::fs::read_to_string(folder.join("session.jsonl")) else { continue };
            for line in text.lines() {
                let again = serde_json::to_string(&read_line(line).expect("a good line")).expect("plain");
                // The last digit of a number may be read otherwise.
                let shape = |text: &str| text.replace(|digit: char| digit.is_ascii_digit(), "");
                assert_eq!(shape(&again), shape(line));
                read += 1;
            }
        }
        assert!(read > 1000, "{read} lines");
    }

    #[test]
    fn no_event_has_a_key_that_is_not_its_own() {
        for line in lines() {
            let name = line.split('"').nth(5).expect("a name");
            let odd = [
                line.replacen('}', ",\"more\":1}", 1),
                format!("{},\"x\":[0,0]}}", &line[..line.len() - 1]),
                format!("{},\"at_seconds\":1.0}}", &line[..line.len() - 1]),
                format!("{},\"event\":\"{name}\"}}", &line[..line.len() - 1]),
                line.replacen("\"at_seconds\"", "\"at_seconds\":1.0,\"at_seconds\"", 1),
                line.replacen("\"at_seconds\":12.0625,", "", 1),
                line.replacen(&format!("\"{name}\""), "\"another\"", 1),
                line.replacen(&format!("\"{name}\""), "\"progress\"", 1),
                line.replace("12.0625", "null"),
                line.replace("12.0625", "1e400"),
                format!("[{line}]"),
                format!("{line} x"),
                line[..line.len() - 1].to_owned(),
            ];
            for line in odd {
                assert!(read_line(&line).is_err(), "{line}");
            }
        }
    }

    #[test]
    fn the_readings_of_a_gpu_are_whole() {
        let line = lines().remove(3);
        assert!(line.contains("\"energy_millijoules\":null,"));
        assert!(read_line(&line.replace("\"energy_millijoules\":null,", "")).is_err());
        assert!(
            read_line(r#"{"at_seconds":0,"event":"telemetry","host":{"system_clock_milliseconds":0},"gpus":[{}]}"#)
                .is_err()
        );
    }
}
