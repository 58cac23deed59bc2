//! A track with its tables and drawings: a section of the front page, and a page of its own.

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::board::{RankedTrack, Row};
use crate::site::charts::{pareto, race, records};
use crate::site::figure::{entries, percentage};
use crate::site::pages::rows;
use crate::site::published::Published;
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

/// Ranked rows of all hardware classes, cheapest at list price first; what has no such cost stands last.
fn cheapest(track: &RankedTrack) -> Value {
    let mut ranked: Vec<&Row> = track.rows.iter().filter(|row| row.rank.is_some()).collect();
    let usd = |row: &Row| row.list_price_usd().unwrap_or(f64::INFINITY);
    ranked.sort_by(|a, b| usd(a).total_cmp(&usd(b)));
    ranked.into_iter().map(|row| rows::view(row, 0.0)).collect()
}

/// A track with so many rows of each hardware class at most, the fastest, and so many unranked ones, the newest.
pub(crate) fn section(track: &RankedTrack, most: usize) -> Value {
    let (ranked, unranked): (Vec<&Row>, Vec<&Row>) = track.rows.iter().partition(|row| row.rank.is_some());
    let of_class: Vec<&[&Row]> = ranked.chunk_by(|above, below| above.class == below.class).collect();
    let fastest = |rows: &[&Row]| rows.len().min(most);
    let newest = &unranked[unranked.len().saturating_sub(most)..];
    let shown = of_class.iter().flat_map(|rows| &rows[..fastest(rows)]).chain(newest);
    let mut classes: Vec<&str> = shown.map(|row| row.class.as_str()).collect();
    let left_out = track.rows.len() - classes.len();
    classes.sort_unstable();
    classes.dedup();
    let group = |rows: &&[&Row]| rows::group(Some(&rows[0].class), &rows[..fastest(rows)], rows.len());
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
