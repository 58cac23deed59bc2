//! One color for each hardware class of a track, the same in all of its drawings.

use crate::board::RankedTrack;

/// Colors that the style sheet has.
const COLORS: usize = 8;

/// The hardware classes of a track's ranked rows, in the order of the board.
#[derive(Debug)]
pub(crate) struct ClassColors<'a>(Vec<&'a str>);

impl<'a> ClassColors<'a> {
    pub(crate) fn new(track: &'a RankedTrack) -> Self {
        let ranked = track.rows.iter().filter(|row| row.rank.is_some());
        let mut classes: Vec<&str> = ranked.map(|row| row.class.as_str()).collect();
        classes.dedup();
        Self(classes)
    }

    /// The color of a class, from 1.
    pub(crate) fn color(&self, class: &str) -> usize {
        self.place(class) % COLORS + 1
    }

    /// The dash pattern that distinguishes lines of one color, from 0.
    pub(crate) fn pattern(&self, class: &str) -> usize {
        self.place(class) / COLORS
    }

    /// Where a class stands on the board, from 0.
    pub(crate) fn place(&self, class: &str) -> usize {
        self.0.iter().position(|known| *known == class).unwrap_or(0)
    }
}
