//! Finds a session that ended early, and takes over its run log.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::SessionError;
use crate::resolve::ResolvedVariant;
use hlb_core::artifact::DRAFT_PREFIX;
use hlb_core::bounded;
use hlb_protocol::run_log::{LOG_CAP, LogWriter, RunLog, whole_lines};
use hlb_result::{LOG_FILE, RESULT_FILE, VARIANT_FILE};

/// A session that ended early.
pub(super) struct Unfinished {
    /// Folder of the session.
    pub(super) folder: PathBuf,
    /// Its run log, up to the last full line.
    pub(super) log: RunLog,
    /// Bytes of those lines.
    length: u64,
}

impl Unfinished {
    /// The newest one of this variant under `sessions`.
    pub(super) fn find(variant: &ResolvedVariant, sessions: &Path) -> Result<Self, SessionError> {
        let track = sessions.join(&variant.task.track.id);
        let folders = fs::read_dir(&track).into_iter().flatten().filter_map(|item| Some(item.ok()?.path()));
        let same = |folder: &PathBuf| bounded::holds(&folder.join(VARIANT_FILE), &variant.bytes).unwrap_or(false);
        let ended = |found: &Self| found.lacks_only_its_result() && found.folder.join(RESULT_FILE).exists();
        let found = folders.filter(same).filter_map(Self::read).filter(|found| !ended(found));
        found
            .max_by(|a, b| a.log.start.started_at.cmp(&b.log.start.started_at))
            .ok_or(SessionError::NothingToResume { folder: track })
    }

    fn read(folder: PathBuf) -> Option<Self> {
        let bytes = bounded::read(&folder.join(LOG_FILE), LOG_CAP).ok()?;
        let log = RunLog::parse_unfinished(&bytes).ok()?;
        Some(Self { folder, log, length: whole_lines(&bytes).len() as u64 })
    }

    /// Whether every run and the end of the session are logged: its process ended before its result
    /// was on the disk.
    pub(super) fn lacks_only_its_result(&self) -> bool {
        self.log.stop_reason.as_deref() == Some("completed")
    }

    /// The run log, which from now on only this process writes. What the last process left half
    /// done, and a result that is about to be out of date, are removed.
    pub(super) fn take_over(&self) -> Result<LogWriter, SessionError> {
        let writer = LogWriter::resume(&self.folder.join(LOG_FILE))?;
        // The data set was verified after the log was read, and another process may have finished
        // the session meanwhile.
        if writer.length() != self.length {
            return Err(SessionError::TakenOver { folder: self.folder.clone() });
        }
        self.clean().map_err(|source| SessionError::Clean { folder: self.folder.clone(), source })?;
        Ok(writer)
    }

    fn clean(&self) -> std::io::Result<()> {
        for item in fs::read_dir(&self.folder)? {
            let path = item?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name == RESULT_FILE || name.starts_with(DRAFT_PREFIX) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}
