//! What every other crate is written in: text, units, seeds, clocks, files, YAML, lines of JSON, statistics, errors
//! with hints, and the thresholds of the rules.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

pub mod artifact;
pub mod bounded;
pub mod clock;
pub mod folders;
pub mod hint;
pub mod json;
pub mod rules;
pub mod seed;
pub mod stats;
pub mod text;
pub mod tree;
pub mod units;
pub mod version;
pub mod yaml;
