//! The board: every track with its entries in their order, and what was rejected.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::class::Class;
use crate::median_run::median_curve;
use crate::retractions::Retraction;
use crate::sensors::Sensors;
use hlb_core::clock;
use hlb_core::stats::{Estimate, Measured};
use hlb_data::track::Track;
use hlb_machine::price::{ListPrice, NoListPrice, Table};
use hlb_result::{Entry, SignedAnnouncement, Warning, WorkToTarget, calendar_problem};

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
    /// Ranked rows by hardware class, that of the fastest row first, and within it fastest first; then those that are not
    /// proven, then unranked ones, both in the order of their dates.
    pub rows: Vec<Row>,
    /// What is known of the reference in each hardware class.
    pub classes: BTreeMap<String, Class>,
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
    /// What an hour of that class cost at list price on the session's day, or why it is not known.
    pub list_price: Result<ListPrice, NoListPrice>,
    /// Optimizer steps and operations until the target was met.
    pub work: WorkToTarget,
    /// Rank within track and hardware class, from 1; `None` if it is not ranked.
    pub rank: Option<usize>,
    /// Time to target over that of the paired reference, as it could be on any host of the class; `None` without pairs.
    pub ratio: Option<Measured>,
    /// The same in seconds on the typical host of the class; `None` also where the class has no reference.
    pub on_typical_host: Option<Estimate>,
    /// Whether it is ranked, and if not, whether more runs could change that.
    pub state: RowState,
    /// The row below it if the two share a rank.
    pub tied_with_next: Option<TiedWith>,
    /// Whether another row has its rank.
    pub shares_rank: bool,
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

/// Whether a row is ranked, in the order in which rows stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowState {
    /// It has a rank.
    Ranked,
    /// Its mean final accuracy is at or over the target, but by too few runs to prove that of the recipe; nothing else keeps
    /// it from a rank.
    NotProven,
    /// Something else keeps it from a rank.
    Unranked,
}

/// A row that another shares its rank with.
#[derive(Debug, Clone, PartialEq)]
pub struct TiedWith {
    /// Name of its variant.
    pub name: String,
    /// Two-sided p-value of the two ratios being the same on any host.
    pub p: f64,
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
        let list_price = entry.result.list_price(&Table::shipped());
        let work = WorkToTarget::of(&entry);
        Self {
            entry,
            sensors,
            path,
            class,
            list_price,
            work,
            rank: None,
            ratio: None,
            on_typical_host: None,
            state: RowState::Unranked,
            tied_with_next: None,
            shares_rank: false,
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

    /// Seconds that it stands by: on the typical host of its class, or as measured where that is not known.
    pub fn seconds(&self) -> Option<f64> {
        let measured = self.entry.result.derived.summary.time_to_accuracy_seconds.median;
        self.on_typical_host.map(|seconds| seconds.value).or(measured)
    }

    /// The rank as people read it: shared ones are marked.
    pub fn rank_in_words(&self) -> Option<String> {
        self.rank.map(|rank| format!("{rank}{}", if self.shares_rank { "=" } else { "" }))
    }

    /// p-value of a mean accuracy that reaches the target and is not proven to.
    pub(crate) fn not_proven_p(&self) -> Option<f64> {
        self.entry.result.derived.summary.p_mean_over_target.filter(|_| self.state == RowState::NotProven)
    }

    /// Cost of the median time-to-accuracy at list price, in US dollars; `None` where either is not known.
    pub fn list_price_usd(&self) -> Option<f64> {
        let seconds = self.entry.result.derived.summary.time_to_accuracy_seconds.median?;
        Some(self.list_price.as_ref().ok()?.cost_usd(seconds))
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
