//! What the drawings show: coordinates that a template writes down.

pub(crate) mod class_colors;
pub(crate) mod pareto;
pub(crate) mod plot;
pub(crate) mod race;
pub(crate) mod records;
pub(crate) mod runs;
pub(crate) mod sensors;
pub(crate) mod spread;
