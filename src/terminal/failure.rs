//! Turns a failure into the lines that its reader sees: what, why, and what to do next.

use crate::terminal::printer::{Label, labeled, note};
use hlb_core::hint::{Failure, Hint};

/// Prints a failure with its causes and its hint.
pub(crate) fn print_failure(failure: &Failure) {
    let mut shown = failure.to_string();
    labeled(Label::Error, &shown);
    for cause in failure.causes() {
        let text = cause.to_string();
        // Some errors quote their cause, which need not be said twice.
        if !shown.contains(&text) {
            note(&format!("  caused by: {text}"));
        }
        shown = text;
    }
    print_hint(failure.hint());
}

/// Prints an error in one line, with its hint.
pub(crate) fn print_as(label: Label, error: &impl Hint) {
    labeled(label, &error.to_string());
    print_hint(error.hint().as_deref());
}

/// Prints a hint, if there is one.
pub(super) fn print_hint(hint: Option<&str>) {
    if let Some(hint) = hint {
        labeled(Label::Hint, hint);
    }
}
