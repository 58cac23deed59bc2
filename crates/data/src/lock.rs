//! The lock of a process that fetches a data set.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use hlb_core::bounded;

/// The file that a process locks while it fetches a data set.
pub(crate) fn lock_file(data: &Path, id: &str) -> PathBuf {
    data.join(format!(".{id}.lock"))
}

/// Whether another process fetches the data set now.
pub(crate) fn is_being_fetched(data: &Path, id: &str) -> bool {
    bounded::open(&lock_file(data, id))
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Whether an open file still has its name.
pub(crate) fn has_name(file: &File, path: &Path) -> bool {
    let (named, open) = (fs::metadata(path), file.metadata());
    named.is_ok_and(|named| open.is_ok_and(|open| (named.dev(), named.ino()) == (open.dev(), open.ino())))
}

/// Opens a file that only serves as a lock, without waiting for the other end of a pipe.
#[expect(clippy::disallowed_methods, reason = "nothing is read or written")]
fn lockable(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)
}

/// Lock for fetching a data set; dropping it removes the file. On a file system without locks it has no effect.
pub(crate) struct FetchLock {
    _file: File,
    path: PathBuf,
}

impl FetchLock {
    /// Locks the file; calls `waits` first if another process has locked it.
    pub(crate) fn wait(path: &Path, waits: &dyn Fn()) -> io::Result<Self> {
        loop {
            let file = lockable(path)?;
            if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
                waits();
                file.lock()?;
            }
            // The previous owner may have removed the file, so that the next process will lock another one.
            if has_name(&file, path) {
                return Ok(Self { _file: file, path: path.to_owned() });
            }
        }
    }
}

impl Drop for FetchLock {
    fn drop(&mut self) {
        // Removed while still locked; a waiting process then checks whether the file still has its name.
        let _ = fs::remove_file(&self.path);
    }
}
