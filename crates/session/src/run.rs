//! Runs a prepared session to its end and writes its result.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::equipment::default_threads;
use crate::error::SessionError;
use crate::folder::{SessionFolder, take_over_finished, unbegun};
use crate::note::Note;
use crate::observer::{Observer, Outline};
use crate::prepare::PreparedSession;
use crate::result;
use crate::supervise::{Request, supervise};
use hlb_core::artifact::write_atomic;
use hlb_core::bounded;
use hlb_core::clock::MonotonicClock;
use hlb_core::{seed, yaml};
use hlb_protocol::job::Job;
use hlb_protocol::run_log::{LOG_CAP, RunLog};
use hlb_result::{FinishedSession, LOG_FILE, RESULT_FILE};

impl PreparedSession {
    /// Runs the session in a folder of its own. Once `interrupted` is set it ends with that as its
    /// recorded outcome.
    pub fn run(
        &self,
        clock: &MonotonicClock,
        observer: &mut dyn Observer,
        interrupted: &AtomicBool,
    ) -> Result<FinishedSession, SessionError> {
        let manifest = &self.plan.variant.task.manifest;
        if !manifest.is_published() {
            observer.note(&Note::OwnDataSet { id: manifest.id.to_string() });
        }
        let folder = match &self.unfinished {
            Some(unfinished) if unfinished.lacks_only_its_result() => take_over_finished(self, unfinished, observer)?,
            Some(unfinished) => {
                let folder = SessionFolder::resume(self, unfinished, (clock, observer))?;
                self.train(folder, clock, observer, interrupted)?
            }
            None => {
                let folder = SessionFolder::create(self, clock)?;
                let path = folder.path.clone();
                self.train(folder, clock, observer, interrupted).map_err(|error| unbegun(&path, error))?
            }
        };
        self.record(&folder).map_err(|error| match error {
            SessionError::NeverBegan { .. } | SessionError::BrokenLog { .. } => error,
            source => SessionError::Unrecorded { folder, source: Box::new(source) },
        })
    }

    /// Writes the result of a session whose run log has ended.
    fn record(&self, folder: &Path) -> Result<FinishedSession, SessionError> {
        let log_bytes = bounded::read(&folder.join(LOG_FILE), LOG_CAP)
            .map_err(|error| SessionError::ReadBack { source: error.into() })?;
        let log = RunLog::parse(&log_bytes).map_err(|source| SessionError::BrokenLog { source: Box::new(source) })?;
        let result = result::of(self, &log, &log_bytes)?;
        let result_text = yaml::emit(&result)?;
        write_atomic(&folder.join(RESULT_FILE), result_text.as_bytes())?;
        Ok(FinishedSession { folder: folder.to_owned(), result, result_text })
    }

    /// Trains the runs that are missing; the session's folder.
    fn train(
        &self,
        folder: SessionFolder,
        clock: &MonotonicClock,
        observer: &mut dyn Observer,
        interrupted: &AtomicBool,
    ) -> Result<PathBuf, SessionError> {
        observer.begin(&Outline {
            task: &self.plan.variant.task,
            recipe: &self.plan.variant.recipe,
            reference: self.reference.as_ref(),
            runs: folder.start.runs,
            missing: folder.runs.len(),
        });
        let request = Request {
            trainer: &self.equipment.trainer,
            job: self.job(&folder),
            arrays: self.equipment.data.arrays.clone(),
            opening: folder.opening,
            hang_after: self.plan.local.hang_after,
            interrupted,
        };
        supervise(request, *clock, observer)?;
        Ok(folder.path)
    }

    fn job(&self, folder: &SessionFolder) -> Job {
        let (start, local) = (&folder.start, &self.plan.local);
        Job {
            recipe: self.plan.variant.recipe.clone(),
            reference: self.reference.clone(),
            target: start.target,
            runs: folder.runs.clone(),
            warmup_seed: seed::derive(start.recipe.recipe_sha256, start.nonce.as_str(), 0),
            stop_at_target: start.stop_at_target,
            deterministic: start.deterministic,
            device: self.device,
            threads: local.threads.or(folder.threads).unwrap_or_else(|| default_threads(&self.machine)),
            arrays: self.equipment.data.arrays.shapes(),
        }
    }
}
