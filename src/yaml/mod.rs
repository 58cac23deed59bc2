//! YAML in and out: the one owner of the YAML crates.
//!
//! Reading: [`read`] takes a bounded number of bytes from a regular file, the guard refuses whatever costs more than
//! its size or that two readers would read differently, and only then does the YAML crate fill a type. Writing:
//! [`emit`] gives one fixed text for a value, which [`parse`] and other readers (`PyYAML` is tested) read as that value.
//!
//! This module never keeps untyped YAML, never follows an alias or a tag, never signs or re-writes a file, and never
//! lets an error repeat more than a line of what a stranger wrote.

mod emit;
mod error;
mod guard;
mod outline;
mod plain;
mod read;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::text;

pub use emit::{emit, emit_unread};
pub use error::{Position, YamlError};
pub use guard::Refusal;
pub use read::{ByteCap, RESULT_CAP, ReadError, VARIANT_CAP, read};

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
        let refused =
            |fault: guard::Fault| YamlError::Refused { name: name.clone(), at: fault.at, refusal: fault.refusal };
        guard::check_size(bytes).map_err(refused)?;
        let text = std::str::from_utf8(bytes).map_err(|error| error::not_utf8(&name, bytes, error.valid_up_to()))?;
        guard::check(text).map_err(refused)?;
        let text = text.to_owned();
        Ok(Self { name, text, parts: Vec::new() })
    }

    /// The name in messages, fit to be shown.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, byte for byte.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Fills a type. `T` and all types in it should deny unknown fields: the guard cannot know them.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, YamlError> {
        let reader = serde_yaml::Deserializer::from_str(&self.text);
        serde_path_to_error::deserialize(reader).map_err(|error| {
            let own = error.inner().location();
            let own = own.map(|place| Position::new(place.line().max(1), place.column().max(1)));
            error::unfit(self, error.path(), &error.inner().to_string(), own)
        })
    }

    /// Fills a type from a tree that this text is a part of, such as an overlay on other settings.
    ///
    /// Errors name the place in this text if the key stands in it.
    pub fn fill<T: DeserializeOwned>(&self, tree: serde_json::Value) -> Result<T, YamlError> {
        serde_path_to_error::deserialize(tree)
            .map_err(|error| error::unfit(self, error.path(), &error.inner().to_string(), None))
    }

    /// The same text, of which only the values under these key paths count, such as `variants[1].changes`: the places of keys are
    /// looked for in them, in this order.
    #[must_use]
    pub fn parts(&self, key_paths: Vec<String>) -> Self {
        Self { parts: key_paths, ..self.clone() }
    }

    /// Where the value under a key path such as `optimizer.weights.lr` stands in this text.
    pub fn locate(&self, key_path: &str) -> Option<Position> {
        outline::locate_key(self, key_path)
    }

    /// The key paths from whose values others lead; an empty one stands for the whole text.
    fn starts(&self) -> impl Iterator<Item = &str> {
        let whole = self.parts.is_empty().then_some("");
        self.parts.iter().map(String::as_str).chain(whole)
    }
}

/// Reads a value from YAML bytes: encoding, guard, types. See [`Source::new`] and [`Source::parse`].
pub fn parse<T: DeserializeOwned>(bytes: &[u8], shown_name: &str) -> Result<T, YamlError> {
    Source::new(bytes, shown_name)?.parse()
}

/// Reads a value from bytes that have to be exactly what [`emit`] writes for it; `None` if they mean a value and are not.
///
/// The same as [`parse`] and [`is_canonical`], and much faster where the answer is yes.
pub fn parse_canonical<T: DeserializeOwned + Serialize>(
    bytes: &[u8],
    shown_name: &str,
) -> Result<Option<T>, YamlError> {
    let written = |value: T| is_canonical(bytes, &value).then_some(value);
    let plain = std::str::from_utf8(bytes).ok().filter(|text| plain::is_plain(text));
    let read = plain.and_then(|text| serde_yaml::from_str(text).ok()).and_then(written);
    // Whatever is wrong is said by the reader of everybody's files.
    if read.is_some() { Ok(read) } else { Ok(written(parse(bytes, shown_name)?)) }
}

/// Whether the bytes are exactly what [`emit`] writes for the value that was read from them with [`parse`].
///
/// A file for which this is false was edited or written by something else, even if it means the same.
pub fn is_canonical<T: Serialize>(bytes: &[u8], value: &T) -> bool {
    emit_unread(value).is_ok_and(|text| text.as_bytes() == bytes)
}

#[cfg(test)]
mod tests;
