//! The folder of a study: its log, which only grows and has one writer, and its report.

use std::fs;
use std::path::{Path, PathBuf};

use crate::plan::StudyPlan;
use crate::record::StudyStart;
use crate::records::Records;
use crate::report;
use hlb_core::artifact::write_atomic;
use hlb_core::hint::{Context as _, Failure, Result};
use hlb_core::text::show_path;
use hlb_protocol::run_log::{LogError, LogWriter};

/// The log of a study, in its folder.
pub(crate) const RECORDS_FILE: &str = "runs.jsonl";

/// Where studies are kept unless the user says otherwise.
const OUT: &str = "studies/out";

/// The folder of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyFolder(PathBuf);

impl StudyFolder {
    /// The one asked for, or the usual one of this study on this track.
    pub fn new(plan: &StudyPlan, asked: Option<&Path>) -> Self {
        let usual = || Path::new(OUT).join(format!("{}-{}", plan.file.body.name, plan.track()));
        Self(asked.map_or_else(usual, Path::to_owned))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn log(&self) -> PathBuf {
        self.0.join(RECORDS_FILE)
    }

    /// The records, if there are any; they have to be those of the plan.
    pub fn read(&self, plan: &StudyPlan) -> Result<Option<Records>> {
        let records = Records::read(&self.log())?;
        records.iter().try_for_each(|records| records.check_plan(plan))?;
        Ok(records)
    }

    /// The log, which from now on only this process writes, and what it says. A new one gets
    /// `start`; an old one has to fit it and the plan, and loses a last line that was cut off.
    pub(super) fn open(&self, plan: &StudyPlan, start: StudyStart) -> Result<(LogWriter, Records)> {
        let path = self.log();
        fs::create_dir_all(&self.0)
            .with_context(|| format!("the folder {} cannot be made; name another with --out", show_path(&self.0)))?;
        // Refused before a byte is touched.
        self.read_started(plan, &start)?;
        let opened = if path.exists() { LogWriter::resume(&path) } else { LogWriter::create(&path) };
        let mut writer = opened.map_err(advised)?;
        // Read again: another process may have written until the lock was taken.
        if let Some(records) = self.read_started(plan, &start)? {
            return Ok((writer, records));
        }
        writer.write(&start).map_err(advised)?;
        Ok((writer, Records::new(&path, start)))
    }

    fn read_started(&self, plan: &StudyPlan, start: &StudyStart) -> Result<Option<Records>> {
        let records = self.read(plan)?;
        records.iter().try_for_each(|records| records.check_start(start))?;
        Ok(records)
    }

    /// Writes the report; its files.
    pub fn report(&self, plan: &StudyPlan, records: &Records) -> Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for (name, text) in report::files(plan, records)? {
            let path = self.0.join(name);
            write_atomic(&path, text.as_bytes())?;
            paths.push(path);
        }
        Ok(paths)
    }
}

/// The error with what to do about it: a study has no session that could be resumed.
pub(super) fn advised(error: LogError) -> Failure {
    let hint = match &error {
        LogError::InUse { .. } => "wait for it to end, or name another folder with --out",
        LogError::Vanished { .. } => "leave the folder alone while the study runs",
        _ => "the finished runs are kept; the same command runs the others",
    };
    Failure::from(error).with_hint(hint)
}
