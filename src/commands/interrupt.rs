//! Ctrl-C and SIGTERM: noted, so that a session can end in order.

use std::sync::atomic::{AtomicBool, Ordering};

use hlb_core::hint::{Context as _, Failure, Result};

/// From now on an interruption sets the answer. Once in a process.
pub(super) fn catch() -> Result<&'static AtomicBool> {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed))
        .map_err(Failure::new)
        .context("Ctrl-C cannot be caught")?;
    Ok(&INTERRUPTED)
}
