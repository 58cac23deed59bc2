//! The folder of a study: its log, which only grows and has one writer, and its report.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::hint::{Context as _, Failure, Result};
use crate::session::{LogError, LogWriter};
use crate::study::{Plan, RECORDS_FILE, REPORT_FILES, Records, Report, StudyStart};

/// Where studies are kept unless the user says otherwise.
const OUT: &str = "studies/out";

/// The folder of a study.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The one asked for, or the usual one of this study on this track.
    pub(super) fn of(plan: &Plan, asked: Option<&Path>) -> Self {
        let usual = || Path::new(OUT).join(format!("{}-{}", plan.file.name(), plan.track()));
        Self(asked.map_or_else(usual, Path::to_owned))
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn log(&self) -> PathBuf {
        self.0.join(RECORDS_FILE)
    }

    /// The records, if there are any.
    pub(super) fn read(&self) -> Result<Option<Records>> {
        let path = self.log();
        match fs::read(&path) {
            Ok(bytes) => Ok(Records::parse(&bytes, &path)?),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// The log, this process's alone from now on, and what it holds. A new one gets `start`; an old one has to fit it and the plan, and
    /// loses a last line that was cut off.
    pub(super) fn open(&self, plan: &Plan, start: StudyStart) -> Result<(LogWriter, Records)> {
        let path = self.log();
        fs::create_dir_all(&self.0)
            .with_context(|| format!("the folder {} cannot be made; name another with --out", self.0.display()))?;
        // Refused before a byte is touched.
        if let Some(records) = self.read()? {
            records.check_plan(plan)?;
            records.check_start(&start)?;
        }
        let mut writer = if path.exists() { LogWriter::resume(&path) } else { LogWriter::create(&path) }
            .map_err(|error| explain(&error))?;
        // Read again: until the lock was held another process may have written.
        if let Some(records) = self.read()? {
            records.check_plan(plan)?;
            records.check_start(&start)?;
            return Ok((writer, records));
        }
        writer.write(&start).map_err(|error| explain(&error))?;
        Ok((writer, Records::new(&path, start)))
    }

    /// Writes the report.
    pub(super) fn report(&self, plan: &Plan, records: &Records) -> Result<()> {
        Ok(Report::new(plan, records)?.write(&self.0)?)
    }

    /// The files of the report.
    pub(super) fn report_paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        REPORT_FILES.iter().map(|name| self.0.join(name))
    }
}

/// What is wrong with the log, and what to do about it here, where there is no session to resume.
pub(super) fn explain(error: &LogError) -> Failure {
    let next = match error {
        LogError::InUse { .. } => "wait for it to end, or name another folder with --out",
        LogError::Vanished { .. } => "leave the folder alone while the study runs",
        _ => "the runs that ended are kept; the same command goes on with the others",
    };
    Failure::new(format!("{error}; {next}"))
}
