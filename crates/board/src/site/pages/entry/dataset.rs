//! The data set of an entry.

use crate::site::figure::{Fact, Figure};
use hlb_result::Entry;

/// The data set, how its images were decoded, and duplicates among them.
pub(super) fn facts(entry: &Entry) -> Vec<Fact> {
    let (facts, task) = (&entry.result.dataset, &entry.task);
    let manifest = &task.manifest;
    let known = |name, value: String| Fact::new(name, Figure::known(value));
    let origin =
        if facts.published { "the published one" } else { "its authors' own: never ranked with the published one" };
    let copies = facts.duplicates;
    let mut rows = vec![
        known("Data set", format!("{} ({}), {origin}", manifest.title.as_str(), manifest.id)),
        known("Images", format!("{} training, {} evaluation", task.shapes.train, task.shapes.evaluation)),
    ];
    rows.extend(facts.resize.map(|resize| known("Preprocessed", resize.to_string())));
    rows.extend(facts.decoder.as_ref().map(|decoder| known("Decoded and resized by", decoder.to_string())));
    rows.push(known(
        "Duplicate images",
        format!(
            "{} evaluation images are also training images; {} training and {} evaluation images are copies of earlier ones in their split",
            copies.overlap, copies.train, copies.evaluation
        ),
    ));
    rows
}
