//! A track with its tables and drawings: a section of the front page, and a page of its own.

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::board::{RankedTrack, Row, RowState};
use crate::class::Class;
use crate::site::charts::{pareto, race, records};
use crate::site::figure::{entries, human_interval, percentage};
use crate::site::pages::rows;
use crate::site::published::Published;
use hlb_core::stats::Estimate;
use hlb_core::units::human_seconds;
use hlb_data::Source;
use hlb_data::task::Task;
use hlb_data::track::Track;

/// A track as text, for every page about it.
pub(crate) fn facts(track: &Track) -> Value {
    let Task { manifest, shapes, .. } = Task::published(track.clone());
    let how = track.resize.map_or_else(String::new, |resize| format!(", {resize}"));
    context! {
        id => &track.id,
        title => &track.title,
        target => percentage(track.target.percent()),
        rationale => &track.target_rationale,
        reference => &track.reference,
        dataset => manifest.title.as_str(),
        images => format!("{} training and {} evaluation images{how}", shapes.train, shapes.evaluation),
        license => manifest.license.to_string(),
        // Data set to fetch first; none if the program makes it.
        fetch => (manifest.source != Source::BuiltIn).then(|| manifest.id.as_str()),
        forbids => track.forbids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
        runs_to_rank => track.runs_to_rank,
    }
}

/// The page of a track.
pub(crate) fn page(track: &RankedTrack) -> Value {
    context! {
        track => section(track, usize::MAX),
        cheapest => cheapest(track),
        published => Serde(Published::fastest(&track.track)),
        highest => Serde(Published::highest(&track.track)),
    }
}

/// What the seconds of a class rest on.
fn reference(class: &Class) -> String {
    let Estimate { value, low, high } = class.reference_seconds;
    let hosts = if class.known_hosts == 1 { "1 host".to_owned() } else { format!("{} hosts", class.known_hosts) };
    format!("reference: {} on {hosts}, {} on one more", human_seconds(value), human_interval(low, high, human_seconds))
}

/// Ranked rows of all hardware classes, cheapest at list price first; what has no such cost stands last.
fn cheapest(track: &RankedTrack) -> Value {
    let mut ranked: Vec<&Row> = track.rows.iter().filter(|row| row.rank.is_some()).collect();
    let usd = |row: &Row| row.list_price_usd().unwrap_or(f64::INFINITY);
    ranked.sort_by(|a, b| usd(a).total_cmp(&usd(b)));
    ranked.into_iter().map(|row| rows::view(row, 0.0)).collect()
}

/// A track with so many rows of each hardware class at most, the fastest, and so many unranked ones, the newest.
pub(crate) fn section(track: &RankedTrack, most: usize) -> Value {
    let (listed, unranked): (Vec<&Row>, Vec<&Row>) = track.rows.iter().partition(|row| row.state != RowState::Unranked);
    let of_class = by_class(listed);
    let fastest = |rows: &[&Row]| rows.len().min(most);
    let newest = &unranked[unranked.len().saturating_sub(most)..];
    let shown = of_class.iter().flat_map(|rows| &rows[..fastest(rows)]).chain(newest);
    let mut classes: Vec<&str> = shown.map(|row| row.class.as_str()).collect();
    let left_out = track.rows.len() - classes.len();
    classes.sort_unstable();
    classes.dedup();
    let group = |rows: &Vec<&Row>| {
        let class = &rows[0].class;
        context! { reference => track.classes.get(class).map(reference), ..rows::group(Some(class), &rows[..fastest(rows)], rows.len()) }
    };
    context! {
        facts => facts(&track.track),
        // One for each hardware class.
        ranked => of_class.iter().map(group).collect::<Value>(),
        unranked => (!newest.is_empty()).then(|| rows::group(None, newest, unranked.len())),
        // Hardware classes to filter by.
        classes => classes.into_iter().collect::<Value>(),
        count => entries(track.rows.len()),
        left_out,
        comparable => track.rows.len() > 1,
        race => Serde(race::draw(track)),
        pareto => pareto::draw(track),
        records => records::draw(track),
    }
}

/// The rows of each hardware class in their order: ranked ones, then those that are not proven.
fn by_class(rows: Vec<&Row>) -> Vec<Vec<&Row>> {
    let mut classes: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        match classes.iter_mut().find(|of_class| of_class[0].class == row.class) {
            Some(of_class) => of_class.push(row),
            None => classes.push(vec![row]),
        }
    }
    classes
}
