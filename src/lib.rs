//! hlb-bench: how long, and at what cost, a training recipe takes to reach an accuracy on given hardware.
//!
//! Data flows one way:
//!
//! ```text
//! track + variant -> recipe -> data set -> trainer --\
//!                   hardware, prices ------------------> session -> events -> result -> signature -> leaderboard
//! ```
//!
//! Rules that `tests/it/architecture.rs` keeps: libtorch (`tch`) is named in `torch/` only, which is no part
//! of this library: the program `hlb-bench-trainer` and its tests include it, so that nothing else can link it; each library that touches the world has one owner (YAML in [`yaml`], SSH keys in
//! [`signing`], sensors in [`hardware`], templates in [`leaderboard`]); only [`clock`] reads a clock; the
//! [`session`] prints nothing; the leaderboard reads files and nothing else.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

pub mod arrays;
mod args;
pub mod artifact;
pub mod clock;
pub mod command;
pub mod dataset;
pub mod folders;
pub mod ground;
pub mod hardware;
pub mod hint;
pub mod history;
pub mod interop;
pub mod job;
pub mod leaderboard;
pub mod peak;
pub mod price;
pub mod protocol;
pub mod recipe;
pub mod repeat;
pub mod result;
pub mod rules;
pub mod run_log;
pub mod schedule;
mod schema;
pub mod seed;
pub mod session;
pub mod signing;
pub mod stats;
pub mod study;
mod terminal;
pub mod text;
pub mod track;
pub mod trainer;
pub mod tree;
pub mod units;
pub mod variant;
pub mod work;
pub mod yaml;
