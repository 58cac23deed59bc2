//! The protocol of measurement: what is timed and in which order, what a trainer is told, and the
//! run log.

pub mod determinism;
pub mod job;
pub mod protocol;
pub mod run_log;
pub mod trainer;
