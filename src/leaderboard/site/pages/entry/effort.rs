//! What a page tells of energy, of floating-point operations, and of training that was asked to repeat itself.

use crate::leaderboard::site::figures::{cpu_energy, gpu_energy};
use crate::leaderboard::site::figure::{Fact, Figure, foreign, percentage, scaled};
use crate::result::{EnergyMethod, Entry};

/// Energy until the target was met, by median, evaluations included.
pub(crate) fn energy(entry: &Entry) -> Vec<Fact> {
    let summary = &entry.result.derived.summary.energy;
    let method = match summary.gpu_method {
        Some(EnergyMethod::Counter) => Figure::known("difference of the GPU's own energy counter"),
        Some(EnergyMethod::IntegratedPower) => Figure::known("power readings, integrated by trapezoids"),
        None => Figure::none(summary.gpu_unknown.as_deref().unwrap_or("it was not measured")),
    };
    let counters = match &summary.cpu_unknown {
        None => Figure::known("difference of the packages' own counters (RAPL)"),
        Some(reason) => Figure::none(reason),
    };
    vec![
        Fact::new("GPU", gpu_energy(entry)),
        Fact::new("GPU, measured by", method),
        Fact::new("Processor packages", cpu_energy(entry)),
        Fact::new("Processor packages, measured by", counters),
    ]
}

/// Operations counted from the recipe, against what the device could do.
pub(crate) fn work(entry: &Entry) -> Vec<Fact> {
    let effort = &entry.result.derived.effort;
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let per_image = |flop: u64| Figure::known(scaled(flop as f64, "FLOP"));
    let peak_unknown = peak_unknown(entry);
    let or_unknown = |rate: Option<f64>, why: &str| {
        rate.map_or_else(|| Figure::unknown(why), |rate| Figure::known(scaled(rate, "FLOP/s")))
    };
    let why_no_share = if effort.peak_flop_per_second.is_some() { "no step was made" } else { peak_unknown };
    let share = effort.share_of_peak.map(|share| Figure::known(percentage(100.0 * share)));
    vec![
        Fact::new("Training, an image", per_image(effort.training_flop_per_image)),
        Fact::new("Evaluating, an image", per_image(effort.evaluation_flop_per_image)),
        Fact::new("While training", or_unknown(effort.flop_per_second, "no step was made")),
        Fact::new("Peak of the GPU", or_unknown(effort.peak_flop_per_second, peak_unknown)),
        Fact::new("Share of the peak", share.unwrap_or_else(|| Figure::unknown(why_no_share))),
    ]
}

fn peak_unknown(entry: &Entry) -> &'static str {
    match (entry.result.session.device.as_str(), entry.result.machine.trained_gpu) {
        ("cuda", Some(_)) => "the table of peaks has no such GPU, or none for this number format",
        ("cuda", None) => "it is not known which GPU trained",
        _ => "the processor trained, and only peaks of GPUs are tabled",
    }
}

/// What came of training one seed twice; `None` where that was not asked for.
pub(crate) fn repeatability(entry: &Entry) -> Option<String> {
    let repeat = entry.result.derived.repeat.as_ref()?;
    let how = if entry.result.session.deterministic { "with" } else { "without" };
    let twice = format!("One seed was trained twice for {} updates {how} deterministic algorithms", repeat.steps);
    Some(match &repeat.parted {
        None => format!("{twice}: the two were bit-identical to the end."),
        Some(parted) => {
            format!("{twice}: they parted after update {}, first in {}.", parted.step, foreign(&parted.tensor))
        }
    })
}
