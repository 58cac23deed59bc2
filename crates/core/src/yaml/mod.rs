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
mod parse;
mod plain;
mod position;
mod read;
mod source;
mod unfit;

pub use emit::{emit, emit_unread};
pub use error::YamlError;
pub use guard::Refusal;
pub use parse::{is_canonical, parse, parse_canonical};
pub use position::Position;
pub use read::{ByteCap, RESULT_CAP, ReadError, VARIANT_CAP, read};
pub use source::Source;

#[cfg(test)]
mod tests;
