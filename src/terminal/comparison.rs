//! A comparison in words.

use hlb_core::rules::SIGNIFICANCE;
use hlb_core::stats::{Estimate, Interval};
use hlb_core::tree::Change;
use hlb_core::units::human_seconds;
use hlb_result::{ComparedSession, Comparison, Conclusion, PairedReference, TimeRatio};

/// The lines for people.
pub(crate) fn describe_comparison(comparison: &Comparison) -> Vec<String> {
    let sessions = [("A", &comparison.a), ("B", &comparison.b)];
    let mut lines = vec![comparison.sentence.clone()];
    lines.extend(sessions.map(|(label, session)| session_line(label, session)));
    lines.push(format!("time-to-accuracy, B over A: {}", ratio(comparison.times)));
    for (label, session) in sessions {
        lines.extend(session.calibration.as_ref().map(|reference| reference_line(label, reference)));
    }
    if let Some(calibrated) = comparison.calibrated {
        lines.push(format!("ratio to the paired reference, B over A: {}", ratio(calibrated)));
    }
    if comparison.verdict != Conclusion::CannotSay {
        lines.push(comparison.trust.clone());
    }
    if let Some(steps) = comparison.seconds_per_step {
        lines.push(format!("seconds per step, B over A: {}", ratio(steps)));
    }
    lines.push(accuracy_line(comparison.p_same_final_accuracy));
    lines.extend(recipe_lines(&comparison.recipe_differences));
    lines
}

fn session_line(label: &str, session: &ComparedSession) -> String {
    let time = session.median_seconds.map_or_else(|| "target not reached by the median run".to_owned(), human_seconds);
    let bound = |bound: Option<f64>| bound.map_or_else(|| "unknown".to_owned(), human_seconds);
    let Interval { low, high } = session.median_interval_seconds;
    let accuracy = session
        .mean_final_accuracy_percent
        .map_or_else(|| "final accuracy unknown".to_owned(), |mean| format!("final accuracy {mean:.2} %"));
    let by = session.principal.as_ref().map_or_else(String::new, |principal| format!(" by {principal}"));
    format!(
        "{label}: {}, {}{by}, on {}: {time} (95 % interval {} to {}), {} of {} runs reached, {accuracy}",
        session.name,
        session.trust,
        session.hardware_class,
        bound(low),
        bound(high),
        session.reached,
        session.runs
    )
}

fn reference_line(label: &str, reference: &PairedReference) -> String {
    format!(
        "{label} over its paired reference: time {}, Wilcoxon p = {}; seconds per step {}",
        estimate(reference.time_ratio),
        p_value(reference.p_same_time_paired),
        estimate(reference.step_ratio)
    )
}

fn accuracy_line(p: Option<f64>) -> String {
    match p {
        Some(p) if p < SIGNIFICANCE => format!("mean final accuracies are significantly different: Welch p = {p:.4}"),
        Some(p) => format!("mean final accuracies are not significantly different: Welch p = {p:.4}"),
        None => "mean final accuracies cannot be compared: a run has none, or there is only one run".to_owned(),
    }
}

fn recipe_lines(differences: &[Change]) -> Vec<String> {
    if differences.is_empty() {
        return vec!["both trained the same recipe".to_owned()];
    }
    let line = |change: &Change| format!("  {}: {} -> {}", change.path, change.before, change.after);
    let head = "recipes differ, from A to B:".to_owned();
    std::iter::once(head).chain(differences.iter().map(line)).collect()
}

fn ratio(ratio: TimeRatio) -> String {
    format!("{}, p = {}", estimate(ratio.b_over_a), p_value(ratio.p_same))
}

fn estimate(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(|| "unknown".to_owned(), |estimate| estimate.to_string())
}

fn p_value(p: Option<f64>) -> String {
    p.map_or_else(|| "unknown".to_owned(), |p| format!("{p:.4}"))
}
