//! What checking an announcement found, in words, in Markdown and as JSON.

use std::path::Path;

use serde_json::json;

use crate::terminal::markdown;
use crate::terminal::printer::{answer, answer_json};
use hlb_core::text::visible_path;
use hlb_result::{AnnouncementError, SignedAnnouncement};

/// Prints the verdict on an announcement, among those on entries.
pub(crate) fn print_announcement(
    folder: &Path,
    checked: &Result<SignedAnnouncement, AnnouncementError>,
    (as_json, in_markdown): (bool, bool),
) {
    let folder = visible_path(folder);
    let problem = checked.as_ref().err().map(ToString::to_string);
    let promise = checked.as_ref().ok().map(|signed| &signed.announcement.promise);
    let principal = promise.map(|promise| promise.principal.as_str());
    if as_json {
        let object = json!({
            "announcement": folder,
            "verified": checked.is_ok(),
            "principal": principal,
            "problem": problem,
        });
        answer_json(&object.to_string());
    } else if in_markdown {
        answer(&markdown::line(&[
            markdown::foreign(&folder),
            if checked.is_ok() { "verified" } else { "**rejected**" }.to_owned(),
            "announcement".to_owned(),
            markdown::foreign(principal.unwrap_or_default()),
            String::new(),
            markdown::foreign(&problem.unwrap_or_default()),
        ]));
    } else if let Some(promise) = promise {
        answer(&format!("VERIFIED {folder}: announcement of {} runs by {}", promise.runs, promise.principal));
    } else {
        answer(&format!("REJECTED {folder}: {}", problem.unwrap_or_default()));
    }
}
