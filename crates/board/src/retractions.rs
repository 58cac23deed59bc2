//! Entries that were retracted by their authors or refuted. They stay on the board, struck through, with the reason.
//!
//! `withdrawn.yaml` lies next to the list of signers and is edited by the maintainers only. An entry itself is never edited, for its bytes are signed.

use std::fmt;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::RETRACTIONS_FILE;
use crate::error::BoardError;
use hlb_core::bounded::{self, SMALL_CAP};
use hlb_core::text::{SafeText, show_path};
use hlb_core::yaml;

/// An entry that no longer counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retraction {
    /// Folder of the entry below the submissions, `track/date-name`.
    pub entry: SafeText<200>,
    /// Whether its authors retracted it or somebody refuted it.
    pub verdict: RetractionKind,
    /// The day, YYYY-MM-DD.
    #[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))]
    pub date: SafeText<10>,
    /// Why, in a sentence without its full stop.
    pub reason: SafeText<400>,
}

/// Why an entry no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Verdict")]
pub enum RetractionKind {
    /// Its authors retracted it.
    Withdrawn,
    /// Others showed that its result is wrong.
    Refuted,
}

/// As a reason: `refuted on 2026-05-01: ...`.
impl fmt::Display for Retraction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            RetractionKind::Withdrawn => "retracted",
            RetractionKind::Refuted => "refuted",
        };
        write!(formatter, "{verdict} on {}: {}", self.date, self.reason)
    }
}

/// Entries of a board that no longer count.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// The entries, in any order.
    withdrawn: Vec<Retraction>,
}

/// The schema of such a file.
pub fn retractions_schema() -> Value {
    schemars::schema_for!(List).to_value()
}

/// The list of a board; a missing file is an empty one.
pub(crate) fn read(submissions: &Path) -> Result<Vec<Retraction>, BoardError> {
    let path = submissions.join(RETRACTIONS_FILE);
    let bytes = match bounded::read(&path, SMALL_CAP) {
        // Not so a link that leads nowhere: with it, what was retracted would count again.
        Err(error) if error.is_of_no_file() => return Ok(Vec::new()),
        read => read?,
    };
    let list: List = yaml::parse(&bytes, &show_path(&path))?;
    Ok(list.withdrawn)
}
