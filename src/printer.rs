//! The only module that prints. What was asked for goes to standard output, everything else to standard error.

use std::io::Write as _;

/// Writes a line that was asked for. A reader that has gone away is no error.
pub fn answer(line: &str) {
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// Writes text that was asked for, as it is.
pub fn answer_text(text: &str) {
    let _ = write!(anstream::stdout(), "{text}");
}

/// Writes a line for the person at the terminal.
pub fn note(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// A coloured word in front of a line for the person at the terminal; colour only where it is wanted.
pub fn labelled(label: Label, line: &str) {
    let (style, word) = match label {
        Label::Error => (anstyle::AnsiColor::Red.on_default().bold(), "error"),
        Label::Warning => (anstyle::AnsiColor::Yellow.on_default().bold(), "warning"),
        Label::Hint => (anstyle::AnsiColor::Cyan.on_default().bold(), "hint"),
    };
    let _ = writeln!(anstream::stderr(), "{style}{word}{style:#}: {line}");
}

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// It could not be done.
    Error,
    /// It was done, but.
    Warning,
    /// What to do next.
    Hint,
}
