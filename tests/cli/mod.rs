//! Commands as a user types them, from training to files for other programs.

mod announced;
mod commands;
mod compare;
mod dawnbench;
mod doctor;
mod export;
mod gpu;
mod nvml;
mod power;
mod preloaded;
mod pretended_gpu;
mod recipes;
mod reproduce;
mod resume;
mod session;
mod starved;
mod study;
mod submit;
mod telemetry;
mod trainer;
mod unfiled;
