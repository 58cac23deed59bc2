//! The records as a feed (Atom, RFC 4287), newest first.
//!
//! Nothing in it is read from a clock: it was updated at the time of its newest record. Ids are `tag:` addresses (RFC 4151)
//! made of the digests of results, so that an entry has one id on every mirror and under every address.

use std::cmp::Reverse;

use chrono::DateTime;
use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::board::{Board, second};
use crate::records::{Record, all_records};
use crate::site::addresses::entry_page;
use crate::site::error::SiteError;
use crate::site::figure::{foreign, percentage, ratio};
use crate::site::options::SiteOptions;
use crate::site::templates::Pages;
use hlb_core::units::human_seconds;
use hlb_data::track::Track;

/// Path of the file.
pub(super) const FILE: &str = "feed.xml";

/// What ids begin with: this program and the year from which on it gives them.
const AUTHORITY: &str = "tag:hlb-bench,2026";

fn entry(track: &Track, record: &Record<'_>, options: &SiteOptions) -> Value {
    let (row, name) = (record.row, &record.row.entry.result.variant.name);
    context! {
        id => format!("{AUTHORITY}:result/{}", row.entry.result_sha256),
        title => format!("{}: {} by {name}{}", track.title, human_seconds(record.seconds), waiting(record)),
        updated => second(record.at),
        page => options.address(&entry_page(row)),
        authors => Serde(&row.entry.result.variant.authors),
        track => &track.id,
        track_title => &track.title,
        summary => summary(track, record),
    }
}

/// That it is not a record yet.
fn waiting(record: &Record<'_>) -> &'static str {
    if record.candidate_because.is_some() { " (candidate)" } else { "" }
}

/// The record in a sentence.
fn summary(track: &Track, record: &Record<'_>) -> String {
    let seconds = human_seconds(record.seconds);
    let waits = record.candidate_because.map(|why| format!(" It is a candidate: {why}.")).unwrap_or_default();
    let reached = format!("{seconds} to {} on {}", percentage(track.target.percent()), foreign(&record.row.class));
    let what = match record.previous_seconds.zip(record.factor()) {
        Some((previous, factor)) => {
            format!("{reached}: {} times as fast as the record before, {}.", ratio(factor), human_seconds(previous))
        }
        None => format!("{reached}: the first of this hardware class."),
    };
    what + &waits
}

/// The feed. One without records was last updated at the Unix epoch.
pub(super) fn feed(board: &Board, options: &SiteOptions, pages: &Pages) -> Result<String, SiteError> {
    let mut records: Vec<(&Track, Record<'_>)> = all_records(board).collect();
    records.sort_by_key(|(_, record)| (Reverse(record.at), &record.row.path));
    let updated = records.first().map_or(DateTime::UNIX_EPOCH, |(_, newest)| newest.at);
    let feed = context! {
        id => format!("{AUTHORITY}:records"),
        updated => second(updated),
        address => options.address(FILE),
        page => options.address("index.html"),
        entries => records.iter().map(|(track, record)| entry(track, record, options)).collect::<Value>(),
    };
    pages.render(FILE, FILE, feed)
}
