//! All evaluations of an entry as comma-separated values (RFC 4180, lines that end in LF). What is unknown is an empty field.

use hlb_board::{csv_table, csv_text};
use hlb_protocol::run_log::{Arm, LoggedRun};
use hlb_result::Entry;

const COLUMNS: [&str; 19] = [
    "entry_sha256",
    "track",
    "variant",
    "hardware",
    "arm",
    "run",
    "seed",
    "outcome",
    "epoch",
    "step",
    "loss",
    "correct",
    "total",
    "accuracy_percent",
    "meets_target",
    "train_seconds",
    "evaluate_seconds",
    "session_seconds",
    "usd_per_hour",
];

/// One line for each evaluation of each run, those of the reference in a calibrated session too, in the order of the runs.
pub fn text(entry: &Entry) -> String {
    let rows = entry.log.in_order().into_iter().flat_map(|run| rows(entry, run));
    csv_table([COLUMNS.map(str::to_owned).to_vec()].into_iter().chain(rows))
}

/// A row for each evaluation of a run.
fn rows(entry: &Entry, run: &LoggedRun) -> Vec<Vec<String>> {
    let result = &entry.result;
    let outcome = run.stop.as_ref().map_or("", |stop| stop.outcome.as_str());
    let variant = match (run.arm, &result.reference) {
        (Arm::Reference, Some(reference)) => reference.name.clone(),
        _ => result.variant.name.to_string(),
    };
    let of_run = [
        entry.result_sha256.to_string(),
        csv_text(result.track.as_str()),
        csv_text(&variant),
        csv_text(&result.class()),
        if run.arm == Arm::Reference { "reference" } else { "variant" }.to_owned(),
        run.run.to_string(),
        run.seed.to_string(),
        outcome.to_owned(),
    ];
    let price = result.price.as_ref().map_or_else(String::new, |price| price.usd_per_hour.to_string());
    let rows = run.epochs.iter().zip(&run.epochs_at_seconds).map(|(epoch, at_seconds)| {
        let of_epoch = [
            epoch.epoch.to_string(),
            epoch.step.to_string(),
            epoch.loss.to_string(),
            epoch.accuracy.correct.to_string(),
            epoch.accuracy.total.to_string(),
            epoch.accuracy.percent().to_string(),
            result.target.is_met_by(epoch.accuracy).to_string(),
            epoch.train_seconds.to_string(),
            epoch.evaluate_seconds.to_string(),
            at_seconds.to_string(),
            price.clone(),
        ];
        of_run.iter().chain(&of_epoch).cloned().collect()
    });
    rows.collect()
}
