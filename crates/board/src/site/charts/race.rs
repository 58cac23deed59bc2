//! Accuracy over time of a few rows of a track: the reference and the fastest.

use crate::board::{RankedTrack, Row};
use crate::site::charts::plot::{Curve, Frame, LineDrawing, Scale, extent};
use crate::site::figure::foreign;
use hlb_core::artifact::Sha256Hex;
use hlb_recipe::variant;

const FRAME: Frame = Frame::SMALL;

/// Most rows that are drawn, the reference among them.
const MOST_ROWS: usize = 6;

/// The curves of the median runs; `None` where nothing is ranked. Only rows of the class that the fastest row is of are drawn:
/// seconds compare on equal hardware only.
pub(crate) fn draw(track: &RankedTrack) -> Option<LineDrawing> {
    let reference = variant::shipped(&track.track.reference).map(|reference| variant::digest(&reference));
    let curves: Vec<Curve> = chosen(track, reference).into_iter().map(|row| curve(row, reference)).collect();
    let points = || curves.iter().flat_map(|curve| curve.points.iter().copied());
    let target = track.track.target.percent();
    let (low, high) = extent(points().map(|(_, percent)| percent))?;
    let (_, end) = extent(points().map(|(seconds, _)| seconds))?;
    let y = Scale::around(low.min(target), high.max(target), 6, FRAME.bottom, FRAME.top).capped(100.0);
    let x = Scale::exact(0.0, end, 6, FRAME.left, FRAME.right);
    let titles = ("training time in seconds", "accuracy in percent");
    Some(LineDrawing::new(FRAME, &curves, (&x, titles.0), (&y, titles.1), Some(target)))
}

/// The fastest rows of the first class, and the reference if it stands further below.
fn chosen(track: &RankedTrack, reference: Option<Sha256Hex>) -> Vec<&Row> {
    let first = track.rows.iter().find(|row| row.rank.is_some());
    let of_class = |row: &&Row| row.rank.is_some() && first.is_some_and(|first| first.class == row.class);
    let ranked: Vec<&Row> = track.rows.iter().filter(of_class).collect();
    let mut found: Vec<&Row> = ranked.iter().copied().take(MOST_ROWS).collect();
    if !found.iter().any(|row| is(row, reference))
        && let Some(row) = ranked.iter().find(|row| is(row, reference))
    {
        found.pop();
        found.push(row);
    }
    found
}

/// Whether the row's recipe is this one, to the last key.
fn is(row: &Row, recipe: Option<Sha256Hex>) -> bool {
    recipe == Some(row.entry.result.variant.recipe_sha256)
}

fn curve(row: &Row, reference: Option<Sha256Hex>) -> Curve {
    let name = foreign(row.entry.result.variant.name.as_str());
    let label = if is(row, reference) { format!("{name} (reference)") } else { name };
    Curve { label, points: row.median_curve.clone() }
}
