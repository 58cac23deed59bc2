//! The frame of a drawing, and what stands along its edges.

use serde::Serialize;

use crate::site::charts::plot::scale::{Scale, Tick};

/// Size of a drawing and the edges of the field inside it, in units of its view box.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Frame {
    width: f64,
    height: f64,
    /// Where values begin from left to right.
    pub left: f64,
    /// Where they end.
    pub right: f64,
    /// Where values end from the bottom upwards.
    pub top: f64,
    /// Where they begin.
    pub bottom: f64,
}

impl Frame {
    /// A drawing that a page is read for.
    pub const WIDE: Self = Self { width: 720.0, height: 360.0, left: 62.0, right: 700.0, top: 18.0, bottom: 308.0 };

    /// One of several that stand side by side.
    pub const SMALL: Self = Self { width: 480.0, height: 300.0, left: 58.0, right: 464.0, top: 18.0, bottom: 248.0 };

    /// A reading of a sensor.
    pub(crate) const SENSOR: Self =
        Self { width: 480.0, height: 196.0, left: 50.0, right: 468.0, top: 14.0, bottom: 152.0 };

    /// Rows of marks along one axis.
    pub(crate) const ROWS: Self =
        Self { width: 480.0, height: 140.0, left: 78.0, right: 464.0, top: 12.0, bottom: 88.0 };
}

/// The frame, its ticks and titles.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Axes {
    #[serde(flatten)]
    frame: Frame,
    x_title: String,
    y_title: String,
    /// Marks along the bottom.
    pub(crate) x_ticks: Vec<Tick>,
    /// Marks along the left.
    pub(crate) y_ticks: Vec<Tick>,
}

impl Axes {
    /// Axes with the ticks of two scales.
    pub(crate) fn new(frame: Frame, (x, x_title): (&Scale, &str), (y, y_title): (&Scale, &str)) -> Self {
        Self { frame, x_title: x_title.to_owned(), y_title: y_title.to_owned(), x_ticks: x.ticks(), y_ticks: y.ticks() }
    }
}
