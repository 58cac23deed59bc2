//! Joules between two moments of a session, from the counters of GPU and processor where there are some.

use serde::{Deserialize, Serialize};

use crate::derive::basis::Basis;
use hlb_machine::{GpuSample, Sample};
use hlb_protocol::run_log::{RunLog, TimedSample};

/// How the energy of the GPU was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnergyMethod {
    /// Difference of the GPU's own energy counter.
    Counter,
    /// Power readings, integrated by trapezoids.
    IntegratedPower,
}

/// A reading at a moment.
type Reading = (f64, f64);

/// The GPU that trains, if its counter is of it alone: that of a GPU that is split (MIG) counts all of its parts.
fn whole_gpu(basis: Basis) -> Option<usize> {
    let split = |index: &usize| basis.machine.gpus.get(*index).is_some_and(|gpu| gpu.mig_enabled == Some(true));
    trained_gpu(basis).filter(|index| !split(index))
}

/// The GPU that trains; `None` where the processor does, or which one is unknown.
pub(super) fn trained_gpu(basis: Basis) -> Option<usize> {
    usize::try_from(basis.machine.trained_gpu.filter(|_| basis.is_on_gpu())?).ok()
}

/// Why no energy of the GPU is known; `None` where it is.
pub(super) fn gpu_unknown(basis: Basis) -> Option<String> {
    if method(basis).is_some() {
        return None;
    }
    Some(match (basis.is_on_gpu(), trained_gpu(basis)) {
        (false, _) => "the processor trained".to_owned(),
        (true, None) => "it is not known which GPU trained".to_owned(),
        (true, Some(_)) if whole_gpu(basis).is_none() => {
            "the counter is that of a whole GPU, of which a part trained".to_owned()
        }
        (true, Some(index)) => reason(basis.log, &format!("gpus[{index}].power_milliwatts")),
    })
}

/// Why no energy of the processor is known; `None` where it is.
pub(super) fn cpu_unknown(log: &RunLog) -> Option<String> {
    let known = readings(log, cpu_counter).len() > 1;
    (!known).then(|| reason(log, "host.cpu_energy_microjoules"))
}

/// The last reason that a sample gives for a value that it lacks.
fn reason(log: &RunLog, key: &str) -> String {
    let mut reasons = log.samples.iter().rev().filter_map(|timed| timed.sample.unknown.get(key));
    reasons.next().cloned().unwrap_or_else(|| "too few samples".to_owned())
}

fn readings(log: &RunLog, value: impl Fn(&Sample) -> Option<f64>) -> Vec<Reading> {
    let reading = |timed: &TimedSample| value(&timed.sample).map(|value| (timed.at_seconds, value));
    log.samples.iter().filter_map(reading).collect()
}

#[expect(clippy::cast_precision_loss, reason = "2^52 microjoules are more than a year of the hungriest machine")]
fn cpu_counter(sample: &Sample) -> Option<f64> {
    sample.host.cpu_energy_microjoules.map(|microjoules| microjoules as f64 / 1e6)
}

#[expect(clippy::cast_precision_loss, reason = "2^52 millijoules are centuries of any GPU")]
fn gpu_counter(gpu: &GpuSample) -> Option<f64> {
    gpu.energy_millijoules.map(|millijoules| millijoules as f64 / 1e3)
}

fn watts(gpu: &GpuSample) -> Option<f64> {
    gpu.power_milliwatts.map(|milliwatts| f64::from(milliwatts) / 1e3)
}

fn of_gpu(log: &RunLog, index: usize, value: impl Fn(&GpuSample) -> Option<f64>) -> Vec<Reading> {
    readings(log, |sample| sample.gpus.get(index).and_then(&value))
}

/// How the energy of the GPU that trains was measured; `None` where it was not.
pub(super) fn method(basis: Basis) -> Option<EnergyMethod> {
    let index = whole_gpu(basis)?;
    if of_gpu(basis.log, index, gpu_counter).len() > 1 {
        return Some(EnergyMethod::Counter);
    }
    (of_gpu(basis.log, index, watts).len() > 1).then_some(EnergyMethod::IntegratedPower)
}

/// Joules of the GPU that trains between two moments; `None` where sensors do not cover them.
pub(super) fn gpu_joules(basis: Basis, span: (f64, f64)) -> Option<f64> {
    let index = whole_gpu(basis)?;
    match method(basis)? {
        EnergyMethod::Counter => difference(&of_gpu(basis.log, index, gpu_counter), span),
        EnergyMethod::IntegratedPower => integral(&of_gpu(basis.log, index, watts), span),
    }
}

/// Joules of the processor's packages between two moments. Every process counts from 0 anew.
pub(super) fn cpu_joules(log: &RunLog, span: (f64, f64)) -> Option<f64> {
    difference(&readings(log, cpu_counter), span)
}

/// A value between two readings, on the line through them; `None` outside of all.
fn at(readings: &[Reading], moment: f64) -> Option<f64> {
    let after = readings.partition_point(|(at, _)| *at < moment);
    let (end, to) = readings.get(after)?;
    if *end <= moment {
        return Some(*to);
    }
    let (begin, from) = readings.get(after.checked_sub(1)?)?;
    Some(from + (to - from) * (moment - begin) / (end - begin))
}

/// What a counter grew by; `None` if it fell, since a driver that is loaded again resets it.
fn difference(readings: &[Reading], (begin, end): (f64, f64)) -> Option<f64> {
    let inside = readings.partition_point(|(at, _)| *at <= begin).saturating_sub(1);
    let until = readings.partition_point(|(at, _)| *at < end).min(readings.len().saturating_sub(1));
    let grows = readings.get(inside..=until)?.is_sorted_by(|a, b| a.1 <= b.1);
    let joules = at(readings, end)? - at(readings, begin)?;
    grows.then_some(joules)
}

/// Area under readings of power.
fn integral(readings: &[Reading], (begin, end): (f64, f64)) -> Option<f64> {
    let mut points = vec![(begin, at(readings, begin)?)];
    points.extend(readings.iter().copied().filter(|(at, _)| *at > begin && *at < end));
    points.push((end, at(readings, end)?));
    Some(points.windows(2).map(|pair| (pair[1].0 - pair[0].0) * f64::midpoint(pair[0].1, pair[1].1)).sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_counter_is_read_between_its_readings() {
        let readings = [(0.0, 100.0), (1.0, 300.0), (2.0, 700.0)];
        assert_eq!(difference(&readings, (0.5, 1.5)), Some(300.0));
        assert_eq!(difference(&readings, (0.0, 2.0)), Some(600.0));
        assert_eq!(difference(&readings, (0.0, 2.5)), None, "nothing is known after the last reading");
        assert_eq!(difference(&[(0.5, 1.0), (2.0, 3.0)], (0.0, 1.0)), None, "nor before the first");
        assert_eq!(difference(&[], (0.0, 1.0)), None);
    }

    #[test]
    fn a_counter_that_was_set_back_says_nothing() {
        let readings = [(0.0, 100.0), (1.0, 5.0), (2.0, 205.0)];
        assert_eq!(difference(&readings, (0.0, 2.0)), None);
        assert_eq!(difference(&readings, (1.0, 2.0)), Some(200.0));
    }

    #[test]
    fn power_is_integrated_by_trapezoids() {
        let readings = [(0.0, 100.0), (1.0, 300.0), (2.0, 300.0)];
        assert_eq!(integral(&readings, (0.0, 2.0)), Some(500.0));
        assert_eq!(integral(&readings, (0.5, 1.5)), Some(275.0));
        assert_eq!(integral(&readings, (0.5, 3.0)), None);
    }

    proptest! {
        #[test]
        fn constant_power_is_energy_over_time(power in 0.0_f64..1000.0, begin in 0.0_f64..5.0, length in 0.0_f64..4.9) {
            let readings: Vec<Reading> = (0..=10).map(|second| (f64::from(second), power)).collect();
            let counter: Vec<Reading> = (0..=10).map(|second| (f64::from(second), power * f64::from(second))).collect();
            let span = (begin, begin + length);
            let (area, grown) = (integral(&readings, span).expect("inside"), difference(&counter, span).expect("inside"));
            prop_assert!((area - power * length).abs() < 1e-6 && (area - grown).abs() < 1e-6);
        }
    }
}
