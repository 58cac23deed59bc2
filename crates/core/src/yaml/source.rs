//! YAML text that may be read.

use crate::text;
use crate::yaml::error::{YamlError, not_utf8};
use crate::yaml::guard::{self, Fault};

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
        let refused = |fault: Fault| YamlError::Refused { name: name.clone(), at: fault.at, refusal: fault.refusal };
        guard::check_size(bytes).map_err(refused)?;
        let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(&name, bytes, error.valid_up_to()))?;
        guard::check(text).map_err(refused)?;
        Ok(Self { name, text: text.to_owned(), parts: Vec::new() })
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
