//! What went wrong with a YAML text: the file, the line and column, the key, and what to do.
//!
//! A message is one line without hidden characters.

use crate::hint::Hint;
use crate::yaml::guard::Refusal;
use crate::yaml::position::Position;

/// Why a text gave no value, or a value no text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum YamlError {
    /// Not UTF-8.
    #[error("{name}:{at}: not UTF-8 text from byte {offset} on")]
    NotUtf8 { name: String, at: Position, offset: usize, utf16: bool },
    /// It breaks a rule of the guard.
    #[error("{name}:{at}: {refusal}")]
    Refused { name: String, at: Position, refusal: Refusal },
    /// It is YAML, but not of the wanted form: unknown or missing field, wrong type, value out of its range.
    #[error("{name}:{at}: {message}{}", within(key_path))]
    Unfit { name: String, at: Position, key_path: String, message: String, suggestion: Option<String> },
    /// The value cannot be written so that it would be read back.
    #[error("cannot write this as YAML: {message}{}", within(key_path))]
    Unwritable { key_path: String, message: String },
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
