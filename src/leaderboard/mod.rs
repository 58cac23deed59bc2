//! The leaderboard: reads entries, ranks them, and renders the site. Files in, files out; nothing else is looked at.

mod board;
mod build;
mod inputs;
mod memory;
mod site;
mod workers;

pub use board::{Board, BoardError, RankedTrack, Rejected, Row, entry_folders, read, read_signers, read_with};
pub use build::{Build, BuildError, Built};
pub use memory::Memory;
pub use site::{Differences, SiteError, compare, write};
pub(crate) use site::{Pages, Scale, Tick, human_interval, percentage, ratio, scaled};
pub use workers::Workers;

/// Keys that may sign for a board, in OpenSSH's format, beside its entries.
pub const SIGNERS_FILE: &str = "allowed_signers";
