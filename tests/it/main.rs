//! Whole-program tests and tests of the library's promises, in one program: each more would cost a link.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests fail by panicking, say aloud what they skip, break files on purpose and measure how long a command takes"
)]

mod architecture;
mod archive;
mod board;
mod browser;
mod commands;
mod compare;
mod context;
mod datasets;
mod dawnbench;
mod download;
mod entry;
mod export;
mod feeds;
mod fetch;
mod fixture;
mod guides;
mod history;
mod hostile_words;
mod hostile_yaml;
mod nvml;
mod pictures;
mod plausible;
mod policy;
mod power;
mod proposal;
mod recipes;
mod repository;
mod reproduce;
mod resume;
mod runner;
mod schema;
mod server;
mod session;
mod signing;
mod simulated;
mod site;
mod sources;
mod starved;
mod study;
#[cfg(feature = "torch")]
mod submit;
mod telemetry;
#[cfg(feature = "torch")]
mod trainer;
mod withdrawn;
mod workflows;
