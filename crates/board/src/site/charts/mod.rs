//! What the drawings show: coordinates that a template writes down.

pub(crate) mod class_colors;
pub(crate) mod pareto;
pub mod plot;
pub(super) mod race;
pub(super) mod records;
pub(super) mod runs;
pub(super) mod sensors;
pub(super) mod spread;
