//! The error for a text that is YAML but not of the wanted form: where, under which key, and what was expected.

use serde_path_to_error::Segment;

use crate::hint;
use crate::text;
use crate::yaml::error::YamlError;
use crate::yaml::outline;
use crate::yaml::position::Position;
use crate::yaml::source::Source;

/// The error for text that is not a value of the wanted type.
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
    YamlError::Unreadable {
        name: source.name().to_owned(),
        at,
        key_path: key_path(path, unknown.as_deref()),
        hint: did_you_mean(&message).or_else(|| type_hint(&message)),
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

/// The YAML crate's message without its own path and place, which ours replace.
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

/// The word in backticks after a phrase of serde's.
fn unknown_word<'a>(message: &'a str, phrase: &str) -> Option<&'a str> {
    let rest = message.strip_prefix(phrase)?.strip_prefix(" `")?;
    // The word is from the file and may contain backticks; what follows it is serde's.
    let end = rest.find("`, ")?;
    Some(&rest[..end])
}

/// Plain words for serde's names of Rust types.
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
    let mappings = [", expected struct ", ", expected internally tagged enum "];
    if let Some((head, _)) = mappings.iter().find_map(|expected| message.split_once(expected)) {
        return format!("{head}, expected a mapping of keys");
    }
    let known = PLAIN_WORDS.iter().find_map(|(rust, plain)| Some(format!("{}{plain}", message.strip_suffix(rust)?)));
    known.unwrap_or_else(|| message.to_owned())
}

/// The nearest of the words that were expected, if one is near.
fn did_you_mean(message: &str) -> Option<String> {
    let word = unknown_word(message, "unknown field").or_else(|| unknown_word(message, "unknown variant"))?;
    let expected = &message[message.rfind("`, expected ")? + 2..];
    let nearest = hint::nearest(word, expected.split('`').skip(1).step_by(2))?;
    Some(format!("did you mean `{nearest}`?"))
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
