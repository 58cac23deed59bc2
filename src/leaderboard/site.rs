//! Placeholder until the pages are there.
use crate::leaderboard::Board;
use std::path::Path;
/// Error.
#[derive(Debug, thiserror::Error)]
#[error("site")]
pub struct SiteError;
/// Writes.
pub fn write(_: &Board, _: &Path) -> Result<(), SiteError> {
    Ok(())
}
