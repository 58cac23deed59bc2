//! A track with its tables and drawings: a section of the front page, and a page of its own.

use serde::Serialize;

use crate::board::{Board, RankedTrack, Row};
use crate::site::charts::pareto::{self, ParetoChart};
use crate::site::charts::plot::LineDrawing;
use crate::site::charts::race;
use crate::site::charts::records::{self, RecordChart};
use crate::site::figure::counted;
use crate::site::pages::rows::GroupView;
use crate::site::pages::track_facts::TrackFacts;
use crate::site::published::Published;
use crate::site::shell::Shell;

/// A track, its tables and its drawings.
#[derive(Debug, Serialize)]
pub(crate) struct TrackView<'a> {
    facts: TrackFacts,
    /// One for each hardware class.
    ranked: Vec<GroupView<'a>>,
    /// One without a class, or none.
    unranked: Vec<GroupView<'a>>,
    /// Hardware classes to filter by.
    classes: Vec<&'a str>,
    /// How many entries, as text.
    count: String,
    /// Entries that are left out here.
    left_out: usize,
    /// Whether there are two entries to compare.
    comparable: bool,
    race: Option<LineDrawing>,
    pareto: Option<ParetoChart>,
    records: Option<RecordChart>,
}

/// The page of a track.
#[derive(Debug, Serialize)]
pub(crate) struct TrackPage<'a> {
    shell: Shell,
    track: TrackView<'a>,
    /// The fastest external result of the same task.
    published: Option<Published>,
}

impl<'a> TrackPage<'a> {
    pub(crate) fn new(board: &Board, track: &'a RankedTrack) -> Self {
        Self {
            shell: Shell::new(board, 2),
            track: TrackView::new(track, usize::MAX),
            published: Published::fastest(&track.track),
        }
    }
}

impl<'a> TrackView<'a> {
    /// With so many rows of each hardware class at most, the fastest, and so many unranked ones, the newest.
    pub(crate) fn new(track: &'a RankedTrack, most: usize) -> Self {
        let (ranked, unranked): (Vec<&'a Row>, Vec<&'a Row>) = track.rows.iter().partition(|row| row.rank.is_some());
        let of_class: Vec<&[&'a Row]> = ranked.chunk_by(|above, below| above.class == below.class).collect();
        let fastest = |rows: &&[&'a Row]| rows.len().min(most);
        let newest = &unranked[unranked.len().saturating_sub(most)..];
        let left_out = track.rows.len() - of_class.iter().map(fastest).sum::<usize>() - newest.len();
        let group = |rows: &&[&'a Row]| {
            GroupView::new(rows.first().map(|row| row.class.as_str()), &rows[..fastest(rows)], rows.len())
        };
        let shown = of_class.iter().flat_map(|rows| &rows[..fastest(rows)]).chain(newest);
        let mut classes: Vec<&str> = shown.map(|row| row.class.as_str()).collect();
        classes.sort_unstable();
        classes.dedup();
        Self {
            facts: TrackFacts::new(&track.track),
            ranked: of_class.iter().map(group).collect(),
            unranked: (!newest.is_empty()).then(|| GroupView::new(None, newest, unranked.len())).into_iter().collect(),
            classes,
            count: counted(u32::try_from(track.rows.len()).unwrap_or(u32::MAX), "entry", "entries"),
            left_out,
            comparable: track.rows.len() > 1,
            race: race::draw(track),
            pareto: pareto::draw(track),
            records: records::draw(track),
        }
    }
}
