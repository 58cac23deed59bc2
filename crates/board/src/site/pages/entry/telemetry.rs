//! Telemetry of a session: sensors over time, and their order statistics.

use serde::Serialize;

use crate::sensors::{Reading, Sensor, Sensors};
use crate::site::charts::sensors::{self as sensors_chart, RunSegment, SensorChart};
use crate::site::figure::{Figure, percentage};
use hlb_core::stats::Spread;
use hlb_protocol::run_log::{Arm, RunLog};
use hlb_result::{Entry, GpuTelemetry, TelemetrySummary};

/// Sensors over the session.
#[derive(Debug, Serialize)]
pub(crate) struct TelemetryView {
    /// Samples taken during runs.
    samples: u32,
    /// Samples of the whole session.
    all_samples: usize,
    calibrated: bool,
    charts: Vec<ChartView>,
    rows: Vec<SensorRow>,
    /// Share of the samples in which the GPU was throttled; `None` where a processor trained.
    throttled: Option<Figure>,
}

/// One chart, or why there is none.
#[derive(Debug, Serialize)]
struct ChartView {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    about: &'static str,
    chart: Option<SensorChart>,
    missing: Figure,
}

/// Order statistics of a sensor during runs.
#[derive(Debug, Serialize)]
struct SensorRow {
    name: &'static str,
    /// The filter that its values are written with.
    form: &'static str,
    /// Lowest, quartiles and highest; empty where nothing was read.
    values: Vec<f64>,
    missing: Figure,
}

impl SensorRow {
    fn new(name: &'static str, spread: &Spread, form: &'static str, why_missing: &str) -> Self {
        let values = [spread.min, spread.quartile_1, spread.median, spread.quartile_3, spread.max];
        Self { name, form, values: values.into_iter().flatten().collect(), missing: Figure::unknown(why_missing) }
    }
}

/// What a chart shows.
struct Drawn {
    id: &'static str,
    title: &'static str,
    unit: &'static str,
    about: &'static str,
    key: String,
    /// Where the axis ends at least.
    high: f64,
    /// The lines, first the one that the key belongs to.
    lines: &'static [Sensor],
}

impl TelemetryView {
    pub(super) fn new(entry: &Entry, sensors: &Sensors) -> Self {
        let (telemetry, log) = (&entry.result.derived.telemetry, &entry.log);
        let segments = run_segments(log);
        let drawn = telemetry.gpu.as_ref().map_or_else(|| vec![frequency()], |gpu| of_gpu(gpu.index));
        let chart = |drawn| ChartView::new(drawn, &segments, log.wall_seconds, sensors);
        let throttled = telemetry.gpu.as_ref().map(|gpu| {
            let unknown = || Figure::unknown(why(sensors, &gpu_key(gpu.index, "throttle_reasons")));
            gpu.throttled_share.map_or_else(unknown, |share| Figure::known(percentage(100.0 * share)))
        });
        Self {
            samples: telemetry.samples,
            all_samples: sensors.count(),
            calibrated: !log.reference.is_empty(),
            charts: drawn.into_iter().chain([busy()]).map(chart).collect(),
            rows: rows(telemetry, sensors),
            throttled,
        }
    }
}

impl ChartView {
    fn new(drawn: Drawn, runs: &[RunSegment], end: f64, sensors: &Sensors) -> Self {
        let Drawn { id, title, unit, about, key, high, lines } = drawn;
        let lines: Vec<Vec<Reading>> = lines.iter().map(|sensor| sensors.readings(*sensor)).collect();
        let chart = sensors_chart::draw(&lines, runs, end, high);
        Self { id, title, unit, about, chart, missing: Figure::unknown(why(sensors, &key)) }
    }
}

fn run_segments(log: &RunLog) -> Vec<RunSegment> {
    let segment = |run: &&hlb_protocol::run_log::LoggedRun| RunSegment {
        begin: run.began_at_seconds,
        end: run.began_at_seconds + run.supervised_seconds,
        reference: run.arm == Arm::Reference,
    };
    log.in_order().iter().map(segment).collect()
}

fn gpu_key(index: u32, sensor: &str) -> String {
    format!("gpus[{index}].{sensor}")
}

/// The last reason that a sample gives for a missing value.
fn why<'a>(sensors: &'a Sensors, key: &str) -> &'a str {
    // Where no GPU could be asked at all, the reason stands once.
    let reason = sensors.why(key).or_else(|| sensors.why("gpus").filter(|_| key.starts_with("gpus[")));
    let none = if sensors.count() == 0 { "the run log holds no samples" } else { "the run log gives no reason" };
    reason.unwrap_or(none)
}

fn of_gpu(index: u32) -> Vec<Drawn> {
    let drawn = |id, title, unit, sensor: &str, lines| {
        let key = gpu_key(index, sensor);
        Drawn { id, title, unit, about: "", key, high: 0.0, lines }
    };
    vec![
        drawn("power", "GPU power", "watts", "power_milliwatts", &[Sensor::Power]),
        drawn("sm-clock", "GPU SM clock", "MHz", "sm_clock_mhz", &[Sensor::SmClock]),
        drawn("temperature", "GPU temperature", "°C", "temperature_celsius", &[Sensor::Temperature]),
    ]
}

fn frequency() -> Drawn {
    Drawn {
        id: "frequency",
        title: "CPU frequency",
        unit: "MHz",
        about: "Mean over the processors.",
        key: "host.frequency_mhz".to_owned(),
        high: 0.0,
        lines: &[Sensor::Frequency],
    }
}

fn busy() -> Drawn {
    Drawn {
        id: "busy",
        title: "CPU utilization",
        unit: "percent",
        about: "The dashed line is the share that other processes used.",
        key: "host.cpu_percent".to_owned(),
        high: 100.0,
        lines: &[Sensor::Busy, Sensor::BusyWithOthers],
    }
}

fn rows(telemetry: &TelemetrySummary, sensors: &Sensors) -> Vec<SensorRow> {
    let row = |name, spread, form, key| SensorRow::new(name, spread, form, why(sensors, key));
    let mut rows = telemetry.gpu.as_ref().map(|gpu| gpu_rows(gpu, sensors)).unwrap_or_default();
    rows.extend([
        row("CPU utilization", &telemetry.cpu_percent, "short_percent", "host.cpu_percent"),
        row(
            "CPU utilization by other processes",
            &telemetry.other_cpu_percent,
            "short_percent",
            "host.other_cpu_percent",
        ),
        row("CPU frequency", &telemetry.cpu_frequency_mhz, "megahertz", "host.frequency_mhz"),
        row("Load average (1 minute)", &telemetry.load_1m, "points", "host.load_1m"),
        row("Available memory", &telemetry.memory_available_bytes, "bytes", "host.memory_available_bytes"),
    ]);
    rows
}

fn gpu_rows(gpu: &GpuTelemetry, sensors: &Sensors) -> Vec<SensorRow> {
    let row =
        |name, spread, form, sensor| SensorRow::new(name, spread, form, why(sensors, &gpu_key(gpu.index, sensor)));
    vec![
        row("GPU power", &gpu.power_watts, "watts", "power_milliwatts"),
        row("GPU SM clock", &gpu.sm_clock_mhz, "megahertz", "sm_clock_mhz"),
        row("GPU memory clock", &gpu.memory_clock_mhz, "megahertz", "memory_clock_mhz"),
        row("GPU temperature", &gpu.temperature_celsius, "celsius", "temperature_celsius"),
        row("GPU utilization", &gpu.utilization_percent, "whole_percent", "utilization_percent"),
        row("GPU memory in use", &gpu.memory_used_bytes, "bytes", "memory_used_bytes"),
    ]
}
