//! Values of a type from YAML text.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::yaml::emit::emit_unread;
use crate::yaml::error::YamlError;
use crate::yaml::position::Position;
use crate::yaml::source::Source;
use crate::yaml::unfit::unfit;
use crate::yaml::{outline, plain};

impl Source {
    /// Fills a type. `T` and all types in it should deny unknown fields: the guard cannot know them.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, YamlError> {
        let reader = serde_yaml::Deserializer::from_str(self.text());
        serde_path_to_error::deserialize(reader).map_err(|error| {
            let own = error.inner().location();
            let own = own.map(|place| Position { line: place.line().max(1), column: place.column().max(1) });
            unfit(self, error.path(), &error.inner().to_string(), own)
        })
    }

    /// Fills a type from a tree that this text is a part of, such as an overlay on other settings.
    ///
    /// Errors name the place in this text if the key stands in it.
    pub fn fill<T: DeserializeOwned>(&self, tree: serde_json::Value) -> Result<T, YamlError> {
        serde_path_to_error::deserialize(tree)
            .map_err(|error| unfit(self, error.path(), &error.inner().to_string(), None))
    }

    /// Where the value under a key path such as `optimizer.weights.lr` stands in this text.
    pub fn locate(&self, key_path: &str) -> Option<Position> {
        outline::locate_key(self, key_path)
    }

    /// The error for a value that breaks a rule which its type does not know, where the value begins. Its key path is
    /// such as `prices[1]`; the message is fit to be shown.
    pub fn unfit(&self, key_path: String, message: String) -> YamlError {
        let at = self.parts(vec![key_path.clone()]).locate("").unwrap_or(Position::START);
        YamlError::Unreadable { name: self.name().to_owned(), at, key_path, message, hint: None }
    }
}

/// Reads a value from YAML bytes: encoding, guard, types. See [`Source::new`] and [`Source::parse`].
pub fn parse<T: DeserializeOwned>(bytes: &[u8], shown_name: &str) -> Result<T, YamlError> {
    Source::new(bytes, shown_name)?.parse()
}

/// Reads a value from bytes that have to be exactly what [`emit`](fn@crate::yaml::emit) writes for it; `None` if they mean a value and are not.
///
/// The same as [`parse`] and [`is_canonical`], and much faster where the answer is yes.
pub fn parse_canonical<T: DeserializeOwned + Serialize>(
    bytes: &[u8],
    shown_name: &str,
) -> Result<Option<T>, YamlError> {
    let written = |value: T| is_canonical(bytes, &value).then_some(value);
    let plain = std::str::from_utf8(bytes).ok().filter(|text| plain::is_plain(text));
    let read = plain.and_then(|text| serde_yaml::from_str(text).ok()).and_then(written);
    // The general reader explains what is wrong.
    if read.is_some() { Ok(read) } else { Ok(written(parse(bytes, shown_name)?)) }
}

/// Whether the bytes are exactly what [`emit`](fn@crate::yaml::emit) writes for the value that was read from them with [`parse`].
///
/// A file for which this is false was edited or written by something else, even if it means the same.
pub fn is_canonical<T: Serialize>(bytes: &[u8], value: &T) -> bool {
    emit_unread(value).is_ok_and(|text| text.as_bytes() == bytes)
}
