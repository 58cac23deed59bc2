//! The leaderboard: reads entries, ranks them, and renders the site. Files in, files out; nothing else is looked at.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

mod admission;
mod board;
mod build;
mod class;
mod error;
pub mod external;
mod folders;
mod median_run;
mod pull_request;
mod ranking;
mod records;
mod retractions;
mod sensors;
mod signers;
mod site;
mod states;
mod workers;

pub use admission::read;
pub use board::{Board, RankedTrack, Rejected, Row, RowState, TiedWith};
pub use build::{Build, Built, FileState};
pub use class::Class;
pub use error::BoardError;
pub use folders::entry_folders;
pub use pull_request::PullRequest;
pub use records::{Record, RewrittenRecord, records, rewritten_records};
pub use retractions::{Retraction, retractions_schema};
pub use sensors::{Reading, Sensor, Sensors};
pub use signers::{SIGNERS_FILE, read_signers, signers_for};
pub use site::{BaseUrl, BaseUrlError, Differences, SiteError, SiteOptions, Studies, StudyReport, compare, write};
pub use site::{Pages, csv_table, csv_text, human_interval, percentage, plot, ratio, scaled};
pub use states::{StatesReport, extend_states};
pub use workers::Workers;

/// Name of the file in the folder of submissions.
pub const RETRACTIONS_FILE: &str = "withdrawn.yaml";

/// Name of the chain of states in the folder of submissions, and in the site.
pub const STATES_FILE: &str = "states.jsonl";

/// Where the reports of studies lie in a checkout.
pub const STUDIES_FOLDER: &str = "studies/reports";
