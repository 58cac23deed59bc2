//! Finds a session that ended early, or that nobody has filed yet, and takes over its run log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::SessionError;
use crate::plan::SessionPlan;
use crate::resolve::ResolvedVariant;
use hlb_core::artifact::{DRAFT_PREFIX, Sha256Hex, sha256_hex};
use hlb_core::bounded::{self, RESULT_CAP};
use hlb_core::yaml;
use hlb_protocol::run_log::{LOG_CAP, LogWriter, RunLog, whole_lines};
use hlb_result::{FinishedSession, LOG_FILE, RESULT_FILE, ResultFile, VARIANT_FILE};

/// A session that ended early.
pub(super) struct Unfinished {
    /// Folder of the session.
    pub(super) folder: PathBuf,
    /// Its run log, up to the last full line.
    pub(super) log: RunLog,
    /// Bytes of those lines.
    length: u64,
    /// SHA-256 of all its bytes.
    sha256: Sha256Hex,
}

/// The session that a plan with `resume` goes on with, if all of it is done and recorded: it is only
/// to be signed and filed, which needs neither its data nor its trainer.
pub fn find_complete(plan: &SessionPlan) -> Result<Option<FinishedSession>, SessionError> {
    if !plan.local.resume {
        return Ok(None);
    }
    let original = plan.reproduces.as_ref().map(|original| original.result_sha256);
    let track = plan.local.sessions.join(&plan.variant.task.track.id);
    let fits = |found: &Unfinished| found.log.start.reproduces == original && !found.log.start.stop_at_target;
    let Some(newest) = newest(Unfinished::all(&plan.variant, &track).filter(fits)) else { return Ok(None) };
    let Some(finished) = newest.finished() else { return Ok(None) };
    let start = &newest.log.start;
    let changed = |what| Err(SessionError::Changed { folder: newest.folder.clone(), what });
    if finished.result.dataset.manifest_sha256 != plan.variant.task.manifest.digest() {
        return changed("its data set");
    }
    if plan.runs.is_some_and(|runs| runs != start.runs) {
        return changed("--runs");
    }
    if plan.deterministic != start.deterministic {
        return changed("--deterministic");
    }
    newest.clean(is_draft)?;
    Ok(Some(finished))
}

fn is_draft(name: &str) -> bool {
    name.starts_with(DRAFT_PREFIX)
}

fn is_hidden(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn newest(found: impl Iterator<Item = Unfinished>) -> Option<Unfinished> {
    found.max_by(|a, b| a.log.start.started_at.cmp(&b.log.start.started_at))
}

impl Unfinished {
    /// The newest one of this variant under `sessions` that has no result of all its runs.
    pub(super) fn find(variant: &ResolvedVariant, sessions: &Path) -> Result<Self, SessionError> {
        let track = sessions.join(&variant.task.track.id);
        let found = newest(Self::all(variant, &track).filter(|found| found.finished().is_none()));
        found.ok_or(SessionError::NothingToResume { folder: track })
    }

    /// All sessions of a variant that are in the folder of its track and have a run log. Hidden folders are being removed.
    fn all(variant: &ResolvedVariant, track: &Path) -> impl Iterator<Item = Self> {
        let folders = fs::read_dir(track).into_iter().flatten().filter_map(|item| Some(item.ok()?.path()));
        let same = |folder: &PathBuf| bounded::holds(&folder.join(VARIANT_FILE), &variant.bytes).unwrap_or(false);
        folders.filter(|folder| !is_hidden(folder)).filter(same).filter_map(Self::read)
    }

    fn read(folder: PathBuf) -> Option<Self> {
        let bytes = bounded::read(&folder.join(LOG_FILE), LOG_CAP).ok()?;
        let log = RunLog::parse_unfinished(&bytes).ok()?;
        Some(Self { folder, log, length: whole_lines(&bytes).len() as u64, sha256: sha256_hex(&bytes) })
    }

    /// The session, if all of its runs are logged and its result, which belongs to this log, is written.
    fn finished(&self) -> Option<FinishedSession> {
        let text = self.lacks_only_its_result().then(|| bounded::read(&self.folder.join(RESULT_FILE), RESULT_CAP))?;
        let result_text = String::from_utf8(text.ok()?).ok()?;
        let result: ResultFile = yaml::parse(result_text.as_bytes(), RESULT_FILE).ok()?;
        let whole = result.session.is_complete() && result.log.sha256 == self.sha256;
        whole.then(|| FinishedSession { folder: self.folder.clone(), result, result_text })
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
        self.clean(|name| name == RESULT_FILE || is_draft(name))?;
        Ok(writer)
    }

    /// Removes the files that a process left which ended while it wrote them.
    fn clean(&self, is_left: impl Fn(&str) -> bool) -> Result<(), SessionError> {
        let remove = |item: io::Result<fs::DirEntry>| {
            let item = item?;
            if is_left(&item.file_name().to_string_lossy()) { fs::remove_file(item.path()) } else { Ok(()) }
        };
        let cleaned = fs::read_dir(&self.folder).and_then(|mut items| items.try_for_each(remove));
        cleaned.map_err(|source| SessionError::Clean { folder: self.folder.clone(), source })
    }
}
