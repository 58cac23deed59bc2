//! What it takes to find a mean accuracy over the target, in words.

use hlb_core::rules::{MAX_RUNS, REACHED_SHARE, SIGNIFICANCE, WANTED_POWER};
use hlb_result::{Deviation, DeviationSource, MeanChance, MeanPowerReport};

/// The lines for people.
pub(crate) fn describe_mean_power(report: &MeanPowerReport) -> Vec<String> {
    let MeanPowerReport { track, target_percent, mean_percent, runs_to_rank, most_runs, .. } = report;
    let needed = match report.runs_needed {
        Some(runs) if runs > MAX_RUNS => format!("{runs} runs, more than the {MAX_RUNS} that a session may have"),
        Some(runs) => format!("{runs} runs"),
        None => format!("more than {most_runs} runs"),
    };
    let mut lines = vec![
        deviation_line(&report.deviation, track),
        format!(
            "to find a true mean of {mean_percent} % over the target of {target_percent:.2} % at p < {SIGNIFICANCE} with a chance of {:.0} %, a recipe needs",
            100.0 * WANTED_POWER
        ),
        format!("  {needed}"),
    ];
    let chance =
        |with: &MeanChance| format!("{} runs find it with a chance of {:.0} %", with.runs, 100.0 * with.chance);
    lines.extend(report.with_runs.as_ref().map(chance));
    lines.push(format!(
        "a ranked row on `{track}` needs at least {runs_to_rank} runs, of which {:.0} % reach the target; of this recipe's, about {:.0} % end over it",
        100.0 * REACHED_SHARE,
        100.0 * report.share_over_target
    ));
    lines
}

fn deviation_line(deviation: &Deviation, track: &str) -> String {
    let points = format!("{:.3} points", deviation.points);
    match &deviation.source {
        DeviationSource::Assumed => format!("accuracy is assumed to vary from run to run by {points}"),
        DeviationSource::Observed { entry, runs } => {
            format!("accuracy varies from run to run by {points}, as in the {runs} runs of {entry}")
        }
        DeviationSource::Published => {
            format!("accuracy varies from run to run by {points}, as in published runs on `{track}`")
        }
    }
}
