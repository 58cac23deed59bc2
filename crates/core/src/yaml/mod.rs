//! Reading and writing YAML. No other module uses the YAML crates.
//!
//! Reading: [`bounded`](crate::bounded) takes the bytes of a file. The guard refuses text that would cost more
//! time or memory than its size, or that two readers would read differently. Then the YAML crate fills a type. Writing:
//! [`emit`] gives one fixed text for a value, which [`parse`] and other readers (`PyYAML` is tested) read as that value.
//!
//! Aliases and tags are refused, and an error quotes at most one line of the file.

mod emit;
mod error;
mod guard;
mod outline;
mod parse;
mod plain;
mod position;
mod source;
mod unfit;

pub use emit::{emit, emit_unread};
pub use error::YamlError;
pub use parse::{is_canonical, parse, parse_canonical};
pub use position::Position;
pub use source::Source;

#[cfg(test)]
mod tests;
