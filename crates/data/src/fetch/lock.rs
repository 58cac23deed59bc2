//! The lock of a process that fetches a data set.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The file that a process locks while it fetches a data set.
pub(super) fn lock_file(data: &Path, id: &str) -> PathBuf {
    data.join(format!(".{id}.lock"))
}

/// Whether another process fetches the data set now.
pub(super) fn is_being_fetched(data: &Path, id: &str) -> bool {
    File::open(lock_file(data, id)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Lock for fetching a data set; dropping it removes the file. On a file system without locks it has no effect.
pub(super) struct FetchLock {
    file: File,
    path: PathBuf,
}

impl FetchLock {
    /// Locks the file; calls `waits` first if another process has locked it.
    pub(super) fn wait(path: &Path, waits: &dyn Fn()) -> io::Result<Self> {
        loop {
            let file = File::options().create(true).append(true).open(path)?;
            if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
                waits();
                file.lock()?;
            }
            let lock = Self { file, path: path.to_owned() };
            if lock.has_its_name() {
                return Ok(lock);
            }
            // The previous owner has removed the file, so the next process will lock another one.
            lock.let_go();
        }
    }

    /// Unlocks without removing the file, which may be another process's.
    fn let_go(mut self) {
        self.path = PathBuf::new();
    }

    fn has_its_name(&self) -> bool {
        let (named, locked) = (fs::metadata(&self.path), self.file.metadata());
        named.is_ok_and(|named| locked.is_ok_and(|locked| (named.dev(), named.ino()) == (locked.dev(), locked.ino())))
    }
}

impl Drop for FetchLock {
    fn drop(&mut self) {
        // Removed while still locked; a waiting process then checks whether the file still has its name.
        let _ = fs::remove_file(&self.path);
    }
}
