//! What would be trained and how long it would take, in words. Nothing is measured for it.

use std::fmt::Write as _;

use crate::estimate::Estimator;
use crate::forecast::Forecast;
use crate::plan::{PlannedVariant, StudyPlan};
use crate::records::Records;
use hlb_board::scaled;
use hlb_core::units::human_seconds;

/// The plan as text; before the first record `forecast` says how long it would take.
pub fn outline(plan: &StudyPlan, records: Option<&Records>, forecast: Option<&Forecast>) -> String {
    let track = &plan.task.track;
    let mut text = format!(
        "study {} on track {}, target {:.2} %: {} variants, {} runs each\n",
        plan.file.body.name,
        track.id,
        track.target.percent(),
        plan.variants.len(),
        plan.runs
    );
    for variant in &plan.variants {
        text.push_str(&variant_text(plan, variant));
    }
    let _ = writeln!(text, "{}", whole(plan));
    let _ = writeln!(text, "time: {}", time(plan, records, forecast));
    text
}

fn variant_text(plan: &StudyPlan, variant: &PlannedVariant) -> String {
    let steps = variant.steps();
    let mut text =
        format!("{}: recipe {}, {} epochs, {steps} steps\n", variant.name, variant.digest(), variant.length.epochs);
    if variant.name == plan.variants[plan.reference].name {
        text.push_str("  the reference\n");
    } else if variant.changes.is_empty() {
        text.push_str("  the same recipe as the reference\n");
    }
    for change in &variant.changes {
        let _ = writeln!(text, "  {}: {} -> {}", change.path, change.before, change.after);
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn whole(plan: &StudyPlan) -> String {
    let (images, flop) = plan.order().fold((0_u64, 0_u128), |(images, flop), planned| {
        (images + plan.variants[planned.variant].images_per_run(), flop + plan.flop_per_run(planned.variant))
    });
    let runs = plan.order().count();
    format!("in all: {runs} runs, {images} training images, {}", scaled(flop as f64, "FLOP"))
}

fn time(plan: &StudyPlan, records: Option<&Records>, forecast: Option<&Forecast>) -> String {
    let before = || match forecast {
        Some(forecast) => format!("about {}, {}", human_seconds(forecast.seconds(plan)), forecast.source()),
        None => "unknown until the first round has run: no entry of this track is from such a machine".to_owned(),
    };
    let Some(records) = records else { return before() };
    let missing = records.missing(plan);
    let (finished, planned) = (plan.order().count() - missing.len(), plan.order().count());
    let Some(left) = Estimator::of(plan, records).seconds_of(&missing) else { return before() };
    format!("{finished} of {planned} runs are finished; the others take about {}", human_seconds(left))
}
