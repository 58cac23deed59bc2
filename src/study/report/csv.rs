//! The runs of a study as a table for other programs: what is unknown is an empty field.

use std::fmt::Write as _;

use crate::study::plan::StudyPlan;
use crate::study::record::RunRecord;
use crate::study::records::Records;
use crate::units::Target;

const HEAD: &str =
    "variant,run,seed,outcome,time_to_accuracy_seconds,train_seconds,final_accuracy_percent,correct,total\n";

/// One row for each run, in the order in which they were held.
pub(super) fn text(plan: &StudyPlan, records: &Records) -> String {
    let target = plan.ground.track.target;
    records.runs.iter().filter(|run| run.run <= plan.runs).fold(HEAD.to_owned(), |mut text, run| {
        text.push_str(&row(run, target));
        text
    })
}

/// No field can hold a comma or a quote: names are ids.
fn row(run: &RunRecord, target: Target) -> String {
    let accuracy = run.final_accuracy();
    let fields = [
        field(run.time_to_accuracy_seconds(target)),
        field(run.train_seconds()),
        field(accuracy.map(|accuracy| {
            format!("{:.4}", accuracy.percent()).trim_end_matches('0').trim_end_matches('.').to_owned()
        })),
        field(accuracy.map(|accuracy| accuracy.correct)),
        field(accuracy.map(|accuracy| accuracy.total)),
    ];
    let mut row = format!("{},{},{},{}", run.variant, run.run, run.seed, run.outcome.word());
    for field in fields {
        let _ = write!(row, ",{field}");
    }
    row + "\n"
}

fn field(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
