//! The fastest external result of a track's task, in one line.

use serde::Serialize;

use crate::external;
use hlb_data::track::Track;

/// An external result in one line, and the board that it is from.
#[derive(Debug, Serialize)]
pub(super) struct Published {
    seconds: String,
    name: String,
    by: Option<String>,
    board: String,
    /// The seconds as a number.
    #[serde(skip)]
    pub number: f64,
}

impl Published {
    /// In one line.
    pub(super) fn words(&self) -> String {
        let by = self.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        format!("external result: {}, {}{by}", self.seconds, self.name)
    }

    /// The fastest external result to a track's target: not a row of the track, but a line to compare it with.
    pub(super) fn fastest(track: &Track) -> Option<Self> {
        let boards = external::shipped();
        let same = |board: &&external::ExternalResults| {
            let target = Some(track.target.percent());
            board.track.as_ref().is_some_and(|own| own.as_str() == track.id) && board.target_percent == target
        };
        let rows = boards.iter().filter(same).flat_map(|board| board.rows.iter().map(move |row| (board, row)));
        let timed = rows.filter_map(|(board, row)| row.seconds.map(|seconds| (seconds, board, row)));
        let (seconds, board, row) = timed.min_by(|one, other| one.0.total_cmp(&other.0))?;
        Some(Self {
            seconds: published_seconds(row, seconds),
            name: row.name.to_string(),
            by: row.authors.as_ref().map(ToString::to_string),
            board: board.id.to_string(),
            number: seconds,
        })
    }
}

/// Seconds as they were published, with what stood before them: nothing is rounded here.
pub(super) fn published_seconds(row: &external::ExternalResult, seconds: f64) -> String {
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
        assert_eq!((found.seconds.as_str(), found.board.as_str()), ("1.828 s", "fulcrum"));
        assert!(fastest("shapes").is_none(), "nobody else has it");
        assert!(fastest("imagenette-128").is_none(), "published without seconds");
    }
}
