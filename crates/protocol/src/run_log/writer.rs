//! Writes the run log: a line an event, on disk before the next one is awaited. A log has one writer at a time.

use hlb_core::bounded;
use hlb_core::hint::Hint;
use hlb_core::text::show_path;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::run_log::line::{LOG_CAP, whole_lines};

/// The run log cannot be written. The session ends, since a run that is not logged cannot be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum LogError {
    /// The operating system refused.
    #[error("the run log {path} cannot be written: {source}", path = show_path(path))]
    Write { path: PathBuf, source: io::Error },
    /// It was removed while it was written.
    #[error("the run log {path} was removed while the session was running", path = show_path(path))]
    Vanished { path: PathBuf },
    /// Another process is writing it.
    #[error("another process is still writing {path}", path = show_path(path))]
    InUse { path: PathBuf },
}

impl Hint for LogError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Write { source, .. } if is_full(source) => {
                "the disk is full; the runs that ended are kept: free some space, then go on with `--resume`"
            }
            Self::Write { .. } => "the runs that ended are kept; go on with `--resume`",
            Self::Vanished { .. } => {
                "runs that are not logged cannot be verified; begin a new session, and leave its folder alone until it ends"
            }
            Self::InUse { .. } => "wait for it to end",
        };
        Some(hint.to_owned())
    }
}

fn failed<E: Into<io::Error>>(path: &Path) -> impl FnOnce(E) -> LogError + use<'_, E> {
    |error| LogError::Write { path: path.to_owned(), source: error.into() }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// An open run log.
#[derive(Debug)]
pub struct LogWriter {
    file: File,
    path: PathBuf,
    /// Bytes of its whole lines.
    length: u64,
}

impl LogWriter {
    /// Creates a new run log and never overwrites an old one.
    #[expect(clippy::disallowed_methods, reason = "a new file is opened, and nothing is read")]
    pub fn create(path: &Path) -> Result<Self, LogError> {
        let file = File::options().write(true).create_new(true).open(path).map_err(failed(path))?;
        Self { file, path: path.to_owned(), length: 0 }.alone()
    }

    /// Continues the log of a session that ended early, without a last line that was cut off.
    pub fn resume(path: &Path) -> Result<Self, LogError> {
        let file = bounded::open_to_extend(path, LOG_CAP).map_err(failed(path))?;
        let mut writer = Self { file, path: path.to_owned(), length: 0 }.alone()?;
        let mut bytes = Vec::new();
        writer.file.read_to_end(&mut bytes).map_err(failed(path))?;
        writer.length = whole_lines(&bytes).len() as u64;
        writer.cut().map_err(failed(path))?;
        Ok(writer)
    }

    fn alone(self) -> Result<Self, LogError> {
        match self.file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(LogError::InUse { path: self.path }),
            // A file system without locks still takes a log.
            _ => Ok(self),
        }
    }

    /// Removes what comes after the last whole line.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length)).map(drop)
    }

    /// Bytes of its whole lines.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes a line to the operating system, which keeps it if this process is killed. A line that does not fit on the disk
    /// is removed.
    pub fn write(&mut self, line: &impl Serialize) -> Result<(), LogError> {
        self.append(line).map_err(failed(&self.path))?;
        if self.is_gone() {
            return Err(LogError::Vanished { path: self.path.clone() });
        }
        Ok(())
    }

    fn append(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_string(line).map_err(io::Error::other)?;
        text.push('\n');
        let written = self.file.write_all(text.as_bytes());
        if written.is_err() {
            // Half a line would make the next one unreadable. If it cannot be removed now, `resume` removes it.
            let _ = self.cut();
        } else {
            self.length += text.len() as u64;
        }
        written
    }

    /// Whether the file was removed: it can still be written, but no longer read.
    fn is_gone(&self) -> bool {
        self.file.metadata().is_ok_and(|facts| facts.nlink() == 0) && !self.path.exists()
    }

    /// Waits until the disk has every line.
    pub fn finish(self) -> Result<(), LogError> {
        self.file.sync_all().map_err(failed(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_log::event::{Event, SessionStop};
    use crate::run_log::line::LogLine;
    use hlb_core::artifact::write_atomic;

    #[test]
    fn a_torn_line_is_cut_off_before_the_next_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("session.jsonl");
        write_atomic(&path, b"{\"whole\":1}\n{\"torn").expect("writable");
        let mut writer = LogWriter::resume(&path).expect("opens");
        writer
            .write(&LogLine { at_seconds: 1.0, event: Event::SessionStop(SessionStop { reason: "x".to_owned() }) })
            .expect("writable");
        writer.finish().expect("synced");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert_eq!(text, "{\"whole\":1}\n{\"at_seconds\":1.0,\"event\":\"session_stop\",\"reason\":\"x\"}\n");
    }

    #[test]
    fn a_log_that_lost_its_name_takes_no_more_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("session.jsonl");
        let mut writer = LogWriter::create(&path).expect("new");
        let line = LogLine { at_seconds: 1.0, event: Event::SessionStop(SessionStop { reason: "x".to_owned() }) };
        writer.write(&line).expect("writable");
        std::fs::remove_file(&path).expect("removable");
        assert!(matches!(writer.write(&line), Err(LogError::Vanished { .. })));
    }

    #[test]
    fn what_is_no_log_is_not_resumed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("session.jsonl");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        assert!(matches!(LogWriter::resume(&path), Err(LogError::Write { .. })));
        std::fs::remove_file(&path).expect("removable");
        File::create(&path).expect("a file").set_len(LOG_CAP + 1).expect("grows");
        assert!(matches!(LogWriter::resume(&path), Err(LogError::Write { .. })));
        assert_eq!(std::fs::metadata(&path).expect("there").len(), LOG_CAP + 1, "it is left as it was");
    }

    #[test]
    fn a_log_has_one_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("session.jsonl");
        let first = LogWriter::create(&path).expect("new");
        assert!(matches!(LogWriter::resume(&path), Err(LogError::InUse { .. })));
        drop(first);
        assert!(LogWriter::resume(&path).is_ok());
        assert!(matches!(LogWriter::create(&path), Err(LogError::Write { .. })));
    }
}
