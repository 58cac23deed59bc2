//! An image of a track's record, to be shown elsewhere. It loads nothing.

use minijinja::context;
use minijinja::value::Value;

use crate::board::{RankedTrack, Row};
use crate::site::error::SiteError;
use crate::site::figure::{foreign, percentage};
use crate::site::templates::Pages;
use hlb_core::units::human_seconds;
use hlb_data::track::Track;

/// Space on each side of a text, in pixels.
const MARGIN: u32 = 7;

/// Widths of letters of 11 pixels in a common sans-serif font, in tenths of a pixel; those of no group have the last.
const WIDTHS: [(&str, u32); 4] = [("ijl.,:;'|!I", 37), ("frt()[]-/ ", 45), ("mwMW%@", 101), ("ABCDEFGHKNOQRU", 80)];
const USUAL_WIDTH: u32 = 70;

/// A text in its box of this width. Its length is fixed, so that it fits in every font.
fn part(text: &str, left: u32) -> (Value, u32) {
    let length = text_width(text);
    let width = length + 2 * MARGIN;
    let middle = f64::from(left) + f64::from(width) / 2.0;
    (context! { text, left, width, middle, length }, width)
}

/// Approximate width of a text in pixels.
fn text_width(text: &str) -> u32 {
    let width = |letter: char| WIDTHS.iter().find(|(letters, _)| letters.contains(letter)).map(|(_, width)| *width);
    text.chars().map(|letter| width(letter).unwrap_or(USUAL_WIDTH)).sum::<u32>().div_ceil(10)
}

/// Path of a track's badge.
pub(super) fn path(track: &Track) -> String {
    format!("badges/{}.svg", track.id)
}

/// The time of the fastest ranked entry of a track, on whatever hardware.
pub(super) fn svg(track: &RankedTrack, pages: &Pages) -> Result<String, SiteError> {
    // Rows stand with the class of the fastest first, and within it fastest first.
    let best = track.rows.iter().find(|row| row.rank.is_some());
    let label = format!("{} to {}", track.track.id, percentage(track.track.target.percent()));
    let value = best.and_then(Row::seconds);
    let value = value.map_or_else(|| "no record yet".to_owned(), human_seconds);
    let title = best.map_or_else(|| format!("{label}: {value}"), |row| format!("{label}: {value} {}", whose(row)));
    let (label, left) = part(&label, 0);
    let (value, width) = part(&value, left);
    pages.render("badge.svg", &path(&track.track), context! { title, width => left + width, label, value })
}

fn whose(row: &Row) -> String {
    format!("by {} on {}", row.entry.result.variant.name, foreign(&row.class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_take_more_room() {
        assert!(text_width("iii") < text_width("nnn") && text_width("nnn") < text_width("mmm"));
        assert_eq!(text_width(""), 0);
    }
}
