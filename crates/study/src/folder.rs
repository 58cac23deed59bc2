//! The folder of a study: its log, which only grows and has one writer, and its report.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::StudyError;
use crate::plan::StudyPlan;
use crate::record::StudyStart;
use crate::records::Records;
use crate::report::{REPORT_FILES, Report};
use hlb_protocol::run_log::LogWriter;

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
        let usual = || Path::new(OUT).join(format!("{}-{}", plan.file.name(), plan.track()));
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
    pub fn read(&self, plan: &StudyPlan) -> Result<Option<Records>, StudyError> {
        let path = self.log();
        let records = match fs::read(&path) {
            Ok(bytes) => Records::parse(&bytes, &path)?,
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(source) => return Err(StudyError::ReadRecords { path, source }),
        };
        records.iter().try_for_each(|records| records.check_plan(plan))?;
        Ok(records)
    }

    /// The log, which from now on only this process writes, and what it says. A new one gets
    /// `start`; an old one has to fit it and the plan, and loses a last line that was cut off.
    pub(super) fn open(&self, plan: &StudyPlan, start: StudyStart) -> Result<(LogWriter, Records), StudyError> {
        let path = self.log();
        fs::create_dir_all(&self.0).map_err(|source| StudyError::CreateFolder { folder: self.0.clone(), source })?;
        // Refused before a byte is touched.
        self.read_started(plan, &start)?;
        let mut writer = if path.exists() { LogWriter::resume(&path) } else { LogWriter::create(&path) }?;
        // Read again: another process may have written until the lock was taken.
        if let Some(records) = self.read_started(plan, &start)? {
            return Ok((writer, records));
        }
        writer.write(&start)?;
        Ok((writer, Records::new(&path, start)))
    }

    fn read_started(&self, plan: &StudyPlan, start: &StudyStart) -> Result<Option<Records>, StudyError> {
        let records = self.read(plan)?;
        records.iter().try_for_each(|records| records.check_start(start))?;
        Ok(records)
    }

    /// Writes the report; its files.
    pub fn report(&self, plan: &StudyPlan, records: &Records) -> Result<Vec<PathBuf>, StudyError> {
        Report::new(plan, records)?.write(&self.0)?;
        Ok(REPORT_FILES.iter().map(|name| self.0.join(name)).collect())
    }
}
