//! What others published before this board: a division of its own, never ranked with measured rows.

use serde::Serialize;

use crate::leaderboard::site::figure::{day, dollars, percentage};
use crate::leaderboard::site::published::published_seconds;
use crate::leaderboard::site::shell::Shell;
use crate::history::{self, History};
use crate::leaderboard::board::Board;

/// The page of all published boards.
#[derive(Debug, Serialize)]
pub(crate) struct ExternalPage {
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

impl ExternalPage {
    pub(crate) fn new(board: &Board) -> Self {
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
