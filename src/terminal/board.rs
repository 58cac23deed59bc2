//! What came of building or checking the site, in words.

use crate::terminal::printer::{Label, answer, labeled, note};
use hlb_board::{Built, Differences, Rejected};
use hlb_core::text::show;

/// Prints what came of a build.
pub(crate) fn print_built(built: &Built) {
    print_rejected(&built.rejected);
    note(&format!("{} entries, {} rejected", built.entries, built.rejected.len()));
}

/// Prints which entries were rejected, and why.
pub(crate) fn print_rejected(rejected: &[Rejected]) {
    for rejected in rejected {
        labeled(Label::Warning, &format!("rejected {}: {}", rejected.folder, rejected.reason));
    }
}

/// Prints how a site differs from what the submissions make of it.
pub(crate) fn print_differences(found: &Differences) {
    let Differences { missing, extra, differ } = found;
    for (word, paths) in [("missing", missing), ("extra", extra), ("differs", differ)] {
        for path in paths {
            answer(&format!("{word} {}", show(path)));
        }
    }
    if found.is_none() {
        note("the site is current");
        return;
    }
    let (missing, extra, differ) = (missing.len(), extra.len(), differ.len());
    note(&format!("the site is not current: {missing} missing, {extra} extra, {differ} differ"));
    labeled(Label::Hint, "build it again with `hlb-bench leaderboard`");
}
