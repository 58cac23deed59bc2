//! Small files of the kernel about the machine.
//!
//! Sampled values are read directly, not through `sysinfo`: that crate scans all of `/proc` for one process, and knows
//! neither energy nor the limits of control groups.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::PathBuf;

/// Most bytes read of one file; `/proc/cpuinfo` of 512 processors has some 700 KB.
const CAP: u64 = 1 << 21;

/// The tree of files from `/`, or one made by a test.
#[derive(Debug, Clone)]
pub(super) struct Kernel(PathBuf);

impl Kernel {
    /// The files of this machine.
    pub(super) fn here() -> Self {
        Self(PathBuf::from("/"))
    }

    /// The text of a file; `path` is relative to the root. The error names the file.
    pub(super) fn text(&self, path: &str) -> Result<String, String> {
        self.read(path).map_err(|error| format!("/{path}: {}", words(&error)))
    }

    /// [`Kernel::text`] as a number.
    pub(super) fn number(&self, path: &str) -> Result<u64, String> {
        self.text(path)?.trim().parse().map_err(|_| format!("/{path} holds no number"))
    }

    /// The text of a file, with an error that does not name the path.
    #[expect(clippy::disallowed_methods, reason = "files of the kernel, which only it writes")]
    pub(super) fn read(&self, path: &str) -> io::Result<String> {
        let mut text = String::new();
        File::open(self.0.join(path))?.take(CAP).read_to_string(&mut text)?;
        Ok(text)
    }

    /// The names in a folder, in order.
    pub(super) fn names(&self, folder: &str) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(self.0.join(folder)).map_err(|error| format!("/{folder}: {}", words(&error)))?;
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    }

    /// Where a link points to.
    pub(super) fn link(&self, path: &str) -> io::Result<PathBuf> {
        fs::read_link(self.0.join(path))
    }
}

/// An error without its number.
pub(super) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => error.to_string(),
    }
}

/// A tree of files made by a test.
#[cfg(test)]
pub(super) struct MadeKernel {
    folder: tempfile::TempDir,
    pub(super) kernel: Kernel,
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "made files need not be written atomically")]
impl MadeKernel {
    /// The given files.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Self { kernel: Kernel(folder.path().to_owned()), folder };
        for (path, text) in files {
            made.set(path, text);
        }
        made
    }

    /// Says something else in a file.
    pub(super) fn set(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
        fs::write(path, text).expect("written");
    }

    /// Takes a file away.
    pub(super) fn remove(&self, path: &str) {
        fs::remove_file(self.folder.path().join(path)).expect("it was there");
    }
}
