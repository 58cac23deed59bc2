//! What all drawings share: a frame, scales and ticks, and labelled lines in it. Pure arithmetic.

mod axes;
mod lines;
mod scale;

pub(crate) use axes::{Axes, Frame};
pub(crate) use lines::{Curve, LineDrawing, extent, polyline};
pub(crate) use scale::{Scale, Tick};
