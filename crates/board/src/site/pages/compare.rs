//! Two entries of a track side by side.
//!
//! The page shows the two highest entries and contains text and curves of the others as data, so that a script can show any
//! two. `hlb-bench compare` tests whether a difference is significant.

use minijinja::context;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use crate::board::{RankedTrack, Row};
use crate::site::addresses::entry_page;
use crate::site::charts::plot::{Curve, Frame, LineDrawing, Scale, Tick, extent};
use crate::site::figure::{Figure, day, foreign};
use crate::site::figures::{
    author_names, cost, energy, final_accuracy, flop_to_target, list_price_cost, median_interval, quartiles,
    ratio_to_reference, reproducers, spread, standing_time, steps_to_target, time_to_target,
};
use crate::site::pages::track::facts;
use hlb_recipe::variant;
use hlb_result::Entry;

const FRAME: Frame = Frame::SMALL;

/// Most entries that can be chosen; those that stand highest.
const MOST_ENTRIES: usize = 200;

/// Most keys of a recipe that are shown.
const MOST_CHANGES: usize = 60;

/// Rows of the table, in this order.
const LABELS: [&str; 19] = [
    "Rank",
    "Hardware",
    "Time to target, on the typical host",
    "Time to target as measured, median",
    "95 % interval of that median",
    "Quartiles as measured",
    "Runs that reached the target",
    "Ratio to the paired reference",
    "Mean final accuracy",
    "Cost at list price",
    "Cost at the submitter's price",
    "Energy",
    "Steps to target",
    "Operations to target",
    "Authors",
    "Date",
    "Trust",
    "Differences from the reference recipe",
    "Description",
];

/// An entry as text.
#[derive(Serialize)]
struct Side {
    /// Folder of the entry: what an address names it by.
    path: String,
    page: String,
    name: String,
    words: Vec<String>,
    /// (Seconds, percent) of its median run.
    curve: Vec<(f64, f64)>,
}

/// The page; `None` where there are no two entries to compare.
pub(crate) fn page(track: &RankedTrack) -> Option<Value> {
    let sides: Vec<Side> = track.rows.iter().take(MOST_ENTRIES).map(|row| Side::new(row, track)).collect();
    let [one, other, ..] = sides.as_slice() else { return None };
    Some(context! {
        facts => facts(&track.track),
        labels => Serde(LABELS),
        one => Serde(one),
        other => Serde(other),
        drawing => draw(&sides, track.track.target.percent()),
        // All that can be chosen, as JSON that is safe inside a page.
        data => embedded(&sides),
        left_out => track.rows.len() - sides.len(),
    })
}

/// The curves of the first two entries, on a scale of accuracy that fits every entry that can be chosen.
fn draw(sides: &[Side], target: f64) -> Option<Value> {
    let percents = sides.iter().flat_map(|side| side.curve.iter().map(|(_, percent)| *percent));
    let (low, high) = extent(percents.chain([target]))?;
    let y = Scale::around(low, high, 6, FRAME.bottom, FRAME.top).capped(100.0);
    let curves: Vec<Curve> =
        sides[..2].iter().map(|side| Curve { label: side.name.clone(), points: side.curve.clone() }).collect();
    let (_, end) = extent(curves.iter().flat_map(|curve| curve.points.iter().map(|(seconds, _)| *seconds)))?;
    let step = quarter(end);
    let x = Scale::exact(0.0, 4.0 * step, 4, FRAME.left, FRAME.right);
    let titles = ("training time in seconds", "accuracy in percent");
    let mut drawing = LineDrawing::new(FRAME, &curves, (&x, titles.0), (&y, titles.1), Some(target));
    drawing.axes.x_ticks = quarters(step, &x);
    // The accuracies at the bottom and at the top.
    let (low, high) = y.ends();
    Some(context! { low, high, ..Serde(drawing) })
}

/// A quarter of the time axis: a short number of which four are no less than `end`.
fn quarter(end: f64) -> f64 {
    let least = end / 4.0;
    let power = 10_f64.powf(least.log10().floor());
    let factors = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0];
    factors.into_iter().find(|factor| factor * power >= least * (1.0 - 1e-9)).unwrap_or(10.0) * power
}

/// Marks at the quarters, which another pair of entries keeps with other words.
fn quarters(step: f64, x: &Scale) -> Vec<Tick> {
    let is_whole = |decimals: &usize| {
        let scaled = step * 10_f64.powi(i32::try_from(*decimals).unwrap_or(0));
        (scaled - scaled.round()).abs() < 1e-6
    };
    let decimals = (0..9).find(is_whole).unwrap_or(9);
    let mark = |quarter: u8| step * f64::from(quarter);
    (0..=4).map(mark).map(|seconds| Tick { at: x.at(seconds), label: format!("{seconds:.decimals$}") }).collect()
}

/// JSON inside a `script` element: nothing in it can end the element or begin another.
fn embedded(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("it holds only strings and finite numbers");
    json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

impl Side {
    fn new(row: &Row, track: &RankedTrack) -> Self {
        let (entry, summary) = (&row.entry, &row.entry.result.derived.summary);
        let ratio = ratio_to_reference(row);
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "—".to_owned());
        let words = vec![
            row.rank_in_words().unwrap_or_else(|| "not ranked".to_owned()),
            foreign(&row.class),
            with_interval(&standing_time(row)),
            time_to_target(entry).in_words(),
            or_dash(median_interval(entry)),
            or_dash(quartiles(spread(entry))),
            format!("{} of {}", summary.reached, summary.runs),
            with_interval(&ratio),
            final_accuracy(entry).in_words(),
            list_price_cost(row).in_words(),
            cost(entry).in_words(),
            energy(entry).in_words(),
            steps_to_target(row).in_words(),
            flop_to_target(row).in_words(),
            author_names(entry).join(", "),
            day(&entry.result.session.started_at),
            trust(entry),
            changes(row, track),
            entry.result.variant.description.to_string(),
        ];
        Self {
            path: row.path.clone(),
            page: entry_page(row),
            name: format!("{} ({})", entry.result.variant.name, day(&entry.result.session.started_at)),
            words,
            curve: row.median_curve.iter().map(|(seconds, percent)| (rounded(*seconds), rounded(*percent))).collect(),
        }
    }
}

/// A figure with its interval, in one line.
fn with_interval(figure: &Figure) -> String {
    figure.interval.as_ref().map_or_else(|| figure.in_words(), |interval| format!("{} ({interval})", figure.text))
}

/// The trust level, who answers for it, and who reproduced the entry.
fn trust(entry: &Entry) -> String {
    let signer = entry.trust.signer().map(|signer| format!(", {}", foreign(&signer.principal)));
    let names = reproducers(entry);
    let again = if names.is_empty() { names } else { format!(", reproduced by {names}") };
    format!("{}{}{again}", entry.trust, signer.unwrap_or_default())
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// The keys in which the recipe differs from the track's reference.
fn changes(row: &Row, track: &RankedTrack) -> String {
    let Some(reference) = variant::shipped(&track.track.reference) else { return "unknown".to_owned() };
    let found = variant::differences(&reference, &row.entry.recipe);
    if found.is_empty() {
        return "identical".to_owned();
    }
    let shown = found.iter().take(MOST_CHANGES);
    let mut lines: Vec<String> = shown
        .map(|change| format!("{}: {} → {}", foreign(&change.path), foreign(&change.before), foreign(&change.after)))
        .collect();
    if found.len() > MOST_CHANGES {
        lines.push(format!("and {} more", found.len() - MOST_CHANGES));
    }
    lines.join("\n")
}
