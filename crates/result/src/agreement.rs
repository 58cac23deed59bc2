//! Whether a reproduction agrees with its entry: the tolerance is in `docs/reference/rules.md`.

use crate::file::ResultFile;
use crate::relative::{Hosts, Samples};
use hlb_core::artifact::Sha256Hex;
use hlb_core::rules::{CLOCK_TOLERANCE_SHARE, REPRODUCTION_INTERVAL_FACTOR, REPRODUCTION_TIME_FACTOR, SIGNIFICANCE};
use hlb_core::stats::{Estimate, mean_and_deviation, p_means_differ, rounded_up_p};
use hlb_core::units::Accuracy;

/// Whether a reproduction agrees with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Accuracy and time are the same within the tolerance.
    Agrees,
    /// Accuracy or time differs by more than the tolerance.
    Disagrees,
    /// The two cannot be compared.
    CannotSay,
}

impl Verdict {
    /// As in answers and on the board.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Disagrees => "disagrees",
            Self::CannotSay => "cannot say",
        }
    }
}

/// How two sessions of one recipe compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// Whether the sessions agree.
    pub verdict: Verdict,
    /// Two-sided p-value (Welch) of the mean final accuracies being the same, rounded up to four decimals.
    pub p_same_accuracy: Option<f64>,
    /// Time of the second session over the first, with its 95 % interval on any two hosts: of the ratios to the paired reference where
    /// both sessions have one, else of the times themselves.
    pub time_ratio: Option<Estimate>,
    /// Whether that is the ratio of ratios to the paired reference.
    pub calibrated: bool,
    /// Why, in sentences without a full stop.
    pub reasons: Vec<String>,
}

impl Agreement {
    /// Whether the sessions agree.
    pub fn agrees(&self) -> bool {
        self.verdict == Verdict::Agrees
    }

    /// The same, or that nothing can be said for this reason.
    #[must_use]
    pub(super) fn unless(mut self, problem: Option<String>) -> Self {
        if problem.is_some() {
            self.verdict = Verdict::CannotSay;
        }
        self.reasons.extend(problem);
        self
    }
}

/// Refuses a session that did not set out to repeat this one.
pub(super) fn check_is_of(original: &ResultFile, original_sha256: Sha256Hex, again: &ResultFile) -> Result<(), String> {
    let same = [
        ("`reproduces`, the digest of the result", again.reproduces == Some(original_sha256)),
        ("the recipe", again.variant.recipe_sha256 == original.variant.recipe_sha256),
        ("the data set", again.dataset.content_sha256 == original.dataset.content_sha256),
        ("the number of runs", again.session.runs == original.session.runs),
        ("the reference", again.reference == original.reference),
    ];
    if let Some((what, _)) = same.iter().find(|(_, same)| !same) {
        return Err(format!("{what} is not that of the entry"));
    }
    if again.session.nonce == original.session.nonce {
        return Err("it is the entry's own session".to_owned());
    }
    Ok(())
}

/// Compares two sessions of one recipe.
pub fn between(original: &ResultFile, again: &ResultFile) -> Agreement {
    let (p, accuracy) = accuracy(original, again);
    let (time_ratio, calibrated, time) = time(original, again);
    let complete = completeness(original, again);
    let findings = [complete, accuracy, time];
    let verdict = if findings.iter().any(|finding| finding.0 == Verdict::Disagrees) {
        Verdict::Disagrees
    } else if findings.iter().any(|finding| finding.0 == Verdict::CannotSay) {
        Verdict::CannotSay
    } else {
        Verdict::Agrees
    };
    let reasons = findings.into_iter().map(|(_, reason)| reason).filter(|reason| !reason.is_empty()).collect();
    Agreement { verdict, p_same_accuracy: p, time_ratio, calibrated, reasons }
}

type Finding = (Verdict, String);

fn completeness(original: &ResultFile, again: &ResultFile) -> Finding {
    let complete = |result: &ResultFile| result.session.is_complete() && !result.session.stop_at_target;
    if !complete(original) || !complete(again) {
        return (Verdict::CannotSay, "one of the two sessions did not run all its runs to the end".to_owned());
    }
    // Such a session is never ranked, so it cannot confirm one that is.
    let timed = |result: &ResultFile| result.derived.phases.clocks_agree;
    if !timed(original) || !timed(again) {
        let percent = 100.0 * CLOCK_TOLERANCE_SHARE;
        let reason =
            format!("the clocks of the two programs differ by more than {percent} % in one of the two sessions");
        return (Verdict::CannotSay, reason);
    }
    (Verdict::Agrees, String::new())
}

fn accuracy(original: &ResultFile, again: &ResultFile) -> (Option<f64>, Finding) {
    let Some((first, second)) = original.final_accuracies().zip(again.final_accuracies()) else {
        let reason = "a run of one of the two sessions did not come to its end, so mean final accuracies are unknown";
        return (None, (Verdict::CannotSay, reason.to_owned()));
    };
    let Some(p) = p_means_differ(&first, &second).map(rounded_up_p) else {
        return (None, (Verdict::CannotSay, "there are too few final accuracies to compare".to_owned()));
    };
    let mean = |accuracies: &[Accuracy]| {
        let (mean, _) = mean_and_deviation(&accuracies.iter().map(|one| one.percent()).collect::<Vec<_>>());
        mean.map_or_else(|| "unknown".to_owned(), |mean| format!("{mean:.2} %"))
    };
    let text = format!("mean final accuracy {} against {} (p = {p:.4})", mean(&second), mean(&first));
    let verdict = if p < SIGNIFICANCE { Verdict::Disagrees } else { Verdict::Agrees };
    (Some(p), (verdict, text))
}

fn time(original: &ResultFile, again: &ResultFile) -> (Option<Estimate>, bool, Finding) {
    let (samples, by_reference) = match Samples::of_ratios(original, again) {
        Some(samples) => (samples, true),
        None if original.class() == again.class() => {
            (Samples::new(original.times(), again.times(), Hosts::Times), false)
        }
        None => {
            let reason = format!(
                "times on {} and on {} compare only through a paired reference, and not both sessions have one",
                again.class(),
                original.class()
            );
            return (None, false, (Verdict::CannotSay, reason));
        }
    };
    let Some(ratio) = samples.b_over_a().map(|ratio| ratio.estimate()) else {
        let reason = "there are fewer than three runs, or too many did not reach the target";
        return (None, by_reference, (Verdict::CannotSay, reason.to_owned()));
    };
    (Some(ratio), by_reference, judged(ratio, by_reference))
}

fn judged(ratio: Estimate, by_reference: bool) -> Finding {
    let (Some(low), Some(high)) = (ratio.low, ratio.high) else {
        return (Verdict::CannotSay, "the times are too uneven for an interval".to_owned());
    };
    let what = if by_reference { "time relative to the reference" } else { "time" };
    let text = format!("{what} {:.3} of the first session's (95 % interval {low:.3} to {high:.3})", ratio.value);
    if low > REPRODUCTION_TIME_FACTOR || high < 1.0 / REPRODUCTION_TIME_FACTOR {
        let percent = 100.0 * (REPRODUCTION_TIME_FACTOR - 1.0);
        return (Verdict::Disagrees, format!("{text}, outside of {percent:.0} %"));
    }
    if low < ratio.value / REPRODUCTION_INTERVAL_FACTOR || high > ratio.value * REPRODUCTION_INTERVAL_FACTOR {
        return (Verdict::CannotSay, format!("{text}, too uncertain to tell; use more runs on a quiet machine"));
    }
    (Verdict::Agrees, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, low: f64, high: f64) -> Estimate {
        Estimate { value, low: Some(low), high: Some(high) }
    }

    #[test]
    fn a_time_within_the_tolerance_agrees() {
        assert_eq!(judged(estimate(1.0, 0.98, 1.02), true).0, Verdict::Agrees);
        assert_eq!(judged(estimate(1.07, 1.04, 1.10), true).0, Verdict::Agrees, "the interval reaches the tolerance");
        assert_eq!(judged(estimate(1.1, 1.06, 1.14), true).0, Verdict::Disagrees);
        assert_eq!(judged(estimate(0.9, 0.87, 0.93), false).0, Verdict::Disagrees);
    }

    #[test]
    fn noise_is_no_agreement() {
        assert_eq!(judged(estimate(1.0, 0.7, 1.4), true).0, Verdict::CannotSay);
        assert_eq!(judged(Estimate { value: 1.0, low: Some(0.9), high: None }, true).0, Verdict::CannotSay);
    }
}
