//! The board: every track with its entries in their order, and what was rejected.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::median_run::median_curve;
use crate::retractions::Retraction;
use crate::sensors::Sensors;
use hlb_core::clock;
use hlb_data::track::Track;
use hlb_result::{Entry, SignedAnnouncement, Warning, calendar_problem};

/// Everything that the site shows.
#[derive(Debug, Clone)]
pub struct Board {
    /// Each track with its rows, in the order of the tracks.
    pub tracks: Vec<RankedTrack>,
    /// Entries that are not what they say.
    pub rejected: Vec<Rejected>,
    /// Announcements that no entry answers.
    pub unanswered: Vec<SignedAnnouncement>,
    /// The list of signers, byte for byte, which the site publishes too; `None` if there is none.
    pub signers_text: Option<String>,
    /// The chain of states, byte for byte, which the site publishes too; `None` if there is none.
    pub states_text: Option<String>,
}

/// A track and its rows.
#[derive(Debug, Clone)]
pub struct RankedTrack {
    /// The track.
    pub track: Track,
    /// Ranked rows by hardware class, that of the fastest row first, and within it fastest first; then unranked ones in the
    /// order of their dates.
    pub rows: Vec<Row>,
}

/// An entry and where it stands.
#[derive(Debug, Clone)]
pub struct Row {
    /// The entry, without the samples of its run log.
    pub entry: Entry,
    /// What is drawn of those.
    pub sensors: Sensors,
    /// Folder below the submissions, with `/` between its parts.
    pub path: String,
    /// What trained, in a few words: rows are ranked within it.
    pub class: String,
    /// Rank within track and hardware class, from 1; `None` if it is not ranked.
    pub rank: Option<usize>,
    /// The row below it if the two are tied, that is, if their times are not significantly different.
    pub tied_with_next: Option<TiedWith>,
    /// Why it is not ranked.
    pub unranked_because: Vec<String>,
    /// Why its calendar times contradict each other, from the samples that are not kept.
    pub(crate) calendar_problem: Option<String>,
    /// What a reader should know before trusting it: what its own log shows, and what the other rows do.
    pub warnings: Vec<Warning>,
    /// That its authors retracted it, or that somebody refuted it.
    pub retraction: Option<Retraction>,
    /// (Seconds of training, accuracy in percent) after each epoch of its median run.
    pub median_curve: Vec<(f64, f64)>,
}

/// A row that another is tied with.
#[derive(Debug, Clone, PartialEq)]
pub struct TiedWith {
    /// Name of its variant.
    pub name: String,
    /// Two-sided p-value (Mann-Whitney) of the two times being of one and the same recipe; `None` with too few runs.
    pub p: Option<f64>,
}

/// An entry that failed verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Folder below the submissions.
    pub folder: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Row {
    /// A row that is not ranked yet.
    pub(crate) fn new(mut entry: Entry, path: String) -> Self {
        let class = entry.result.class();
        let median_curve = median_curve(&entry.log);
        let gpu = entry.result.derived.telemetry.gpu.as_ref().map(|gpu| gpu.index);
        let sensors = Sensors::new(&entry.log, gpu);
        let calendar_problem = calendar_problem(&entry.log);
        entry.forget_samples();
        Self {
            entry,
            sensors,
            path,
            class,
            rank: None,
            tied_with_next: None,
            unranked_because: Vec::new(),
            calendar_problem,
            warnings: Vec::new(),
            retraction: None,
            median_curve,
        }
    }

    /// Start of its session; `None` if it states no calendar time.
    pub fn started_at(&self) -> Option<DateTime<Utc>> {
        clock::parse(&self.entry.result.session.started_at)
    }

    /// Median time-to-accuracy, for the order of rows.
    pub fn median(&self) -> f64 {
        self.entry.result.derived.summary.time_to_accuracy_seconds.median.unwrap_or(f64::INFINITY)
    }

    /// Whether its session was announced before its nonce could be known.
    pub fn is_announced(&self) -> bool {
        self.entry.result.session.announced.is_some()
    }

    pub(crate) fn is_ranked(&self) -> bool {
        self.unranked_because.is_empty()
    }
}

impl Board {
    /// How many entries stand on the board, ranked or not.
    pub fn entry_count(&self) -> usize {
        self.tracks.iter().map(|track| track.rows.len()).sum()
    }
}

/// The day of a time, YYYY-MM-DD.
pub(crate) fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// A time in the form of RFC 3339, to the second.
pub(crate) fn second(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
