//! The runs of a study as a table for other programs: what is unknown is an empty field.

use crate::plan::StudyPlan;
use crate::record::RunRecord;
use crate::records::Records;
use hlb_board::csv_table;
use hlb_core::units::Target;

const COLUMNS: [&str; 9] = [
    "variant",
    "run",
    "seed",
    "outcome",
    "time_to_accuracy_seconds",
    "train_seconds",
    "final_accuracy_percent",
    "correct",
    "total",
];

/// One row for each run, in the order in which they ran.
pub(super) fn text(plan: &StudyPlan, records: &Records) -> String {
    let target = plan.task.track.target;
    let rows = records.runs.iter().filter(|run| run.run <= plan.runs).map(|run| row(run, target));
    csv_table([COLUMNS.map(str::to_owned)].into_iter().chain(rows))
}

fn row(run: &RunRecord, target: Target) -> [String; 9] {
    let accuracy = run.final_accuracy();
    let percent = accuracy
        .map(|accuracy| format!("{:.4}", accuracy.percent()).trim_end_matches('0').trim_end_matches('.').to_owned());
    [
        run.variant.as_str().to_owned(),
        run.run.to_string(),
        run.seed.to_string(),
        run.outcome.as_str().to_owned(),
        field(run.time_to_accuracy_seconds(target)),
        field(run.train_seconds()),
        field(percent),
        field(accuracy.map(|accuracy| accuracy.correct)),
        field(accuracy.map(|accuracy| accuracy.total)),
    ]
}

fn field(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
