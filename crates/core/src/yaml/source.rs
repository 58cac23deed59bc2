//! YAML text that may be read.

use crate::text;
use crate::yaml::error::YamlError;
use crate::yaml::guard::{self, Fault};
use crate::yaml::position::Position;

/// YAML text that passed the guard, with the name it goes by in messages.
#[derive(Clone, Debug)]
pub struct Source {
    name: String,
    text: String,
    /// Key paths from whose values other key paths lead; empty: from the whole text.
    parts: Vec<String>,
}

impl Source {
    /// Checks the encoding and the guard's rules; nothing is typed yet.
    ///
    /// `shown_name` is a path or a description such as `the built-in reference`; hidden characters in it are escaped.
    pub fn new(bytes: &[u8], shown_name: &str) -> Result<Self, YamlError> {
        let name = text::show(shown_name);
        match checked(bytes) {
            Ok(text) => Ok(Self { name, text: text.to_owned(), parts: Vec::new() }),
            Err(Fault { at, message, hint }) => {
                Err(YamlError::Unreadable { name, at, key_path: String::new(), message, hint: hint.map(str::to_owned) })
            }
        }
    }

    /// The name in messages, fit to be shown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, byte for byte.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same text, of which only the values under these key paths count, such as `variants[1].changes`: the places of keys are
    /// looked for in them, in this order.
    #[must_use]
    pub fn parts(&self, key_paths: Vec<String>) -> Self {
        Self { parts: key_paths, ..self.clone() }
    }

    /// The key paths from whose values others lead; an empty one stands for the whole text.
    pub(super) fn starts(&self) -> impl Iterator<Item = &str> {
        let whole = self.parts.is_empty().then_some("");
        self.parts.iter().map(String::as_str).chain(whole)
    }
}

/// The text of these bytes, if the guard lets it pass.
fn checked(bytes: &[u8]) -> Result<&str, Fault> {
    guard::check_size(bytes)?;
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
    guard::check(text)?;
    Ok(text)
}

/// The fault of bytes that are text up to `offset` only.
fn not_utf8(bytes: &[u8], offset: usize) -> Fault {
    let good = String::from_utf8_lossy(&bytes[..offset]);
    let last = good.rsplit('\n').next().unwrap_or_default();
    let at = Position { line: good.matches('\n').count() + 1, column: last.chars().count() + 1 };
    let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let hint = if utf16 { "the file is UTF-16: save it as UTF-8" } else { "save the file as UTF-8" };
    Fault { at, message: format!("not UTF-8 text from byte {offset} on"), hint: Some(hint) }
}
