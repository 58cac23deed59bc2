//! What the sensors of a GPU say while it works.

use crate::finding::Finding;
use hlb_machine::{GpuSample, Sample};

/// Share by which the energy counter and the power readings may differ.
const ENERGY_SHARE: f64 = 0.15;

/// Seconds of work under which the two are not compared: power is told as the mean of a second.
const LEAST_SECONDS: f64 = 2.0;

/// Clocks, what throttles them, and energy, of samples with their times in seconds.
pub(crate) fn of(samples: &[(f64, Sample)], index: usize) -> Vec<Finding> {
    let gpus: Vec<(f64, &GpuSample)> =
        samples.iter().filter_map(|(at, sample)| Some((*at, sample.gpus.get(index)?))).collect();
    clocks(&gpus).into_iter().chain(throttling(&gpus)).chain(energy(&gpus)).collect()
}

fn clocks(gpus: &[(f64, &GpuSample)]) -> Option<Finding> {
    let highest = gpus.iter().filter_map(|(_, gpu)| gpu.sm_clock_mhz).max()?;
    Some(Finding::good("clocks under load", format!("{highest} MHz at most")))
}

fn throttling(gpus: &[(f64, &GpuSample)]) -> Option<Finding> {
    let told: Vec<_> = gpus.iter().filter_map(|(_, gpu)| gpu.throttle_reasons.as_ref()).flatten().collect();
    let mut reasons: Vec<_> = told.into_iter().filter(|reason| reason.is_throttling()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    if reasons.is_empty() {
        return gpus.iter().any(|(_, gpu)| gpu.throttle_reasons.is_some()).then(|| Finding::good("throttling", "none"));
    }
    let words = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Some(Finding::note("throttling", words, "a row with throttled clocks bears a warning: see to cooling and power"))
}

/// The counter of energy against the readings of power.
fn energy(gpus: &[(f64, &GpuSample)]) -> Option<Finding> {
    let told: Vec<(f64, f64, f64)> =
        gpus.iter().filter_map(|(at, gpu)| Some((*at, joules(gpu)?, f64::from(gpu.power_milliwatts?) / 1e3))).collect();
    let (first, last) = (told.first()?, told.last()?);
    if last.0 - first.0 < LEAST_SECONDS {
        return None;
    }
    let counted = last.1 - first.1;
    let integrated: f64 =
        told.windows(2).map(|pair| (pair[1].0 - pair[0].0) * f64::midpoint(pair[0].2, pair[1].2)).sum();
    let apart = (counted / integrated - 1.0).abs();
    let value = format!("{counted:.0} J by the counter, {integrated:.0} J by power over {:.1} s", last.0 - first.0);
    let finding = if apart > ENERGY_SHARE {
        Finding::note("energy", value, "energy of short runs is doubtful on this GPU")
    } else {
        Finding::good("energy", value)
    };
    Some(finding.bound(format!("{:.0} % apart at most", 100.0 * ENERGY_SHARE)))
}

#[expect(clippy::cast_precision_loss, reason = "2^52 millijoules are centuries of any GPU")]
fn joules(gpu: &GpuSample) -> Option<f64> {
    gpu.energy_millijoules.map(|millijoules| millijoules as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::finding::Verdict;
    use hlb_machine::{HostSample, ThrottleReason};

    /// Readings of three seconds at 500 W, with a counter that goes at `counted` watts.
    fn samples(counted: u32, reason: ThrottleReason) -> Vec<(f64, Sample)> {
        let gpu = |second: u32| GpuSample {
            sm_clock_mhz: Some(1980),
            power_milliwatts: Some(500_000),
            energy_millijoules: Some(u64::from(second * counted * 1000)),
            throttle_reasons: Some(vec![reason]),
            ..GpuSample::default()
        };
        let sample =
            |second| Sample { host: HostSample::default(), gpus: vec![gpu(second)], unknown: BTreeMap::default() };
        (0..4).map(|second| (f64::from(second), sample(second))).collect()
    }

    fn verdict(what: &str, samples: &[(f64, Sample)]) -> Verdict {
        of(samples, 0).iter().find(|finding| finding.what == what).expect("it was looked at").verdict
    }

    #[test]
    fn a_counter_that_disagrees_with_power_is_worth_a_note() {
        assert_eq!(verdict("energy", &samples(490, ThrottleReason::GpuIdle)), Verdict::Good);
        assert_eq!(verdict("energy", &samples(250, ThrottleReason::GpuIdle)), Verdict::Note);
    }

    #[test]
    fn what_throttles_is_named() {
        assert_eq!(verdict("throttling", &samples(500, ThrottleReason::GpuIdle)), Verdict::Good);
        assert_eq!(verdict("throttling", &samples(500, ThrottleReason::SwPowerCap)), Verdict::Note);
    }
}
