//! The external results that a track is compared with, each in one line.

use serde::Serialize;

use crate::external::{self, ExternalResult, ExternalResults};
use crate::site::figure::percentage;
use hlb_data::track::Track;

/// An external result in one line, and the board that it is from.
#[derive(Debug, Serialize)]
pub(super) struct Published {
    /// Its seconds or its accuracy.
    figure: String,
    name: String,
    by: Option<String>,
    board: String,
    /// The figure as a number.
    #[serde(skip)]
    pub number: f64,
}

impl Published {
    fn new(board: &ExternalResults, row: &ExternalResult, number: f64, figure: String) -> Self {
        let by = row.authors.as_ref().map(ToString::to_string);
        Self { figure, name: row.name.to_string(), by, board: board.id.to_string(), number }
    }

    /// In one line.
    pub(super) fn words(&self) -> String {
        let by = self.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        format!("external result: {}, {}{by}", self.figure, self.name)
    }

    /// The fastest external result to a track's target: not a row of the track, but a line to compare it with.
    pub(super) fn fastest(track: &Track) -> Option<Self> {
        let timed = |row: &ExternalResult| row.seconds.map(|seconds| (seconds, published_seconds(row, seconds)));
        let lines = Self::lines(track, Some(track.target.percent()), timed);
        lines.into_iter().min_by(|one, other| one.number.total_cmp(&other.number))
    }

    /// The highest external accuracy on a track's data set, whatever it took. A board with a target is about seconds, and
    /// its accuracies are hardly over the target.
    pub(super) fn highest(track: &Track) -> Option<Self> {
        let accurate = |row: &ExternalResult| row.accuracy_percent.map(|percent| (percent, percentage(percent)));
        let lines = Self::lines(track, None, accurate);
        lines.into_iter().max_by(|one, other| one.number.total_cmp(&other.number))
    }

    /// The rows of a track's boards with this target that have the figure.
    fn lines(
        track: &Track,
        target: Option<f64>,
        figure: impl Fn(&ExternalResult) -> Option<(f64, String)>,
    ) -> Vec<Self> {
        let is_of = |board: &ExternalResults| board.track.as_ref().is_some_and(|own| own.as_str() == track.id);
        let boards = external::shipped();
        let of_track = boards.iter().filter(|board| is_of(board) && board.target_percent == target);
        let rows = of_track.flat_map(|board| board.rows.iter().map(move |row| (board, row)));
        rows.filter_map(|(board, row)| figure(row).map(|(number, text)| Self::new(board, row, number, text))).collect()
    }
}

/// Seconds as they were published, with what stood before them: nothing is rounded here.
pub(super) fn published_seconds(row: &ExternalResult, seconds: f64) -> String {
    let sign = row.qualifier.map_or_else(String::new, |qualifier| format!("{} ", qualifier.sign()));
    let end = row.seconds_up_to.map_or_else(String::new, |end| format!(" – {end}"));
    format!("{sign}{seconds}{end} s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hlb_data::track;

    #[test]
    fn the_fastest_published_is_of_the_same_task() {
        let fastest = |id| Published::fastest(&track::by_id(id).expect("shipped"));
        let found = fastest("cifar10").expect("published");
        assert_eq!((found.figure.as_str(), found.board.as_str()), ("1.828 s", "fulcrum"));
        assert!(fastest("shapes").is_none(), "nobody else has it");
        assert!(fastest("imagenette-128").is_none(), "published without seconds");
    }

    #[test]
    fn the_highest_accuracy_is_of_a_board_without_a_target() {
        let highest = |id| Published::highest(&track::by_id(id).expect("shipped"));
        let found = highest("cifar10").expect("published");
        assert_eq!((found.figure.as_str(), found.name.as_str()), ("99.50 %", "ViT-H/14"));
        assert_eq!(highest("imagenette-128").expect("published").figure, "94.24 %");
        assert!(highest("shapes").is_none(), "nobody else has it");
    }
}
