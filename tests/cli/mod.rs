//! Commands as a user types them, from training to files for other programs.

mod commands;
mod compare;
mod dawnbench;
mod export;
mod nvml;
mod power;
mod recipes;
mod reproduce;
mod resume;
mod session;
mod starved;
mod study;
#[cfg(feature = "torch")]
mod submit;
mod telemetry;
#[cfg(feature = "torch")]
mod trainer;
