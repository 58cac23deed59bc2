//! The leaderboard: reads entries, ranks them, and renders the site. Files in, files out; nothing else is looked at.

mod board;
mod site;

pub use board::{Board, BoardError, RankedTrack, Rejected, Row, entry_folders, read, read_signers};
pub(crate) use site::{Pages, Scale, Tick, human_interval, percentage, ratio, scaled};
pub use site::{SiteError, write};

/// Keys that may sign for a board, in OpenSSH's format, beside its entries.
pub const SIGNERS_FILE: &str = "allowed_signers";
