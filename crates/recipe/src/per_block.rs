//! A setting of the blocks: one value for all of them, or a list of one for each.

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::range::{Checked, refuse, refuse_if};

/// One value for all blocks, or a list of one for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum PerBlock<T> {
    /// The same for all.
    All(T),
    /// One for each, in their order.
    Each(Vec<T>),
}

impl<T: Copy + PartialEq> PerBlock<T> {
    /// The value of a block, counted from 0.
    pub fn of(&self, block: usize) -> T {
        match self {
            Self::All(value) => *value,
            Self::Each(values) => values[block],
        }
    }

    /// The key path of a block's value.
    pub(crate) fn path(&self, path: &str, block: usize) -> String {
        match self {
            Self::All(_) => path.to_owned(),
            Self::Each(_) => format!("{path}[{block}]"),
        }
    }

    /// Refuses a list that does not fit `blocks` blocks, and one that says what a single value says: settings have one text.
    pub(crate) fn check_list(&self, path: &str, blocks: usize) -> Checked {
        let Self::Each(values) = self else { return Ok(()) };
        if values.len() != blocks {
            let problem = format!("lists {} values for {blocks} blocks", values.len());
            return refuse(&[path, "blocks.widths"], &problem);
        }
        let same = values.iter().all(|value| *value == values[0]);
        refuse_if(same, &[path], "lists one value for every block; write it alone, without a list")
    }
}

impl<T: Default> Default for PerBlock<T> {
    fn default() -> Self {
        Self::All(T::default())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for PerBlock<T> {
    /// Not derived, since "did not match any variant" would be the error for every mistake.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let list = value.is_array();
        let read = if list {
            serde_json::from_value(value).map(Self::Each)
        } else {
            serde_json::from_value(value).map(Self::All)
        };
        read.map_err(D::Error::custom)
    }
}
