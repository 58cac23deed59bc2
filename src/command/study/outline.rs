//! What would be trained and how long it would take, in words. Nothing is measured for it.

use std::fmt::Write as _;

use super::forecast::Forecast;
use crate::leaderboard::scaled;
use crate::study::{Estimator, Lane, Plan, Records};
use crate::units::human_seconds;

/// The plan as text; before the first record `forecast` says how long it would take.
pub(super) fn text(plan: &Plan, records: Option<&Records>, forecast: Option<&Forecast>) -> String {
    let track = &plan.ground.track;
    let mut text = format!(
        "study {} on track {}, target {:.2} %: {} variants, {} runs each\n",
        plan.file.name(),
        track.id,
        track.target.percent(),
        plan.lanes.len(),
        plan.runs
    );
    for lane in &plan.lanes {
        text.push_str(&lane_text(plan, lane));
    }
    let _ = writeln!(text, "{}", whole(plan));
    let _ = writeln!(text, "time: {}", time(plan, records, forecast));
    text
}

fn lane_text(plan: &Plan, lane: &Lane) -> String {
    let steps = lane.steps();
    let mut text = format!("{}: recipe {}, {} epochs, {steps} steps\n", lane.name, lane.digest(), lane.course.epochs);
    if lane.name == plan.lanes[plan.reference].name {
        text.push_str("  the reference\n");
    } else if lane.changes.is_empty() {
        text.push_str("  the same recipe as the reference\n");
    }
    for change in &lane.changes {
        let _ = writeln!(text, "  {}: {} -> {}", change.path, change.before, change.after);
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn whole(plan: &Plan) -> String {
    let (images, flop) = plan.order().fold((0_u64, 0_u128), |(images, flop), slot| {
        (images + plan.images_per_run(&plan.lanes[slot.lane]), flop + plan.flop_per_run(slot.lane))
    });
    let runs = plan.order().count();
    format!("in all: {runs} runs, {images} training images, {}", scaled(flop as f64, "FLOP"))
}

fn time(plan: &Plan, records: Option<&Records>, forecast: Option<&Forecast>) -> String {
    let before = || match forecast {
        Some(forecast) => format!("about {}, {}", human_seconds(forecast.seconds(plan)), forecast.source()),
        None => "unknown until the first round has run: no entry of this track is from such a machine".to_owned(),
    };
    let Some(records) = records else { return before() };
    let missing = records.missing(plan);
    let (held, planned) = (plan.order().count() - missing.len(), plan.order().count());
    let Some(left) = Estimator::of(plan, records).seconds_of(&missing) else { return before() };
    format!("{held} of {planned} runs are held; the others take about {}", human_seconds(left))
}
