//! What it takes to show a gain, in words.

use hlb_core::rules::{MAX_RUNS, SIGNIFICANCE, WANTED_POWER};
use hlb_core::units::{human_percent, human_seconds};
use hlb_result::{Bill, GainForecast, PowerReport, RunsForecast, TimesFacts};

/// The lines for people.
pub(crate) fn describe_power(report: &PowerReport) -> Vec<String> {
    let mut lines = vec![source_line(&report.source)];
    lines.push(format!(
        "to show a true gain at p < {SIGNIFICANCE} with a chance of {:.0} %, each of the two recipes needs",
        100.0 * WANTED_POWER
    ));
    lines.extend(report.gains.iter().map(|gain| gain_line(gain, report.with_runs.as_ref())));
    lines.extend(report.with_runs.as_ref().map(runs_line));
    lines.push(format!("a ranked row on `{}` needs at least {} runs", report.track, report.runs_to_rank));
    lines
}

fn source_line(facts: &TimesFacts) -> String {
    let noise = human_percent(facts.noise);
    match (&facts.entry, &facts.hardware_class, facts.runs) {
        (Some(entry), Some(class), Some(runs)) => {
            format!("times vary from run to run by {noise}, as in the {runs} runs of {entry} on {class}")
        }
        _ => format!("times are assumed to vary from run to run by {noise}"),
    }
}

fn gain_line(gain: &GainForecast, with_runs: Option<&RunsForecast>) -> String {
    let needed = gain
        .runs_needed
        .map_or_else(|| format!("more than {MAX_RUNS} runs"), |runs| format!("{runs} runs{}", in_brackets(gain.bill)));
    let chance = gain.chance.zip(with_runs).map_or_else(String::new, |(chance, with)| {
        format!("; {} runs show it with a chance of {:.0} %", with.runs, 100.0 * chance)
    });
    format!("  {:>7}: {needed}{chance}", human_percent(gain.gain))
}

fn runs_line(forecast: &RunsForecast) -> String {
    let runs = forecast.runs;
    match forecast.least_gain {
        Some(gain) => {
            format!("{runs} runs each{} show gains of {} and more", in_brackets(forecast.bill), human_percent(gain))
        }
        None => format!("{runs} runs each show no gain that surely; it takes at least five"),
    }
}

/// What runs of both recipes take, in brackets.
fn in_brackets(bill: Option<Bill>) -> String {
    let Some(Bill { machine_seconds, cost_usd }) = bill else { return String::new() };
    let cost = cost_usd.map_or_else(String::new, |usd| format!(", {usd:.4} US dollars"));
    format!(" ({} of machine time for both{cost})", human_seconds(machine_seconds))
}
