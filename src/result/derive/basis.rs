//! Everything that figures follow from.

use crate::arrays::ArrayShapes;
use crate::hardware::Machine;
use crate::price::Price;
use crate::recipe::Recipe;
use crate::run_log::RunLog;

/// Everything that figures follow from.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// The run log.
    pub log: &'a RunLog,
    /// The machine that the session ran on.
    pub machine: &'a Machine,
    /// The recipe that the session is about.
    pub recipe: &'a Recipe,
    /// The images that it was trained on.
    pub shapes: ArrayShapes,
    /// Price of the machine.
    pub price: Option<&'a Price>,
}
