//! What others published before this board: a division of its own, never ranked with measured rows.

use serde::Serialize;

use super::figure::{day, dollars, percentage};
use super::shell::Shell;
use crate::history::{self, History};
use crate::leaderboard::board::Board;
use crate::track::Track;

/// The page of all published boards.
#[derive(Debug, Serialize)]
pub(super) struct HistoryPage {
    shell: Shell,
    boards: Vec<BoardView>,
}

/// A published board.
#[derive(Debug, Serialize)]
struct BoardView {
    id: String,
    title: String,
    about: String,
    source: String,
    target: Option<String>,
    /// Track of ours that has the same task.
    track: Option<String>,
    /// Which columns any row has something to say in.
    columns: Columns,
    rows: Vec<RowView>,
}

#[derive(Debug, Default, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "one for each column")]
struct Columns {
    date: bool,
    authors: bool,
    seconds: bool,
    accuracy: bool,
    epochs: bool,
    cost: bool,
    hardware: bool,
    runs: bool,
}

/// A published result, in words; what the source does not say is `None`.
#[derive(Debug, Serialize)]
struct RowView {
    date: Option<String>,
    name: String,
    authors: Option<String>,
    seconds: Option<String>,
    accuracy: Option<String>,
    epochs: Option<u32>,
    cost: Option<String>,
    hardware: Option<String>,
    runs: Option<u32>,
    source: String,
    note: Option<String>,
    irregularities: Vec<String>,
}

/// A published result in one line, and the board that it is on.
#[derive(Debug, Serialize)]
pub(super) struct Published {
    seconds: String,
    name: String,
    by: Option<String>,
    board: String,
    #[serde(skip)]
    number: f64,
}

impl Published {
    /// Its seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.number
    }

    /// In one line.
    pub(super) fn words(&self) -> String {
        let by = self.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
        format!("published elsewhere: {}, {}{by}", self.seconds, self.name)
    }

    /// The fastest to a track's target that others published: no row of the track, but a line to hold it against.
    pub(super) fn fastest(track: &Track) -> Option<Self> {
        let boards = history::shipped();
        let same = |board: &&History| {
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

impl HistoryPage {
    pub(super) fn new(board: &Board) -> Self {
        Self { shell: Shell::new(board, 0), boards: history::shipped().iter().map(BoardView::new).collect() }
    }
}

impl BoardView {
    fn new(history: &History) -> Self {
        let rows: Vec<RowView> = history.rows.iter().map(RowView::new).collect();
        let any = |has: &dyn Fn(&RowView) -> bool| rows.iter().any(has);
        Self {
            id: history.id.to_string(),
            title: history.title.to_string(),
            about: history.about.to_string(),
            source: history.source.to_string(),
            target: history.target_percent.map(percentage),
            track: history.track.as_ref().map(ToString::to_string),
            columns: Columns {
                date: any(&|row| row.date.is_some()),
                authors: any(&|row| row.authors.is_some()),
                seconds: any(&|row| row.seconds.is_some()),
                accuracy: any(&|row| row.accuracy.is_some()),
                epochs: any(&|row| row.epochs.is_some()),
                cost: any(&|row| row.cost.is_some()),
                hardware: any(&|row| row.hardware.is_some()),
                runs: any(&|row| row.runs.is_some()),
            },
            rows,
        }
    }
}

impl RowView {
    fn new(row: &history::Row) -> Self {
        let words = |text: Option<&dyn ToString>| text.map(ToString::to_string);
        Self {
            date: row.date.as_ref().map(|date| day(date.as_str())),
            name: row.name.to_string(),
            authors: words(row.authors.as_ref().map(|it| it as &dyn ToString)),
            seconds: row.seconds.map(|seconds| published_seconds(row, seconds)),
            accuracy: row.accuracy_percent.map(percentage),
            epochs: row.epochs,
            cost: row.usd.map(dollars),
            hardware: words(row.hardware.as_ref().map(|it| it as &dyn ToString)),
            runs: row.runs,
            source: row.source.to_string(),
            note: words(row.note.as_ref().map(|it| it as &dyn ToString)),
            irregularities: row.irregularities.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Seconds as they were published, with what stood before them: nothing is rounded here.
fn published_seconds(row: &history::Row, seconds: f64) -> String {
    let sign = row.qualifier.map_or_else(String::new, |qualifier| format!("{} ", qualifier.sign()));
    let end = row.seconds_up_to.map_or_else(String::new, |end| format!(" – {end}"));
    format!("{sign}{seconds}{end} s")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track;

    #[test]
    fn the_fastest_published_is_of_the_same_task() {
        let fastest = |id| Published::fastest(&track::by_id(id).expect("shipped"));
        let found = fastest("cifar10").expect("published");
        assert_eq!((found.seconds.as_str(), found.board.as_str()), ("2.015 s", "hiverge"));
        assert!(fastest("shapes").is_none(), "nobody else has it");
        assert!(fastest("imagenette-128").is_none(), "published without seconds");
    }
}
