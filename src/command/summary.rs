//! What came of a session, in two or three lines and an exit code.

use crate::command::exit::Exit;
use crate::hint::{Result, bail};
use crate::result::{FinishedSession, ResultFile};
use crate::terminal::{Label, labelled, note};
use crate::units::human_seconds;

/// Prints the headline and all warnings.
pub(super) fn print(result: &ResultFile) {
    let summary = &result.derived.summary;
    let runs = format!("{} of {} runs reached {:.2} %", summary.reached, result.session.runs, result.target.percent());
    let spread = summary.time_to_accuracy_seconds;
    let time = spread.median.map_or_else(|| "not reached by the median run".to_owned(), human_seconds);
    let range = spread.min.zip(spread.max).map_or_else(String::new, |(min, max)| {
        format!(" (fastest {}, slowest {})", human_seconds(min), human_seconds(max))
    });
    note(&format!("time-to-accuracy: {time}{range}; {runs}"));
    if let Some(calibration) = &result.derived.calibration {
        let time = calibration.time_ratio.map_or_else(|| "unknown, a median run did not reach".to_owned(), |ratio| ratio.to_string());
        let steps = calibration.step_ratio.map_or_else(|| "unknown".to_owned(), |ratio| ratio.to_string());
        note(&format!("ratio to the paired reference: time-to-accuracy {time}; seconds per step {steps}"));
    }
    let cost = summary.cost.map_or_else(
        || "unknown, no price was given".to_owned(),
        |cost| format!("{:.6} US dollars", cost.prorated_usd),
    );
    note(&format!("cost: {cost}"));
    for warning in &result.derived.warnings {
        labelled(Label::Warning, &warning.to_string());
    }
    if !result.derived.phases.clocks_agree {
        let line = "the clocks of the two programs differ by more than 0.5 %; was the machine suspended? such a result \
                    cannot be ranked";
        labelled(Label::Warning, line);
    }
}

/// The answer of a session. One that ended early is an error; one whose median run missed the target
/// is a failed check.
pub(super) fn conclude(finished: &FinishedSession) -> Result<Exit> {
    if !finished.is_complete() {
        bail!(
            "the session ended early: {}; its record is in {}, and the same command with --resume runs the runs that \
             are missing",
            finished.result.session.stop_reason,
            finished.folder.display()
        );
    }
    let reached = finished.result.derived.summary.time_to_accuracy_seconds.median.is_some();
    Ok(if reached { Exit::Success } else { Exit::CheckFailed })
}
