//! The history of records as a table.

use crate::board::Board;
use crate::records::{Record, all_records};
use crate::site::feeds::csv;
use crate::site::figure::foreign;
use crate::site::figures::author_names;
use hlb_data::track::Track;

const COLUMNS: [&str; 10] =
    ["track", "class", "date", "seconds", "name", "authors", "path", "previous_seconds", "factor", "status"];

/// Every entry that was a record of its track and hardware class, or a candidate, one per line; the first line has the names of the columns.
pub(super) fn csv(board: &Board) -> String {
    let head = csv::line(COLUMNS.map(str::to_owned));
    head + &all_records(board).map(|(track, record)| csv::line(cells(track, &record))).collect::<String>()
}

fn cells(track: &Track, record: &Record<'_>) -> [String; COLUMNS.len()] {
    let figure = |figure: Option<f64>| figure.map_or_else(String::new, |figure| figure.to_string());
    [
        csv::text(&track.id),
        csv::text(&foreign(&record.row.class)),
        record.date(),
        record.seconds.to_string(),
        csv::text(record.row.entry.result.variant.name.as_str()),
        csv::text(&author_names(&record.row.entry).join("; ")),
        csv::text(&record.row.path),
        figure(record.previous_seconds),
        figure(record.factor()),
        record.status().to_owned(),
    ]
}
