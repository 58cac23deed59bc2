//! What the author of a study says: keys and types, whose rules [`crate::file`] keeps.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use hlb_core::text::{Id, SafeText};

/// What an author says, closed: an unknown key is an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    /// Name in paths.
    pub(crate) name: Id,
    /// Name for people.
    pub(crate) title: SafeText<120>,
    /// What it is about, in a sentence or two.
    pub(crate) description: SafeText<1000>,
    /// Tracks that it can be run on; the first is meant where none is asked for.
    pub(crate) tracks: Vec<String>,
    /// Runs of each variant, 1 to 1000.
    pub(crate) runs: u32,
    /// Name of the variant that the others are compared with.
    pub(crate) reference: Id,
    /// Name of a set of seeds. Two studies of different sets share no seed, so that what one chose the other tests on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seeds: Option<Id>,
    /// Shipped recipe by track that variants are laid over, where it is not the track's reference.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) extends_on: BTreeMap<String, String>,
    /// 2 to 50 variants, in the order in which they take turns.
    pub(crate) variants: Vec<VariantEntry>,
    /// Figures that somebody published of the same variants.
    #[serde(default)]
    pub(crate) published: Option<PublishedFigures>,
}

/// One of the variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariantEntry {
    /// Name in tables, unique in the study.
    pub(crate) name: Id,
    /// The idea in a sentence.
    #[serde(default)]
    pub(crate) description: Option<SafeText<400>>,
    /// Shipped recipe that it is laid over; where it is left out, that of `extends_on` or the reference of the track.
    #[serde(default)]
    pub(crate) extends: Option<String>,
    /// Earlier variant that this one is a step from: its changes are laid over those of that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Id>,
    /// The keys that differ, as in a variant file.
    #[serde(default)]
    pub(crate) changes: Map<String, Value>,
    /// More of them by track, laid over `changes`.
    #[serde(default)]
    pub(crate) changes_on: BTreeMap<String, Map<String, Value>>,
}

/// Figures that somebody published of the same variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishedFigures {
    /// Where they stand.
    pub(crate) source: SafeText<400>,
    /// How they were measured.
    pub(crate) conditions: SafeText<400>,
    /// The figures.
    pub(crate) figures: Vec<PublishedFigure>,
}

/// A published figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublishedFigure {
    /// Variant of this study.
    pub(crate) variant: Id,
    /// Accuracy in percent, 0 to 100.
    pub(crate) accuracy_percent: f64,
    /// Seconds of training, where they were published.
    #[serde(default)]
    pub(crate) seconds: Option<f64>,
}
