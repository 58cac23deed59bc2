//! A track as text.

use serde::Serialize;

use crate::site::figure::percentage;
use hlb_data::Source;
use hlb_data::task::Task;
use hlb_data::track::Track;

/// A track as text, for every page about it.
#[derive(Debug, Serialize)]
pub(crate) struct TrackFacts {
    id: String,
    title: String,
    target: String,
    rationale: String,
    reference: String,
    dataset: String,
    images: String,
    license: String,
    /// Data set to fetch first; `None` if the program makes it.
    fetch: Option<String>,
    /// What its rules forbid; empty for nothing.
    forbids: String,
    runs_to_rank: u32,
}

impl TrackFacts {
    pub(crate) fn new(track: &Track) -> Self {
        let Task { manifest, shapes, .. } = Task::published(track.clone());
        let how = track.resize.map_or_else(String::new, |resize| format!(", {resize}"));
        Self {
            id: track.id.clone(),
            title: track.title.clone(),
            target: percentage(track.target.percent()),
            rationale: track.target_rationale.clone(),
            reference: track.reference.clone(),
            dataset: manifest.title.to_string(),
            images: format!("{} training and {} evaluation images{how}", shapes.train, shapes.evaluation),
            license: manifest.license.to_string(),
            fetch: (manifest.source != Source::BuiltIn).then(|| manifest.id.to_string()),
            forbids: track.forbids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
            runs_to_rank: track.runs_to_rank,
        }
    }
}
