pub mod run_log;
pub mod job;
pub mod determinism;
pub mod trainer;
pub mod protocol;
