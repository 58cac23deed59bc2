//! The protocol of measurement: what is timed and in which order, the job of a trainer, and the
//! run log.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

pub mod determinism;
pub mod job;
pub mod protocol;
pub mod run_log;
pub mod trainer;
