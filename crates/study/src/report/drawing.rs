//! Curves of a study as coordinates: learning rates, and accuracy over training. Pure arithmetic.

use crate::plan::{PlannedVariant, StudyPlan};
use crate::record::RunRecord;
use crate::records::Records;
use hlb_board::plot::{Curve, Frame, LineDrawing, Scale, extent};
use hlb_recipe::{Parameters, Recipe};

const FRAME: Frame = Frame::WIDE;

/// Most points of a curve of learning rates.
const MOST_POINTS: u64 = 400;
/// How far the close view reaches below the lowest final accuracy, in points.
const CLOSE_POINTS: f64 = 2.0;

/// Learning rate of the convolutions at every step.
fn rates(recipe: &Recipe, steps: u64) -> Vec<f64> {
    (0..steps).map(|step| recipe.rate(Parameters::Filters, step, steps)).collect()
}

/// Learning rates of the weights over epochs; variants with the same rates share a line.
pub(super) fn learning_rates(plan: &StudyPlan) -> Option<LineDrawing> {
    let mut curves: Vec<Curve> = Vec::new();
    for variant in &plan.variants {
        let points = rate_points(variant);
        match curves.iter_mut().find(|curve| curve.points == points) {
            Some(same) => same.label = format!("{}, {}", same.label, variant.name),
            None => curves.push(Curve { label: variant.name.clone(), points }),
        }
    }
    let most = all(&curves).map(|(_, rate)| rate).reduce(f64::max)?;
    // Rates are shown as numbers from 1 to 1000.
    let power = (0..5).map(|thousands| 3 * thousands).find(|power| most * 10_f64.powi(*power) >= 1.0).unwrap_or(12);
    for curve in &mut curves {
        curve.points.iter_mut().for_each(|(_, rate)| *rate *= 10_f64.powi(power));
    }
    let end = all(&curves).map(|(epochs, _)| epochs).reduce(f64::max)?;
    let y = Scale::around(0.0, most * 10_f64.powi(power), 6, FRAME.bottom, FRAME.top);
    let x = Scale::exact(0.0, end, 8, FRAME.left, FRAME.right);
    let unit = if power == 0 { String::new() } else { format!(", times 10^-{power}") };
    Some(LineDrawing::new(FRAME, &curves, (&x, "epochs"), (&y, &format!("learning rate of the weights{unit}")), None))
}

#[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
fn rate_points(variant: &PlannedVariant) -> Vec<(f64, f64)> {
    let per_epoch = f64::from(variant.length.steps_per_epoch);
    let rates = rates(&variant.recipe, variant.steps());
    let every = (rates.len() as u64).div_ceil(MOST_POINTS).max(1);
    let last = rates.len().saturating_sub(1);
    let kept = rates.iter().enumerate().filter(|(step, _)| (*step as u64).is_multiple_of(every) || *step == last);
    kept.map(|(step, rate)| (step as f64 / per_epoch, *rate)).collect()
}

/// Mean accuracy over mean seconds of training of each variant; `None` before there is anything to draw.
pub(super) fn accuracy(plan: &StudyPlan, records: &Records) -> Option<LineDrawing> {
    let curves = mean_curves(plan, records);
    let target = plan.task.track.target.percent();
    let (low, high) = extent(all(&curves).map(|(_, percent)| percent))?;
    let (_, end) = extent(all(&curves).map(|(seconds, _)| seconds))?;
    let y = Scale::around(low.min(target), high.max(target), 6, FRAME.bottom, FRAME.top).capped(100.0);
    let x = Scale::exact(0.0, end, 8, FRAME.left, FRAME.right);
    Some(LineDrawing::new(FRAME, &curves, (&x, SECONDS), (&y, PERCENT), Some(target)))
}

/// The same, near the final accuracies; `None` where the whole shows them as well.
pub(super) fn accuracy_close(plan: &StudyPlan, records: &Records) -> Option<LineDrawing> {
    let curves = mean_curves(plan, records);
    let finals = curves.iter().filter_map(|curve| curve.points.last());
    let low = finals.map(|(_, percent)| *percent).reduce(f64::min)? - CLOSE_POINTS;
    let (lowest, highest) = extent(all(&curves).map(|(_, percent)| percent))?;
    let begin = curves.iter().filter_map(|curve| before_crossing(curve, low)).reduce(f64::min)?;
    let (_, end) = extent(all(&curves).map(|(seconds, _)| seconds))?;
    if lowest > low - 4.0 || end <= begin {
        return None;
    }
    let y = Scale::exact(low, (highest + 0.25).min(100.0), 6, FRAME.bottom, FRAME.top);
    let x = Scale::exact(begin, end, 8, FRAME.left, FRAME.right);
    let target = plan.task.track.target.percent();
    Some(LineDrawing::new(
        FRAME,
        &curves,
        (&x, SECONDS),
        (&y, PERCENT),
        (low..=highest + 0.25).contains(&target).then_some(target),
    ))
}

const SECONDS: &str = "training in timed seconds";
const PERCENT: &str = "accuracy in percent";

/// Time of the last evaluation before the curve first comes over `low`.
fn before_crossing(curve: &Curve, low: f64) -> Option<f64> {
    let over = curve.points.iter().position(|(_, percent)| *percent >= low)?;
    Some(curve.points[over.saturating_sub(1)].0)
}

fn mean_curves(plan: &StudyPlan, records: &Records) -> Vec<Curve> {
    let curve = |variant: &PlannedVariant| {
        let runs = records.of(&variant.name).filter(|run| run.is_whole() && run.run <= plan.runs);
        Curve { label: variant.name.clone(), points: mean_points(&runs.collect::<Vec<_>>()) }
    };
    plan.variants.iter().map(curve).collect()
}

/// Means over the runs that came to the end of their schedules, after each epoch.
#[expect(clippy::cast_precision_loss, reason = "a study has few runs")]
fn mean_points(runs: &[&RunRecord]) -> Vec<(f64, f64)> {
    let epochs = runs.iter().map(|run| run.epochs.len()).min().unwrap_or(0);
    let count = runs.len() as f64;
    let mean = |index: usize| {
        let sums = runs.iter().map(|run| run.epochs[index]).fold((0.0, 0.0), |(seconds, percent), epoch| {
            (seconds + epoch.train_seconds, percent + epoch.accuracy.percent())
        });
        (sums.0 / count, sums.1 / count)
    };
    (0..epochs).map(mean).collect()
}

fn all(curves: &[Curve]) -> impl Iterator<Item = (f64, f64)> {
    curves.iter().flat_map(|curve| curve.points.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::tests::made;

    #[test]
    fn variants_with_the_same_rates_share_a_line() {
        let (mut plan, records) = made();
        let labels = |plan: &StudyPlan| {
            let drawing = learning_rates(plan).expect("rates");
            drawing.lines.iter().map(|line| line.label.clone()).collect::<Vec<_>>()
        };
        assert_eq!(labels(&plan), ["base, other"]);
        plan.variants[1].recipe.optimizer.weights.lr *= 2.0;
        assert_eq!(labels(&plan), ["base", "other"]);
        assert_eq!(accuracy(&plan, &records).expect("runs").lines.len(), 2);
    }

    #[test]
    fn a_mean_curve_is_the_mean_of_its_runs() {
        let (plan, records) = made();
        let curves = mean_curves(&plan, &records);
        assert_eq!(curves[0].points.len(), 2);
        let (seconds, percent) = curves[0].points[1];
        assert!((seconds - 12.0).abs() < 1e-12 && (percent - 99.1).abs() < 1e-12, "{seconds} {percent}");
    }

    #[test]
    fn rates_follow_the_schedule() {
        let (plan, _) = made();
        let recipe = &plan.variants[0].recipe;
        let rates = rates(recipe, 100);
        let most = rates.iter().copied().fold(0.0, f64::max);
        assert!(rates.len() == 100 && most <= recipe.optimizer.weights.lr && most > 0.9 * recipe.optimizer.weights.lr);
    }
}
