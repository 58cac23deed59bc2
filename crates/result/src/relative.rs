//! Times of two sessions, one over the other, with the error that hosts add; where both have a paired reference, over the times of
//! that.

use serde::Serialize;

use crate::derive::times;
use crate::file::ResultFile;
use hlb_core::rules::{MAX_RUNS, WANTED_POWER};
use hlb_core::stats::{Estimate, HostSpread, Measured, RankTest, mann_whitney, rounded_up_p};

/// A ratio of B to A.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TimeRatio {
    /// The ratio of typical times, on any two hosts; `null` with fewer than three runs, or where too many missed.
    pub b_over_a: Option<Estimate>,
    /// Two-sided p-value of there being no difference, rounded up to four decimals.
    pub p_same: Option<f64>,
}

/// Where two sessions ran, which decides what is added to the error of what they measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// On one host.
    One,
    /// Times of any two hosts.
    Times,
    /// Ratios to the paired reference, of any two hosts.
    Ratios,
}

impl Hosts {
    fn add(self, measured: Measured) -> Measured {
        match self {
            Self::One => measured,
            Self::Times => HostSpread::default().in_time(measured),
            Self::Ratios => HostSpread::default().in_ratio(measured),
        }
    }
}

/// What the runs of A and of B took, in seconds or in times of their references; a miss is `None`.
pub(crate) struct Samples {
    a: Vec<Option<f64>>,
    b: Vec<Option<f64>>,
    /// The typical ones of both, on their hosts.
    typical: Option<(Measured, Measured)>,
    hosts: Hosts,
}

impl Samples {
    pub(crate) fn new(a: Vec<Option<f64>>, b: Vec<Option<f64>>, hosts: Hosts) -> Self {
        let typical = Measured::of(&a).zip(Measured::of(&b));
        Self { a, b, typical, hosts }
    }

    /// Of the ratios to the paired references; `None` unless both sessions have one.
    pub(crate) fn of_ratios(a: &ResultFile, b: &ResultFile) -> Option<Self> {
        Some(Self::new(ratios(a)?, ratios(b)?, Hosts::Ratios))
    }

    /// B over A as any two hosts would measure it; `None` without typical ones.
    pub(crate) fn b_over_a(&self) -> Option<Measured> {
        self.typical.map(|(a, b)| self.hosts.add(b).over(self.hosts.add(a)))
    }

    /// The ratio and its p-value.
    pub(crate) fn ratio(&self) -> TimeRatio {
        let found = self.b_over_a();
        let p = found.map(|ratio| ratio.p_is_one()).or_else(|| self.by_ranks().map(|test| test.p_two_sided));
        TimeRatio { b_over_a: found.map(|ratio| ratio.estimate()), p_same: p.map(rounded_up_p) }
    }

    pub(crate) fn a_is_faster(&self) -> bool {
        let by_ranks = || self.by_ranks().is_some_and(|test| test.a_is_faster);
        self.b_over_a().map_or_else(by_ranks, |ratio| ratio.value() > 1.0)
    }

    /// Where so many runs missed that none is typical. On two hosts only that some missed can be held against them: a slow host changes
    /// a time, but turns none into a miss.
    fn by_ranks(&self) -> Option<RankTest> {
        let comparable = |times: &[Option<f64>]| -> Vec<Option<f64>> {
            times.iter().map(|time| time.map(|time| if self.hosts == Hosts::One { time } else { 1.0 })).collect()
        };
        mann_whitney(&comparable(&self.a), &comparable(&self.b))
    }

    /// Share of the slower one's time that the faster one saves.
    pub(crate) fn gain(&self) -> Option<f64> {
        let ratio = self.b_over_a()?.value();
        Some(1.0 - ratio.min(1.0 / ratio)).filter(|gain| *gain > 0.0)
    }

    /// Runs of each that show such a gain with the wanted chance.
    pub(crate) fn runs_needed(&self) -> Option<u32> {
        let (a, b) = self.typical?;
        let from = |runs| self.hosts.add(b.from_runs(runs)).over(self.hosts.add(a.from_runs(runs)));
        (3..=MAX_RUNS).find(|runs| from(*runs).power() >= WANTED_POWER)
    }
}

/// Times of the paired reference; `None` without one.
pub(crate) fn reference_times(result: &ResultFile) -> Option<Vec<Option<f64>>> {
    Some(times(&result.derived.calibration.as_ref()?.runs))
}

/// Each run's time over that of the reference run paired with it; `None` without a reference. A miss is slower than any time: the
/// variant's makes a ratio larger than any (`None`), whatever its pair did, and one of the reference's alone makes it 0.
pub(crate) fn ratios(result: &ResultFile) -> Option<Vec<Option<f64>>> {
    let ratio = |(time, reference): (Option<f64>, Option<f64>)| {
        time.map(|time| reference.map_or(0.0, |reference| time / reference))
    };
    Some(result.times().into_iter().zip(reference_times(result)?).map(ratio).collect())
}
