//! What a page tells of the variant against the reference beside it, and of drift over the session.

use serde::Serialize;

use crate::leaderboard::site::figures::{Estimated, MEDIAN_MISSED, quartiles};
use crate::leaderboard::site::figure::{Fact, Figure, counted};
use crate::result::{Calibration, Drift, Entry};

/// Calibration and drift.
#[derive(Debug, Serialize)]
pub(crate) struct CalibrationView {
    calibrated: bool,
    /// What the reference did.
    facts: Vec<Fact>,
    ratios: Vec<RatioView>,
}

/// A ratio and how sure it is.
#[derive(Debug, Serialize)]
struct RatioView {
    of: &'static str,
    about: &'static str,
    estimate: Estimated,
    p: Figure,
}

impl CalibrationView {
    pub(crate) fn new(entry: &Entry) -> Self {
        let derived = &entry.result.derived;
        let calibration = derived.calibration.as_ref();
        let mut ratios: Vec<RatioView> = calibration.map(to_reference).into_iter().flatten().collect();
        ratios.push(drift(derived.drift.as_ref()));
        let facts = calibration.map(reference_facts).unwrap_or_default();
        Self { calibrated: calibration.is_some(), facts, ratios }
    }
}

fn p_or_none(p: Option<f64>, why_not: &str) -> Figure {
    p.map_or_else(|| Figure::none(why_not), |p| Figure::known(format!("{p:.4}")))
}

fn reference_facts(calibration: &Calibration) -> Vec<Fact> {
    let spread = &calibration.reference_seconds;
    let held = u32::try_from(calibration.runs.len()).unwrap_or(u32::MAX);
    let reached = format!("{} of {}", calibration.reference_reached, counted(held, "run", "runs"));
    let missed = "a quartile lies among runs that did not reach the target";
    vec![
        Fact::new("Reference, median time to target", Figure::seconds(spread.median, MEDIAN_MISSED)),
        Fact::new("Reference, quartiles", quartiles(spread).map_or_else(|| Figure::none(missed), Figure::known)),
        Fact::new("Reference, reached", Figure::known(reached)),
    ]
}

fn to_reference(calibration: &Calibration) -> [RatioView; 2] {
    let missed = "the median run of one of the two did not reach the target";
    [
        RatioView {
            of: "Time to target, variant over reference",
            about: "ratio of the medians, bootstrap interval; p by the test of Mann and Whitney",
            estimate: Estimated::ratio(calibration.time_ratio, missed),
            p: p_or_none(calibration.p_same_time, "too few runs"),
        },
        RatioView {
            of: "One update, variant over reference",
            about: "mean over the pairs of runs that were held in turn",
            estimate: Estimated::ratio(calibration.step_ratio, "too few pairs of runs made a step"),
            p: Figure::none("the interval says it"),
        },
    ]
}

fn drift(drift: Option<&Drift>) -> RatioView {
    RatioView {
        of: "One update, second half of the session over the first",
        about: "drift of the machine; each run relative to the median of its recipe",
        estimate: Estimated::ratio(drift.map(|drift| drift.second_half_over_first), "fewer than four runs made a step"),
        p: p_or_none(drift.and_then(|drift| drift.p_same_speed), "too few runs"),
    }
}
