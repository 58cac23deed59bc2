//! Writes the run log: a line an event, on disk before the next one is awaited.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::wire::LogLine;

/// The run log cannot be written; the session ends, since an unlogged run is no run.
#[derive(Debug, thiserror::Error)]
#[error("the run log {path} cannot be written: {source}")]
pub struct LogError {
    /// File.
    pub path: PathBuf,
    /// Cause.
    pub source: io::Error,
}

/// An open run log.
#[derive(Debug)]
pub struct LogWriter {
    file: File,
    path: PathBuf,
}

impl LogWriter {
    /// Begins a new run log; an old one is never overwritten.
    pub fn create(path: &Path) -> Result<Self, LogError> {
        let failed = |source| LogError { path: path.to_owned(), source };
        let file = File::options().write(true).create_new(true).open(path).map_err(failed)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Writes a line and hands it to the operating system, so that it outlives this process.
    pub fn write(&mut self, line: &LogLine) -> Result<(), LogError> {
        let failed = |source| LogError { path: self.path.clone(), source };
        let mut text = serde_json::to_string(line).map_err(io::Error::other).map_err(failed)?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(failed)
    }

    /// Waits until the disk has every line.
    pub fn finish(self) -> Result<(), LogError> {
        self.file.sync_all().map_err(|source| LogError { path: self.path, source })
    }
}
