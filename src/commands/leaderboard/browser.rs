//! Shows a page in the user's browser.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use hlb_core::hint::Hint;
use hlb_core::text::show_path;

/// What opens a page where `$BROWSER` names nothing.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

/// How long a browser may take to fail; one that still runs after this has opened the page.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between two looks at it.
const PAUSE: Duration = Duration::from_millis(100);

/// No browser opens the page.
#[derive(Debug, thiserror::Error)]
#[error("no browser opens `{path}`; tried {tried}", path = show_path(path))]
pub(super) struct OpenError {
    path: PathBuf,
    tried: String,
}

impl Hint for OpenError {
    fn hint(&self) -> Option<String> {
        Some("the page is built: open it yourself, or name your browser's program in `BROWSER`".to_owned())
    }
}

/// Opens a page; does not wait for the browser to be closed.
pub(super) fn open(page: &Path) -> Result<(), OpenError> {
    let path = std::path::absolute(page).unwrap_or_else(|_| page.to_owned());
    let programs = programs(std::env::var_os("BROWSER").as_deref());
    if programs.iter().any(|program| opens(program, &path)) {
        return Ok(());
    }
    let tried: Vec<String> = programs.iter().map(|program| format!("`{}`", show_path(program.as_ref()))).collect();
    Err(OpenError { path, tried: tried.join(" and ") })
}

/// The programs in `$BROWSER`, which lists them with colons, and then the system's own.
fn programs(browser: Option<&OsStr>) -> Vec<OsString> {
    let named = browser.map(|list| std::env::split_paths(list).map(PathBuf::into_os_string).collect());
    let named: Vec<OsString> = named.unwrap_or_default();
    named.into_iter().filter(|program| !program.is_empty()).chain([OPENER.into()]).collect()
}

fn opens(program: &OsStr, page: &Path) -> bool {
    let mut command = Command::new(program);
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok_and(stays_or_succeeds)
}

fn stays_or_succeeds(mut browser: Child) -> bool {
    let mut waited = Duration::ZERO;
    while waited < PATIENCE {
        match browser.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(PAUSE),
            Err(_) => return false,
        }
        waited += PAUSE;
    }
    true
}
