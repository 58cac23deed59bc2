//! Sensor readings over a session, as far as an entry's page shows them. The samples of a run log take many times the memory,
//! and a board has thousands of entries.

use std::collections::BTreeMap;

use hlb_machine::{GpuSample, Sample};
use hlb_protocol::run_log::{RunLog, TimedSample};

/// A moment, in seconds since the session's start, and what was read then.
pub type Reading = (f64, Option<f64>);

/// A sensor that is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensor {
    /// Busy share of the processors, in percent.
    Busy,
    /// The part of it that other processes used, in percent.
    BusyWithOthers,
    /// Mean frequency of the processors, in MHz.
    Frequency,
    /// Power of the GPU, in watts.
    Power,
    /// Clock of the GPU's multiprocessors, in MHz.
    SmClock,
    /// Temperature of the GPU, in degrees Celsius.
    Temperature,
}

impl Sensor {
    const OF_A_GPU: [Self; 5] = [Self::Power, Self::SmClock, Self::Temperature, Self::Busy, Self::BusyWithOthers];
    const OF_PROCESSORS: [Self; 3] = [Self::Frequency, Self::Busy, Self::BusyWithOthers];

    /// Its reading; of the GPU with this index, if it is a sensor of a GPU.
    fn read(self, sample: &Sample, gpu: Option<u32>) -> Option<f64> {
        let of_gpu =
            |value: fn(&GpuSample) -> Option<f64>| sample.gpus.get(usize::try_from(gpu?).ok()?).and_then(value);
        match self {
            Self::Busy => sample.host.cpu_percent,
            Self::BusyWithOthers => sample.host.other_cpu_percent,
            Self::Frequency => sample.host.frequency_mhz.map(f64::from),
            Self::Power => of_gpu(|gpu| gpu.power_milliwatts.map(|milliwatts| f64::from(milliwatts) / 1e3)),
            Self::SmClock => of_gpu(|gpu| gpu.sm_clock_mhz.map(f64::from)),
            Self::Temperature => of_gpu(|gpu| gpu.temperature_celsius.map(f64::from)),
        }
    }
}

/// Sensor readings over a session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sensors {
    /// When samples were taken, in seconds since the session's start.
    at_seconds: Vec<f64>,
    /// Readings of each sensor at these times. A chart needs no more digits.
    values: BTreeMap<Sensor, Vec<Option<f32>>>,
    unknown: BTreeMap<String, String>,
}

impl Sensors {
    /// Keeps what is drawn of a session that trained on the GPU with this index, or on processors.
    pub(super) fn new(log: &RunLog, gpu: Option<u32>) -> Self {
        let sensors: &[Sensor] = if gpu.is_some() { &Sensor::OF_A_GPU } else { &Sensor::OF_PROCESSORS };
        // A reading of the counters alone is no gap in what is drawn.
        let samples: Vec<&TimedSample> = log.samples.iter().filter(|timed| !timed.sample.is_of_counters()).collect();
        let values = |sensor: Sensor| samples.iter().map(|timed| short(sensor.read(&timed.sample, gpu))).collect();
        Self {
            at_seconds: samples.iter().map(|timed| timed.at_seconds).collect(),
            values: sensors.iter().map(|sensor| (*sensor, values(*sensor))).collect(),
            unknown: last_reasons(&log.samples),
        }
    }

    /// How many samples were taken.
    pub fn count(&self) -> usize {
        self.at_seconds.len()
    }

    /// Readings of a sensor over the session; empty for hardware that did not train.
    pub fn readings(&self, sensor: Sensor) -> Vec<Reading> {
        let values = self.values.get(&sensor).into_iter().flatten();
        self.at_seconds.iter().copied().zip(values.map(|value| value.map(f64::from))).collect()
    }

    /// Why a value is lacking: the last reason for each key of a sample.
    pub(crate) fn reasons(&self) -> &BTreeMap<String, String> {
        &self.unknown
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is what is wanted")]
fn short(value: Option<f64>) -> Option<f32> {
    value.map(|value| value as f32)
}

fn last_reasons(samples: &[TimedSample]) -> BTreeMap<String, String> {
    let mut last = BTreeMap::new();
    for (key, reason) in samples.iter().flat_map(|timed| &timed.sample.unknown) {
        last.insert(key.clone(), reason.clone());
    }
    last
}
