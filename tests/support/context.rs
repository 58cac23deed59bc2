//! A scratch folder with the program in it: what a user types, what comes back.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;

/// A folder of its own with a home, so that no test sees the user's keys or data.
pub(crate) struct Context {
    folder: tempfile::TempDir,
}

/// What a command answered.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Context {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::io::Write::write_all(
            &mut std::fs::File::options().write(true).create(true).truncate(true).open(&path).unwrap(),
            bytes.as_ref(),
        )
        .unwrap();
        path
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
        command.current_dir(self.folder.path());
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(name, self.path("home"));
        }
        command.env_remove("HLB_BENCH_DATA").env_remove("SSH_AUTH_SOCK").env("GIT_CONFIG_NOSYSTEM", "1");
        // On a machine with a GPU, too, tests measure the CPU.
        command.env("HLB_BENCH_DEVICE", "cpu").env("HLB_BENCH_NVML", "/nowhere/nvml.so");
        command
    }

    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Answer {
        answer(&self.command().args(arguments).output().unwrap())
    }

    /// Everything in the folder but the home, as sorted paths.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect(self.root(), self.root(), &mut found);
        found.sort();
        found
    }
}

pub(crate) fn answer(output: &Output) -> Answer {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Answer { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for item in std::fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() && path != root.join("home") {
            collect(root, &path, found);
        } else if path.is_file() {
            found.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
        }
    }
}

/// A variant that trains on the built-in track.
pub(crate) const VARIANT: &str =
    "name: tiny\nauthors: [Ada Lovelace]\ndescription: as small as it gets\nextends: hlb-shapes\n";
