//! Labeled lines in a frame.

use serde::Serialize;

use crate::site::charts::plot::axes::{Axes, Frame};
use crate::site::charts::plot::scale::Scale;

/// Colors and patterns of lines that the style sheet has.
const COLORS: usize = 8;
const PATTERNS: usize = 4;

/// A labeled curve in its own units.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What the legend calls it.
    pub label: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A drawing of labeled lines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineDrawing {
    pub(crate) axes: Axes,
    /// Height of the target line.
    target: Option<f64>,
    /// The lines, in the order of their curves.
    pub lines: Vec<Line>,
}

/// A line with its look.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// What the legend calls it.
    pub label: String,
    color: usize,
    pattern: usize,
    /// `x,y` pairs of a polyline.
    points: String,
}

impl LineDrawing {
    /// Draws the curves that have points.
    pub fn new(
        frame: Frame,
        curves: &[Curve],
        (x, x_title): (&Scale, &str),
        (y, y_title): (&Scale, &str),
        target: Option<f64>,
    ) -> Self {
        let line = |(index, curve): (usize, &Curve)| Line {
            label: curve.label.clone(),
            color: index % COLORS + 1,
            pattern: index / COLORS % PATTERNS,
            points: polyline(curve.points.iter().map(|(across, up)| (x.at(*across), y.at(*up)))),
        };
        Self {
            axes: Axes::new(frame, (x, x_title), (y, y_title)),
            target: target.map(|target| y.at(target)),
            lines: curves.iter().enumerate().filter(|(_, curve)| !curve.points.is_empty()).map(line).collect(),
        }
    }
}

/// `x,y` pairs of a polyline.
pub fn polyline(points: impl Iterator<Item = (f64, f64)>) -> String {
    points.map(|(x, y)| format!("{x},{y}")).collect::<Vec<_>>().join(" ")
}

/// The lowest and the highest value.
pub fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |found, value| {
        Some(found.map_or((value, value), |(low, high): (f64, f64)| (low.min(value), high.max(value))))
    })
}
