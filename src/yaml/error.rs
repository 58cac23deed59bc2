//! What went wrong with a YAML text: the file, the line and column, the key, and what to do.
//!
//! A message is one line, however many the file has, and holds no hidden character.

use std::fmt;

use serde_path_to_error::Segment;

use super::guard::Refusal;
use super::{Source, outline};
use crate::hint::Hint;
use crate::text;

/// A place in a text.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Position {
    /// The first character.
    pub(super) const START: Self = Self::new(1, 1);

    /// A place by line and column, both from 1.
    pub(super) const fn new(line: usize, column: usize) -> Self {
        Self { line, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// Why a text gave no value, or a value no text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum YamlError {
    /// Not UTF-8.
    #[error("{name}:{at}: not UTF-8 text from byte {offset} on")]
    NotUtf8 {
        /// The file as shown.
        name: String,
        /// Where the first wrong byte stands.
        at: Position,
        /// Its offset in bytes, from 0.
        offset: usize,
        /// Whether the file starts as UTF-16 does.
        utf16: bool,
    },
    /// The guard refuses it, whatever the types are.
    #[error("{name}:{at}: {refusal}")]
    Refused {
        /// The file as shown.
        name: String,
        /// Where the rule is broken.
        at: Position,
        /// The rule.
        refusal: Refusal,
    },
    /// It is YAML, but not of the wanted form: unknown or missing field, wrong type, value out of its range.
    #[error("{name}:{at}: {message}{}", within(key_path))]
    Unfit {
        /// The file as shown.
        name: String,
        /// Where the value (for an unknown field: the key) stands.
        at: Position,
        /// Path of keys to it, such as `optimizer.weights` or `runs[2].seed`; empty at the top.
        key_path: String,
        /// What is wrong.
        message: String,
        /// What the author may have meant.
        suggestion: Option<String>,
    },
    /// The value cannot be written so that it would be read back.
    #[error("cannot write this as YAML: {message}{}", within(key_path))]
    Unwritable {
        /// Path of keys to the value; empty at the top or where it is not known.
        key_path: String,
        /// What is wrong.
        message: String,
    },
}

/// The part of a message that names the key.
fn within(key_path: &str) -> String {
    if key_path.is_empty() {
        return String::new();
    }
    format!(" (in `{key_path}`)")
}

impl Hint for YamlError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotUtf8 { utf16: true, .. } => Some("the file is UTF-16: save it as UTF-8".to_owned()),
            Self::NotUtf8 { .. } => Some("save the file as UTF-8".to_owned()),
            Self::Refused { refusal, .. } => refusal.hint(),
            Self::Unfit { suggestion, .. } => suggestion.clone(),
            Self::Unwritable { .. } => None,
        }
    }
}

/// The error for bytes that are text up to `offset` only.
pub(super) fn not_utf8(name: &str, bytes: &[u8], offset: usize) -> YamlError {
    let good = String::from_utf8_lossy(&bytes[..offset]);
    let line = good.matches('\n').count() + 1;
    let last = good.rsplit('\n').next().unwrap_or_default();
    YamlError::NotUtf8 {
        name: name.to_owned(),
        at: Position::new(line, last.chars().count() + 1),
        offset,
        utf16: bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]),
    }
}

/// The error for text that is no value of the wanted type.
///
/// `own` is the place that the reader itself names, with which its message then ends.
pub(super) fn unfit(
    source: &Source,
    path: &serde_path_to_error::Path,
    message: &str,
    own: Option<Position>,
) -> YamlError {
    let message = plain_words(&bare_message(path, message, own.is_some()));
    let unknown = unknown_word(&message, "unknown field").map(str::to_owned);
    let at = outline::locate(source, path, unknown.as_deref()).or(own).unwrap_or(Position::START);
    YamlError::Unfit {
        name: source.name().to_owned(),
        at,
        key_path: key_path(path, unknown.as_deref()),
        suggestion: did_you_mean(&message).or_else(|| type_hint(&message)),
        message: elided(&message),
    }
}

/// A message fit to be shown. A long one loses its middle: what is wrong comes first, what was expected last.
fn elided(message: &str) -> String {
    const HEAD: usize = 200;
    const TAIL: usize = 800;
    let shown = text::show_capped(message, usize::MAX);
    let count = shown.chars().count();
    if count <= HEAD + TAIL {
        return shown;
    }
    let head: String = shown.chars().take(HEAD).collect();
    let tail: String = shown.chars().skip(count - TAIL).collect();
    format!("{head} ... {tail}")
}

/// A path as shown: without the unknown key itself, which the message names.
fn key_path(path: &serde_path_to_error::Path, unknown: Option<&str>) -> String {
    let mut segments: Vec<_> = path.iter().collect();
    if let (Some(Segment::Map { key }), Some(unknown)) = (segments.last(), unknown)
        && key == unknown
    {
        segments.pop();
    }
    text::show(&joined(&segments))
}

/// Segments joined as in `runs[2].seed`; what serde could not name is left out.
fn joined(segments: &[&Segment]) -> String {
    let mut path = String::new();
    for segment in segments {
        match segment {
            Segment::Seq { index } => path.extend(["[", &index.to_string(), "]"]),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                let dot = if path.is_empty() { "" } else { "." };
                path.extend([dot, key]);
            }
            Segment::Unknown => {}
        }
    }
    path
}

/// The YAML crate's message without its own path before it and its own place behind it: ours are better.
fn bare_message(path: &serde_path_to_error::Path, full: &str, ends_with_place: bool) -> String {
    let tail = full.rfind(" at line ").filter(|_| ends_with_place);
    let mut message = &full[..tail.unwrap_or(full.len())];
    let segments: Vec<_> = path.iter().collect();
    for depth in (1..=segments.len()).rev() {
        let prefix = format!("{}: ", joined(&segments[..depth]));
        if let Some(rest) = message.strip_prefix(&prefix) {
            message = rest;
            break;
        }
    }
    message.to_owned()
}

/// The word in backticks right behind a phrase of serde's.
fn unknown_word<'a>(message: &'a str, phrase: &str) -> Option<&'a str> {
    let rest = message.strip_prefix(phrase)?.strip_prefix(" `")?;
    // The word is the stranger's and may hold backticks; what follows it is ours.
    let end = rest.find("`, ")?;
    Some(&rest[..end])
}

/// What serde calls by the names of Rust, in words of the file.
const PLAIN_WORDS: [(&str, &str); 12] = [
    ("expected u8", "expected a whole number from 0 to 255"),
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected u32", "expected a whole number, not negative"),
    ("expected u64", "expected a whole number, not negative"),
    ("expected usize", "expected a whole number, not negative"),
    ("expected i32", "expected a whole number"),
    ("expected i64", "expected a whole number"),
    ("expected f64", "expected a number"),
    ("expected f32", "expected a number"),
    ("expected a boolean", "expected `true` or `false`"),
    ("expected a string", "expected text"),
    ("expected a YAML tag starting with '!'", "expected a word"),
];

/// Swaps the end of a message for plain words.
fn plain_words(message: &str) -> String {
    if let Some((head, _)) = message.split_once(", expected struct ") {
        return format!("{head}, expected a mapping of keys");
    }
    if let Some((head, _)) = message.split_once(", expected internally tagged enum ") {
        return format!("{head}, expected a mapping of keys");
    }
    let known = PLAIN_WORDS.iter().find_map(|(rust, plain)| Some(format!("{}{plain}", message.strip_suffix(rust)?)));
    known.unwrap_or_else(|| message.to_owned())
}

/// The nearest of the words that were expected, if one is near.
fn did_you_mean(message: &str) -> Option<String> {
    let word = unknown_word(message, "unknown field").or_else(|| unknown_word(message, "unknown variant"))?;
    let expected = &message[message.rfind("`, expected ")? + 2..];
    let nearest = expected
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .min()?;
    let near = nearest.0 <= (word.chars().count() / 3).max(1);
    near.then(|| format!("did you mean `{}`?", nearest.1))
}

/// What people most often write for a truth value or a number.
fn type_hint(message: &str) -> Option<String> {
    if !message.starts_with("invalid type: string") {
        return None;
    }
    if message.ends_with("expected `true` or `false`") {
        return Some("write `true` or `false`, without quotes".to_owned());
    }
    let number = message.contains(", expected a whole number") || message.ends_with("a number");
    number.then(|| "write plain digits, without quotes, separators or units".to_owned())
}
