//! Everything that figures follow from.

use hlb_core::units::DeviceKind;
use hlb_data::arrays::ArrayShapes;
use hlb_machine::Machine;
use hlb_machine::price::Price;
use hlb_protocol::run_log::RunLog;
use hlb_recipe::Recipe;

/// Everything that figures follow from.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// Parsed run log of the session.
    pub log: &'a RunLog,
    /// The machine that the session ran on.
    pub machine: &'a Machine,
    /// The recipe that the session is about.
    pub recipe: &'a Recipe,
    /// The images that it was trained on.
    pub shapes: ArrayShapes,
    /// Price of an hour of the machine; `None` where unknown.
    pub price: Option<&'a Price>,
}

impl Basis<'_> {
    /// Whether a GPU trained.
    pub(super) fn is_on_gpu(&self) -> bool {
        self.log.trainer.as_ref().is_some_and(|trainer| trainer.device == DeviceKind::Cuda)
    }
}
