//! All entries as JSON and as a table: one list of keys serves both.

use hlb_core::rules::RULES_VERSION;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::board::{Board, Rejected};
use crate::site::feeds::csv;
use crate::site::feeds::field::{FIELDS, Standing};
use hlb_core::text::{show, show_capped};

/// Version of the keys; what may change within it is in `docs/reference/feeds.md`.
const SCHEMA: u32 = 1;

/// Most characters of the reason for a rejection: whole, since its author has to act on it.
const REASON_CAP: usize = 1000;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    rules_version: &'static str,
    entries: Vec<Standing<'a>>,
    /// Those that failed verification.
    rejected: Vec<Value>,
}

impl Serialize for Standing<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(FIELDS.iter().map(|(key, value)| (key, value(self))))
    }
}

fn refused(rejected: &Rejected) -> Value {
    json!({"path": show(&rejected.folder), "reasons": [show_capped(&rejected.reason, REASON_CAP)]})
}

/// All entries, and those that failed verification, as one object.
pub(super) fn json(board: &Board) -> String {
    let document = Document {
        schema: SCHEMA,
        rules_version: RULES_VERSION,
        entries: standings(board).collect(),
        rejected: board.rejected.iter().map(refused).collect(),
    };
    let text = serde_json::to_string_pretty(&document);
    text.expect("every key is a text, and nothing is written to but memory") + "\n"
}

/// All entries, one per line; the first line has the keys.
pub(super) fn csv(board: &Board) -> String {
    let head = csv::line(FIELDS.iter().map(|(key, _)| (*key).to_owned()));
    let line = |standing: Standing<'_>| csv::line(FIELDS.iter().map(|(_, value)| cell(&value(&standing))));
    head + &standings(board).map(line).collect::<String>()
}

fn standings(board: &Board) -> impl Iterator<Item = Standing<'_>> {
    board.tracks.iter().flat_map(|track| track.rows.iter().map(|row| Standing { track: &track.track, row }))
}

/// A value as a cell: unknown is empty, a list is one text.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => csv::text(text),
        Value::Array(items) => csv::text(&items.iter().map(plain).collect::<Vec<_>>().join("; ")),
        figure => figure.to_string(),
    }
}

fn plain(item: &Value) -> String {
    item.as_str().map_or_else(|| item.to_string(), str::to_owned)
}
