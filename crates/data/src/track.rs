//! Tracks: data set, target and rules of measurement. They ship as YAML in `tracks/`, compiled into the program.

use hlb_core::hint::Hint;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Resize;
use hlb_core::units::Target;
use hlb_core::yaml;
use hlb_recipe::Forbidden;

/// What a recipe competes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Track {
    /// Name in files, paths and commands.
    pub id: String,
    /// Name for people.
    pub title: String,
    /// Data set, by its manifest's id.
    pub dataset: String,
    /// How its images are resized; `null` where they have one size already.
    #[serde(default)]
    pub resize: Option<Resize>,
    /// What its rules forbid a recipe.
    #[serde(default)]
    pub forbids: Vec<Forbidden>,
    /// Shipped recipe that is the reference, by its name.
    pub reference: String,
    /// Accuracy to reach on the evaluation split.
    pub target: Target,
    /// How the target was chosen, in a sentence or two.
    pub target_rationale: String,
    /// Runs that a session needs before its row can be ranked.
    pub runs_to_rank: u32,
    /// Standard deviation of the final accuracy from run to run in percentage points, of published runs of recipes near the
    /// target; `null` where there are none. For planning only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_deviation_points: Option<f64>,
}

/// No track has this id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no track `{}`; there are {known}", hlb_core::text::show(.id))]
pub struct UnknownTrack {
    /// The unknown id.
    pub id: String,
    /// The known ids.
    pub known: String,
}

impl Hint for UnknownTrack {}

const SHIPPED: [(&str, &str); 5] = [
    ("tracks/shapes.yaml", include_str!("../../../tracks/shapes.yaml")),
    ("tracks/fashion-mnist.yaml", include_str!("../../../tracks/fashion-mnist.yaml")),
    ("tracks/cifar10.yaml", include_str!("../../../tracks/cifar10.yaml")),
    ("tracks/imagenette-64.yaml", include_str!("../../../tracks/imagenette-64.yaml")),
    ("tracks/imagenette-128.yaml", include_str!("../../../tracks/imagenette-128.yaml")),
];

/// Read once, since a board needs them for every entry.
static TRACKS: LazyLock<Vec<Track>> = LazyLock::new(|| {
    let read = |(name, text): &(&str, &str)| yaml::parse(text.as_bytes(), name);
    SHIPPED.iter().map(|shipped| read(shipped).expect("a shipped track file is valid; a test reads them all")).collect()
});

/// All tracks, in the order of the board.
pub fn all() -> Vec<Track> {
    TRACKS.clone()
}

/// The track with this id.
pub fn by_id(id: &str) -> Result<Track, UnknownTrack> {
    let known = || TRACKS.iter().map(|track| format!("`{}`", track.id)).collect::<Vec<_>>().join(", ");
    let found = TRACKS.iter().find(|track| track.id == id).cloned();
    found.ok_or_else(|| UnknownTrack { id: id.to_owned(), known: known() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_tracks_are_valid() {
        for track in all() {
            assert!(track.target.correct < track.target.of, "{}", track.id);
            assert!(track.runs_to_rank >= 10, "{}", track.id);
            assert!(track.published_deviation_points.is_none_or(|points| points > 0.0), "{}", track.id);
        }
    }

    #[test]
    fn an_unknown_track_is_named_with_those_there_are() {
        let error = by_id("cifar-9").expect_err("unknown").to_string();
        assert_eq!(
            error,
            "there is no track `cifar-9`; there are `shapes`, `fashion-mnist`, `cifar10`, `imagenette-64`, `imagenette-128`"
        );
    }
}
