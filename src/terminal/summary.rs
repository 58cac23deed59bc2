//! What came of a session, in two or three lines.

use crate::terminal::printer::{Label, labeled, note};
use hlb_core::rules::CLOCK_TOLERANCE_SHARE;
use hlb_core::units::human_seconds;
use hlb_machine::price::Table;
use hlb_result::ResultFile;

/// Prints the headline and all warnings.
pub(crate) fn print_summary(result: &ResultFile) {
    let summary = &result.derived.summary;
    let runs = format!("{} of {} runs reached {:.2} %", summary.reached, result.session.runs, result.target.percent());
    let spread = summary.time_to_accuracy_seconds;
    let time = spread.median.map_or_else(|| "not reached by the median run".to_owned(), human_seconds);
    let range = spread.min.zip(spread.max).map_or_else(String::new, |(min, max)| {
        format!(" (fastest {}, slowest {})", human_seconds(min), human_seconds(max))
    });
    note(&format!("time-to-accuracy: {time}{range}; {runs}"));
    if let Some(calibration) = &result.derived.calibration {
        let time = calibration
            .time_ratio
            .map_or_else(|| "unknown, a median run did not reach".to_owned(), |ratio| ratio.to_string());
        let steps = calibration.step_ratio.map_or_else(|| "unknown".to_owned(), |ratio| ratio.to_string());
        note(&format!("ratio to the paired reference: time-to-accuracy {time}; seconds per step {steps}"));
    }
    let cost = summary.cost.map_or_else(
        || "unknown, no price was given".to_owned(),
        |cost| format!("{:.6} US dollars", cost.prorated_usd),
    );
    note(&format!("cost: {cost}"));
    match (result.list_price(&Table::shipped()), spread.median) {
        (Ok(price), Some(seconds)) => {
            note(&format!("cost at list price: {:.6} US dollars ({price})", price.cost_usd(seconds)));
        }
        (Ok(_), None) => {}
        (Err(why), _) => note(&format!("cost at list price: unknown, {why}")),
    }
    for warning in result.warnings() {
        labeled(Label::Warning, &warning.to_string());
    }
    if !result.derived.phases.clocks_agree {
        let percent = 100.0 * CLOCK_TOLERANCE_SHARE;
        let line = format!(
            "the clocks of the two programs differ by more than {percent} %, or the C library's from the kernel's; was \
             the machine suspended? such a result cannot be ranked"
        );
        labeled(Label::Warning, &line);
    }
}
