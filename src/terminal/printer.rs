//! The only module that prints. What was asked for goes to standard output, everything else to
//! standard error. A line stays one line, and no character moves a cursor or hides: names and texts
//! of strangers are in most of them.

use std::io::Write as _;
use std::path::Path;

use hlb_core::artifact::{ArtifactError, write_atomic};
use hlb_core::text::{visible, visible_lines, visible_path};

/// Standard output as it is, for a process that was started by another one of this program.
pub(crate) fn to_parent() -> impl std::io::Write + Send {
    std::io::stdout()
}

/// Writes a line that was asked for. It is not an error if the reader has gone.
pub(crate) fn answer(line: &str) {
    let _ = writeln!(anstream::stdout(), "{}", visible(line));
}

/// Writes lines that were asked for, JSON among them.
pub(crate) fn answer_text(text: &str) {
    let _ = write!(anstream::stdout(), "{}", visible_lines(text));
}

/// Writes an object for programs, as a line.
pub(crate) fn answer_json(json: &str) {
    let _ = writeln!(anstream::stdout(), "{}", visible_lines(json));
}

/// Writes text that was asked for to a file and its name to standard output, or the text itself
/// without a file.
pub(crate) fn answer_text_to(file: Option<&Path>, text: &str) -> Result<(), ArtifactError> {
    match file {
        Some(path) => {
            write_atomic(path, text.as_bytes())?;
            answer(&visible_path(path));
        }
        None => answer_text(text),
    }
    Ok(())
}

/// Writes a line for the user.
pub(crate) fn note(line: &str) {
    let _ = writeln!(anstream::stderr(), "{}", visible(line));
}

/// A colored word in front of a line for the user; color only where it is wanted.
pub(crate) fn labeled(label: Label, line: &str) {
    let (style, word) = match label {
        Label::Error => (anstyle::AnsiColor::Red.on_default().bold(), "error"),
        Label::Warning => (anstyle::AnsiColor::Yellow.on_default().bold(), "warning"),
        Label::Hint => (anstyle::AnsiColor::Cyan.on_default().bold(), "hint"),
    };
    let _ = writeln!(anstream::stderr(), "{style}{word}{style:#}: {}", visible(line));
}

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    /// It could not be done.
    Error,
    /// It was done, but.
    Warning,
    /// What to do next.
    Hint,
}
