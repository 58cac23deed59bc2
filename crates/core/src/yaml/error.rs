//! What went wrong with a YAML text: the file, the line and column, the key, and what to do.
//!
//! A message is one line without hidden characters.

use crate::hint::Hint;
use crate::yaml::position::Position;

/// Why a text gave no value, or a value no text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum YamlError {
    /// The text is not UTF-8, breaks a rule of the guard, or is YAML but not of the wanted form: unknown or missing
    /// field, wrong type, value out of its range. The key path is empty where the error is not about a key.
    #[error("{name}:{at}: {message}{}", within(key_path))]
    Unreadable { name: String, at: Position, key_path: String, message: String, hint: Option<String> },
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
            Self::Unreadable { hint, .. } => hint.clone(),
            Self::Unwritable { .. } => None,
        }
    }
}
