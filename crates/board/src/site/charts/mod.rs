//! What the drawings show: coordinates that a template writes down.

pub mod class_colors;
pub mod pareto;
pub mod plot;
pub mod race;
pub mod records;
pub mod runs;
pub mod sensors;
pub mod spread;
