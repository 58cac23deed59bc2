//! Telemetry of a session: sensors over time, and why a reading is lacking.

use std::collections::BTreeMap;

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::sensors::{Sensor, Sensors};
use crate::site::charts::sensors::draw;
use hlb_result::Entry;

/// Charts of the session's sensors, each under its id. Those of hardware that did not train are empty.
pub(super) fn view(entry: &Entry, sensors: &Sensors) -> Value {
    let (log, runs) = (&entry.log, entry.log.in_order());
    // The axis ends at `high` at least.
    let chart = |high: f64, lines: &[Sensor]| {
        let lines: Vec<_> = lines.iter().map(|sensor| sensors.readings(*sensor)).collect();
        draw(&lines, &runs, log.wall_seconds, high)
    };
    let charts = BTreeMap::from([
        ("power", chart(0.0, &[Sensor::Power])),
        ("sm-clock", chart(0.0, &[Sensor::SmClock])),
        ("temperature", chart(0.0, &[Sensor::Temperature])),
        ("frequency", chart(0.0, &[Sensor::Frequency])),
        ("busy", chart(100.0, &[Sensor::Busy, Sensor::BusyWithOthers])),
    ]);
    context! {
        // Samples of the whole session.
        all_samples => sensors.count(),
        calibrated => !log.reference.is_empty(),
        charts => Serde(charts),
    }
}

/// Answers templates why a value of a sample is missing: the last reason that was given.
pub(super) fn why(sensors: &Sensors) -> Value {
    let reasons = sensors.reasons().clone();
    let none = if sensors.count() == 0 { "the run log holds no samples" } else { "the run log gives no reason" };
    Value::from_function(move |key: &str| {
        // Where no GPU could be asked at all, the reason stands once.
        let of_all = || reasons.get("gpus").filter(|_| key.starts_with("gpus["));
        reasons.get(key).or_else(of_all).cloned().unwrap_or_else(|| none.to_owned())
    })
}
