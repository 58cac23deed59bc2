//! What verifying an entry found, in words, in Markdown and as JSON.

use std::path::Path;

use serde_json::{Value, json};

use crate::terminal::failure::print_hint;
use crate::terminal::markdown;
use crate::terminal::printer::answer;
use hlb_core::hint::Hint as _;
use hlb_core::text::visible_path;
use hlb_core::units::human_seconds;
use hlb_result::{Entry, EntryError, Trust};

/// Columns of the table in Markdown.
const COLUMNS: [&str; 6] = ["entry", "verdict", "trust", "signed by", "time-to-accuracy", "what is wrong"];

/// What verifying an entry found.
pub(crate) struct CheckedEntry<'a> {
    folder: &'a Path,
    checked: &'a Result<Entry, EntryError>,
}

impl<'a> CheckedEntry<'a> {
    /// Of the entry in `folder`.
    pub(crate) fn new(folder: &'a Path, checked: &'a Result<Entry, EntryError>) -> Self {
        Self { folder, checked }
    }

    /// Whether the entry is in order and signed.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self.checked, Ok(entry) if entry.trust != Trust::Unsigned)
    }

    /// Prints it for people, with a hint.
    pub(crate) fn print(&self) {
        match self.checked {
            Ok(entry) => answer(&self.line(entry)),
            Err(error) => {
                answer(&format!("REJECTED {error}"));
                print_hint(error.hint().as_deref());
            }
        }
    }

    fn line(&self, entry: &Entry) -> String {
        let signer = entry
            .trust
            .signer()
            .map_or_else(String::new, |signer| format!(" by {} ({})", signer.principal, signer.fingerprint));
        let word = if self.is_good() { "VERIFIED" } else { "UNSIGNED, otherwise in order:" };
        format!("{word} {}: {}, {}{signer}", visible_path(&entry.folder), time(entry), entry.trust)
    }

    /// The head of a table in Markdown.
    pub(crate) fn markdown_head() -> String {
        markdown::head(&COLUMNS)
    }

    /// Its row in that table. Names and reasons are texts of others, so they are escaped.
    pub(crate) fn markdown_row(&self) -> String {
        let word = match self.checked {
            _ if self.is_good() => "verified",
            Ok(_) => "**unsigned**",
            Err(_) => "**rejected**",
        };
        let entry = self.entry();
        markdown::line(&[
            markdown::foreign(&visible_path(self.folder)),
            word.to_owned(),
            entry.map_or_else(String::new, |entry| entry.trust.to_string()),
            markdown::foreign(self.principal().unwrap_or_default()),
            entry.map_or_else(String::new, time),
            markdown::foreign(&self.problem().unwrap_or_default()),
        ])
    }

    /// The object for programs.
    pub(crate) fn json(&self) -> Value {
        let entry = self.entry();
        json!({
            "entry": visible_path(self.folder),
            "verified": self.is_good(),
            "trust": entry.map(|entry| entry.trust.as_str()),
            "principal": self.principal(),
            "result_sha256": entry.map(|entry| entry.result_sha256),
            "problem": self.problem(),
        })
    }

    fn entry(&self) -> Option<&Entry> {
        self.checked.as_ref().ok()
    }

    fn principal(&self) -> Option<&str> {
        self.entry()?.trust.signer().map(|signer| signer.principal.as_str())
    }

    fn problem(&self) -> Option<String> {
        self.checked.as_ref().err().map(|error| error.fault.to_string())
    }
}

/// The headline of an entry.
fn time(entry: &Entry) -> String {
    let median = entry.result.derived.summary.time_to_accuracy_seconds.median;
    median.map_or_else(|| "target not reached".to_owned(), human_seconds)
}
