//! Whole-program tests and tests of the library's promises, in one program: each more would cost a link.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests fail by panicking, say aloud what they skip, break files on purpose and measure how long a command takes"
)]

mod board;
mod cli;
mod data;
mod repository;
mod signing;
mod snapshots;
mod support;
