//! Finds a session that ended early, or that nobody has filed yet, and takes over its run log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::SessionError;
use crate::plan::SessionPlan;
use hlb_core::artifact::{DRAFT_PREFIX, sha256_file};
use hlb_core::bounded::{self, RESULT_CAP};
use hlb_core::yaml;
use hlb_protocol::run_log::{LOG_CAP, LogWriter, RunLog, whole_lines};
use hlb_result::{FinishedSession, LOG_FILE, MANIFEST_FILE, RESULT_FILE, ResultFile, VARIANT_FILE};

/// A session that ended early.
pub(super) struct Unfinished {
    /// Folder of the session.
    pub(super) folder: PathBuf,
    /// Its run log, up to the last full line.
    pub(super) log: RunLog,
    /// Bytes of those lines.
    length: u64,
}

/// The session that a plan with `resume` goes on with, if all of it is done and recorded: it is only
/// to be signed and filed, which needs neither its data nor its trainer. If it is not done, the plan then
/// says its number of runs.
pub fn find_complete(plan: &mut SessionPlan) -> Result<Option<FinishedSession>, SessionError> {
    if !plan.local.resume {
        return Ok(None);
    }
    let sessions = Unfinished::newest_first(plan);
    // Without `--runs` it is the one with most: a `run` in between, to try something, is not what was to be filed.
    let fitting = sessions.iter().filter(|found| found.difference(plan).is_none()).rev();
    let Some(chosen) = fitting.max_by_key(|found| found.log.start.runs) else {
        let newest = sessions.first().filter(|newest| newest.finished().is_some());
        let changed = newest.and_then(|newest| Some((newest.folder.clone(), newest.difference(plan)?)));
        return changed.map_or(Ok(None), |(folder, what)| Err(SessionError::Changed { folder, what }));
    };
    let Some(finished) = chosen.finished() else {
        plan.runs = Some(chosen.log.start.runs);
        return Ok(None);
    };
    if finished.result.dataset.manifest_sha256 != plan.variant.task.manifest.digest() {
        return Err(SessionError::Changed { folder: finished.folder, what: "its data set" });
    }
    chosen.clean(is_draft)?;
    Ok(Some(finished))
}

fn is_draft(name: &str) -> bool {
    name.starts_with(DRAFT_PREFIX)
}

fn is_hidden(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// The folder with a plan's sessions, those of its track.
fn sessions_of(plan: &SessionPlan) -> PathBuf {
    plan.local.sessions.join(&plan.variant.task.track.id)
}

impl Unfinished {
    /// The newest one of a plan's variant that has no result of all its runs. One that the plan fits
    /// goes before those which could not go on.
    pub(super) fn find(plan: &SessionPlan) -> Result<Self, SessionError> {
        let mut sessions = Self::newest_first(plan);
        sessions.sort_by_key(|found| found.difference(plan).is_some());
        let found = sessions.into_iter().find(|found| found.finished().is_none());
        found.ok_or_else(|| SessionError::NothingToResume { folder: sessions_of(plan) })
    }

    /// All sessions of a plan's variant that have a run log. Hidden folders are being removed.
    fn newest_first(plan: &SessionPlan) -> Vec<Self> {
        let folders = fs::read_dir(sessions_of(plan)).into_iter().flatten().filter_map(|item| Some(item.ok()?.path()));
        let same = |folder: &PathBuf| bounded::holds(&folder.join(VARIANT_FILE), &plan.variant.bytes).unwrap_or(false);
        let of_variant = folders.filter(|folder| !is_hidden(folder)).filter(same);
        let mut found: Vec<Self> = of_variant.filter_map(Self::read).collect();
        found.sort_by(|a, b| b.log.start.started_at.cmp(&a.log.start.started_at));
        found
    }

    fn read(folder: PathBuf) -> Option<Self> {
        let bytes = bounded::read(&folder.join(LOG_FILE), LOG_CAP).ok()?;
        let log = RunLog::parse_unfinished(&bytes).ok()?;
        Some(Self { folder, log, length: whole_lines(&bytes).len() as u64 })
    }

    /// What a plan asks for that this session is not.
    fn difference(&self, plan: &SessionPlan) -> Option<&'static str> {
        let start = &self.log.start;
        let original = plan.reproduces.as_ref().map(|original| original.result_sha256);
        let manifest = &plan.variant.task.manifest;
        let own = self.folder.join(MANIFEST_FILE);
        let same_manifest = if manifest.is_published() {
            !own.exists()
        } else {
            bounded::holds(&own, manifest.text().as_bytes()).unwrap_or(false)
        };
        let same = [
            ("what it reproduces", start.reproduces == original),
            ("--announced", start.announced == plan.announced),
            ("--stop-at-target", start.stop_at_target == plan.stop_at_target),
            ("its data set", same_manifest),
            ("--runs", plan.runs.is_none_or(|runs| runs == start.runs)),
            ("--deterministic", start.deterministic == plan.deterministic),
            ("whether the reference is run with it", start.reference.is_some() || !plan.wants_reference(start.runs)),
        ];
        same.into_iter().find_map(|(what, same)| (!same).then_some(what))
    }

    /// The session, if all of its runs are logged and its result, which belongs to this log, is written.
    fn finished(&self) -> Option<FinishedSession> {
        let text = self.lacks_only_its_result().then(|| bounded::read(&self.folder.join(RESULT_FILE), RESULT_CAP))?;
        let result_text = String::from_utf8(text.ok()?).ok()?;
        let result: ResultFile = yaml::parse(result_text.as_bytes(), RESULT_FILE).ok()?;
        let whole =
            result.session.is_complete() && result.log.sha256 == sha256_file(&self.folder.join(LOG_FILE)).ok()?;
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
