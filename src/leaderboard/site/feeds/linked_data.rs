//! What search engines for data are told inside a page: the board, or a track, as a `Dataset` of schema.org.
//!
//! The text stands in `<script type="application/ld+json">`. Such a block is data: a browser never executes it, so that the
//! pages' policy `default-src 'none'` neither blocks it nor has to be loosened for it.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::super::figure::percentage;
use super::super::options::SiteOptions;
use super::entries::{CSV_FILE, JSON_FILE};
use crate::leaderboard::board::{Board, RankedTrack, Row};
use crate::leaderboard::record::{day, held_at};

/// How the headline comes about, in a sentence.
const TECHNIQUE: &str = "median over all runs of a session of the timed seconds of training until an evaluation of the whole \
    evaluation split first met the target; a run that missed it counts as slower than any time";

/// Keys of the files that hold what was measured, with their units and what they are.
const VARIABLES: [(&str, Option<&str>, &str); 5] = [
    ("median_seconds", Some("s"), "median time-to-accuracy"),
    ("ratio_to_reference", None, "time-to-accuracy over that of the track's reference on the same machine"),
    ("cost_usd", Some("USD"), "cost of the median time-to-accuracy"),
    ("energy_joules", Some("J"), "median energy until the target was met"),
    ("mean_final_accuracy_percent", Some("%"), "mean accuracy at the end of the schedule"),
];

/// The whole board, for a page in the site's root. Fit to be embedded as it stands, without any more escaping.
pub fn board(board: &Board, options: &SiteOptions) -> String {
    let titles: Vec<&str> = board.tracks.iter().map(|track| track.track.title.as_str()).collect();
    let description = format!(
        "How long, and at what cost, training recipes take to reach a fixed accuracy on given hardware: {} signed entries on \
         the tracks {}. Every figure can be computed again from the run logs.",
        board.entry_count(),
        titles.join(", ")
    );
    let rows = board.tracks.iter().flat_map(|track| &track.rows);
    dataset(
        "hlb-bench: time-to-accuracy leaderboard",
        &description,
        rows,
        &Place { page: "index.html", root: "" },
        options,
    )
}

/// One track, for the page at `page` in the site, from which `root` leads back to the site's root. Fit to be embedded as it
/// stands, without any more escaping.
pub fn track(track: &RankedTrack, page: &str, root: &str, options: &SiteOptions) -> String {
    let (of, target) = (&track.track, percentage(track.track.target.percent()));
    let name = format!("hlb-bench: time to {target} on {}", of.title);
    let description = format!(
        "How long, and at what cost, training recipes take to reach {target} accuracy on the track {}: {} signed entries, those \
         whose `track` is `{}` in the files. How the target was chosen: {}",
        of.title,
        track.rows.len(),
        of.id,
        of.target_rationale
    );
    dataset(&name, &description, track.rows.iter(), &Place { page, root }, options)
}

/// Where the text will stand.
struct Place<'a> {
    page: &'a str,
    root: &'a str,
}

fn dataset<'a>(
    name: &str,
    description: &str,
    rows: impl Iterator<Item = &'a Row>,
    place: &Place<'_>,
    options: &SiteOptions,
) -> String {
    let mut dataset = json!({
        "@context": "https://schema.org",
        "@type": "Dataset",
        "name": name,
        "description": description,
        "license": licenses(),
        "isAccessibleForFree": true,
        "measurementTechnique": TECHNIQUE,
        "variableMeasured": VARIABLES.map(variable),
        "distribution": [
            download("application/json", &options.address(place.root, JSON_FILE)),
            download("text/csv", &options.address(place.root, CSV_FILE)),
        ],
    });
    // What is not known is left out: schema.org has no word for it.
    if let Some(coverage) = coverage(rows.filter_map(held_at)) {
        dataset["temporalCoverage"] = Value::from(coverage);
    }
    if let Some(base_url) = &options.base_url {
        dataset["url"] = Value::from(base_url.of(place.page));
    }
    embeddable(&dataset)
}

/// Those of this project, at the reader's choice.
fn licenses() -> Vec<String> {
    let spdx = |id: &str| format!("https://spdx.org/licenses/{id}.html");
    env!("CARGO_PKG_LICENSE").split(" OR ").map(spdx).collect()
}

fn variable((name, unit, description): (&str, Option<&str>, &str)) -> Value {
    let mut variable = json!({ "@type": "PropertyValue", "name": name, "description": description });
    if let Some(unit) = unit {
        variable["unitText"] = Value::from(unit);
    }
    variable
}

fn download(format: &str, address: &str) -> Value {
    json!({ "@type": "DataDownload", "encodingFormat": format, "contentUrl": address })
}

/// From the first day to the last.
fn coverage(held: impl Iterator<Item = DateTime<Utc>>) -> Option<String> {
    let held: Vec<DateTime<Utc>> = held.collect();
    let (first, last) = held.iter().min().zip(held.iter().max())?;
    Some(format!("{}/{}", day(*first), day(*last)))
}

/// JSON that neither ends the element it stands in nor begins another. These characters stand in JSON inside of texts only,
/// where an escape means the same.
fn embeddable(value: &Value) -> String {
    let escaped = |character: char| match character {
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => format!("\\u{:04x}", u32::from(character)),
        plain => plain.to_string(),
    };
    value.to_string().chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_embedded_means_the_same_and_holds_no_markup(text in any::<String>()) {
            let value = json!({ "name": format!("</script>&\u{2028}\u{2029}{text}") });
            let embedded = embeddable(&value);
            let has_markup = embedded.contains(['<', '>', '&', '\u{2028}', '\u{2029}']);
            prop_assert!(!has_markup);
            prop_assert_eq!(serde_json::from_str::<Value>(&embedded).unwrap(), value);
        }
    }
}
