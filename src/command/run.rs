//! `hlb-bench run`: a session whose result is printed and stays unsigned.

use crate::args::Run;
use crate::clock::MonotonicClock;
use crate::command::exit::Exit;
use crate::command::measure::{self, Calibrates, Held, Purpose};
use crate::hint::{Result, bail};
use crate::result::ResultFile;
use crate::stats::Estimate;
use crate::terminal::{Label, answer, answer_text, labelled, note};
use crate::track;
use crate::units::human_seconds;

/// Runs the command.
pub(super) fn run(arguments: &Run, clock: &MonotonicClock) -> Result<Exit> {
    let (bytes, shown_name) = match &arguments.variant {
        Some(path) => (measure::read_variant(path)?, crate::text::show(&path.to_string_lossy())),
        None => (reference(&arguments.track)?, format!("reference of {}", arguments.track)),
    };
    let prepared = measure::prepare(
        measure::resolve(bytes, &shown_name, arguments.session.own.manifest.as_deref())?,
        &arguments.session,
        Purpose { stop_at_target: arguments.stop_at_target, calibrates: Calibrates::Asked, reproduces: None },
    )?;
    let held = measure::hold(&prepared, &arguments.session, clock)?;
    print(&held, arguments.json)?;
    conclude(&held)
}

/// The reference of a track, as a variant that changes nothing.
fn reference(track: &str) -> Result<Vec<u8>> {
    let track = track::by_id(track)?;
    let text = format!(
        "name: reference\nauthors: [hlb-bench]\ndescription: the reference of the track, unchanged\nextends: {}\n",
        track.reference
    );
    Ok(text.into_bytes())
}

fn print(held: &Held, json: bool) -> Result<()> {
    if json {
        answer(&serde_json::to_string(&held.result)?);
    } else {
        answer_text(&held.result_text);
    }
    summarise(&held.result);
    note(&format!("kept, unsigned, in {}", held.folder.display()));
    Ok(())
}

/// The headline in two or three lines.
pub(super) fn summarise(result: &ResultFile) {
    let summary = &result.derived.summary;
    let runs = format!("{} of {} runs reached {:.2} %", summary.reached, result.session.runs, result.target.percent());
    let spread = summary.time_to_accuracy_seconds;
    let time = spread.median.map_or_else(|| "not reached by the median run".to_owned(), human_seconds);
    let range = spread.min.zip(spread.max).map_or_else(String::new, |(min, max)| {
        format!(" (fastest {}, slowest {})", human_seconds(min), human_seconds(max))
    });
    note(&format!("time-to-accuracy: {time}{range}; {runs}"));
    if let Some(calibration) = &result.derived.calibration {
        let time = calibration.time_ratio.map_or_else(|| "unknown, a median run did not reach".to_owned(), ratio);
        let steps = calibration.step_ratio.map_or_else(|| "unknown".to_owned(), ratio);
        note(&format!("against the reference beside it: time-to-accuracy {time}; seconds per step {steps}"));
    }
    let cost = summary.cost.map_or_else(
        || "unknown, no price was given".to_owned(),
        |cost| format!("{:.6} US dollars", cost.prorated_usd),
    );
    note(&format!("cost: {cost}"));
    for warning in &result.derived.warnings {
        labelled(Label::Warning, &warning.sentence());
    }
    if !result.derived.phases.clocks_agree {
        let line = "the clocks of the two programs part by more than 0.5 %; was the machine suspended? such a result cannot be ranked";
        labelled(Label::Warning, line);
    }
}

/// A ratio with its 95 % interval.
pub(super) fn ratio(estimate: Estimate) -> String {
    let bound = |bound: Option<f64>| bound.map_or_else(|| "unknown".to_owned(), |bound| format!("{bound:.3}"));
    format!("{:.3} (95 % interval {} to {})", estimate.value, bound(estimate.low), bound(estimate.high))
}

/// A session that ended early could not be done; one whose median run missed is not so.
pub(super) fn conclude(held: &Held) -> Result<Exit> {
    let reason = &held.result.session.stop_reason;
    if reason != "completed" {
        bail!(
            "the session ended early: {reason}; its record is in {}, and the same command with --resume holds the runs that are missing",
            held.folder.display()
        );
    }
    Ok(if held.result.derived.summary.time_to_accuracy_seconds.median.is_none() {
        Exit::CheckFailed
    } else {
        Exit::Success
    })
}
