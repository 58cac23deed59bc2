//! What other programs write and read: entries of DAWNBench in, entries of ours out.
//!
//! | file | noun |
//! |---|---|
//! | `dawnbench` | entries of DAWNBench, read and written |
//! | `choice` | the run of an entry that stands for it where a format takes one |
//! | `file` | a file of an export |
//! | `start` | calendar time of what the run log stamps in seconds |
//! | `mllog` | one run as a log in the form of MLPerf |
//! | `tensorboard` | the curves of all runs as event files |
//! | `table` | all evaluations as comma-separated values |
//! | `document` | everything as JSON |
//!
//! Nothing here prints, ranks or signs. An export can no longer be verified.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

mod choice;
pub mod dawnbench;
pub mod document;
mod file;
pub mod mllog;
mod start;
pub mod table;
pub mod tensorboard;

pub use choice::chosen;
pub use file::ExportedFile;
