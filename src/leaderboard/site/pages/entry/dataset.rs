//! What a page tells of the data that was trained on.

use crate::leaderboard::site::figure::{Fact, Figure};
use crate::result::Entry;

/// The data set, how its pictures became arrays, and what is known of copies among them.
pub(crate) fn facts(entry: &Entry) -> Vec<Fact> {
    let (facts, ground) = (&entry.result.dataset, &entry.ground);
    let manifest = &ground.manifest;
    let known = |name, value: String| Fact::new(name, Figure::known(value));
    let origin =
        if facts.published { "the published one" } else { "its author's own: never ranked with the published one" };
    let copies = facts.duplicates;
    let mut rows = vec![
        known("Data set", format!("{} ({}), {origin}", manifest.title.as_str(), manifest.id)),
        known("Images", format!("{} to train on, {} to evaluate", ground.shapes.train, ground.shapes.evaluation)),
    ];
    rows.extend(facts.resize.map(|resize| known("Prepared", resize.to_string())));
    rows.extend(facts.decoder.as_ref().map(|decoder| known("Decoded and resized by", decoder.to_string())));
    rows.push(known(
        "Exact copies",
        format!(
            "{} evaluation images are also trained on; {} training and {} evaluation images occur before in their split",
            copies.overlap, copies.train, copies.evaluation
        ),
    ));
    rows
}
