//! The leaderboard: reads entries, ranks them, and renders the site. Files in, files out; nothing else is looked at.

mod board;
mod build;
mod inputs;
mod look;
mod median_run;
mod memory;
mod record;
mod sensors;
mod signers;
mod site;
mod withdrawn;
mod workers;

pub use board::{Board, BoardError, RankedTrack, Rejected, Row, entry_folders, read, read_signers, read_with};
pub use build::{Build, BuildError, Built};
pub use look::Look;
pub use memory::Memory;
pub use record::{Record, records};
pub use sensors::{Reading, Sensor, Sensors};
pub use signers::signers_for;
pub use site::{BaseUrl, BaseUrlError, Differences, SiteError, SiteOptions, compare, linked_data, write, write_with};
pub(crate) use site::{Pages, human_interval, percentage, plot, ratio, scaled};
pub use withdrawn::{WITHDRAWN_FILE, Withdrawal, WithdrawnError, withdrawn_schema};
pub use workers::Workers;

/// Keys that may sign for a board, in OpenSSH's format, beside its entries.
pub const SIGNERS_FILE: &str = "allowed_signers";

/// Where the reports of studies lie in a checkout.
pub const STUDIES_FOLDER: &str = "studies/reports";
