//! The trainer on libtorch, which is built apart from the program.

use std::path::{Path, PathBuf};

/// The trainer next to the program. Without it the tests that train are skipped by name; in CI its
/// absence is a failure.
pub(crate) fn real_trainer() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_BIN_EXE_hlb-bench")).with_file_name("hlb-bench-trainer");
    if path.is_file() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "CI builds the trainer: {} is not there", path.display());
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    println!("skipped {test}: {} is not built; `make build` builds it", path.display());
    None
}
