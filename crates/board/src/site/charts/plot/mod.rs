//! What all drawings share: a frame, scales and ticks, and labeled lines in it. Pure arithmetic.

mod axes;
mod lines;
mod scale;

pub(crate) use axes::Axes;
pub use axes::Frame;
pub use lines::{Curve, LineDrawing, extent, polyline};
pub use scale::{Scale, Tick};
