//! Times of two sessions, one over the other, with the error that hosts add; where both have a paired reference, over the times of
//! that.

use serde::Serialize;

use crate::derive::times;
use crate::file::ResultFile;
use hlb_core::rules::{MAX_RUNS, WANTED_POWER};
use hlb_core::stats::{Estimate, Measured, mann_whitney, ratio_on_any_host, rounded_up_p};

/// A ratio of B to A.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TimeRatio {
    /// The ratio of typical times, on any two hosts; `null` with fewer than three runs, or where too many missed.
    pub b_over_a: Option<Estimate>,
    /// Two-sided p-value of there being no difference, rounded up to four decimals.
    pub p_same: Option<f64>,
}

/// What the runs of A and of B took, in seconds or in times of their references; a miss is `None`.
pub(crate) struct Samples {
    a: Vec<Option<f64>>,
    b: Vec<Option<f64>>,
    /// The typical ones of both, on their hosts.
    typical: Option<(Measured, Measured)>,
    /// What hosts add to their error.
    on_hosts: fn(Measured) -> Measured,
}

impl Samples {
    pub(crate) fn new(a: Vec<Option<f64>>, b: Vec<Option<f64>>, on_hosts: fn(Measured) -> Measured) -> Self {
        let typical = Measured::of(&a).zip(Measured::of(&b));
        Self { a, b, typical, on_hosts }
    }

    /// Of the ratios to the paired references; `None` unless both sessions have one that reached the target in every run.
    pub(crate) fn of_ratios(a: &ResultFile, b: &ResultFile) -> Option<Self> {
        Some(Self::new(ratios(a)?, ratios(b)?, ratio_on_any_host))
    }

    /// B over A as any two hosts would measure it; `None` without typical ones.
    pub(crate) fn b_over_a(&self) -> Option<Measured> {
        self.typical.map(|(a, b)| (self.on_hosts)(b).over((self.on_hosts)(a)))
    }

    /// The ratio and its p-value. Where so many runs missed that none is typical, ranks are tested: no host turns a miss into a time.
    pub(crate) fn ratio(&self) -> TimeRatio {
        let found = self.b_over_a();
        let by_ranks = || mann_whitney(&self.a, &self.b).map(|test| test.p_two_sided);
        let p = found.map(|ratio| ratio.p_is_one()).or_else(by_ranks);
        TimeRatio { b_over_a: found.map(|ratio| ratio.estimate()), p_same: p.map(rounded_up_p) }
    }

    pub(crate) fn a_is_faster(&self) -> bool {
        let by_ranks = || mann_whitney(&self.a, &self.b).is_some_and(|test| test.a_is_faster);
        self.b_over_a().map_or_else(by_ranks, |ratio| ratio.value() > 1.0)
    }

    /// Share of the slower one's time that the faster one saves.
    pub(crate) fn gain(&self) -> Option<f64> {
        let ratio = self.b_over_a()?.value();
        Some(1.0 - ratio.min(1.0 / ratio)).filter(|gain| *gain > 0.0)
    }

    /// Runs of each that show such a gain with the wanted chance.
    pub(crate) fn runs_needed(&self) -> Option<u32> {
        let (a, b) = self.typical?;
        let from = |runs| (self.on_hosts)(b.from_runs(runs)).over((self.on_hosts)(a.from_runs(runs)));
        (3..=MAX_RUNS).find(|runs| from(*runs).power() >= WANTED_POWER)
    }
}

/// Each run's time over that of the reference run paired with it. `None` without a reference, or where one of its runs missed: nothing
/// is relative to a miss.
fn ratios(result: &ResultFile) -> Option<Vec<Option<f64>>> {
    let reference: Option<Vec<f64>> = times(&result.derived.calibration.as_ref()?.runs).into_iter().collect();
    let ratio = |(time, reference): (Option<f64>, f64)| time.map(|time| time / reference);
    Some(result.times().into_iter().zip(reference?).map(ratio).collect())
}
