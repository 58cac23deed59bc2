//! Builds the site again whenever the submissions or the reports of studies change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::tell;
use crate::clock;
use crate::leaderboard::{Build, BuildError, Built, FileState};
use crate::printer::note;
use crate::report;

/// Time between two checks.
const PAUSE: Duration = Duration::from_secs(1);

/// The first build. What changed in the middle of it is no reason to end: it is built once more, after a pause.
pub(super) fn build_at_last(interrupted: &AtomicBool, plan: &Build) -> Result<Built, BuildError> {
    loop {
        match plan.run(clock::calendar()) {
            Err(error) if error.is_of_a_change() && pause(interrupted) => report::print(&error.into()),
            ended => return ended,
        }
    }
}

/// Checks once a second until it is interrupted. A broken entry in the middle of an edit is listed, and a list of signers that
/// cannot be read is reported; both may be good at the next check.
pub(super) fn rebuild_until(interrupted: &AtomicBool, plan: &Build, mut seen: FileState) {
    note("watching; Ctrl-C ends it");
    while pause(interrupted) {
        let now = plan.file_state();
        if now == seen {
            continue;
        }
        seen = now;
        match plan.run(clock::calendar()) {
            Ok(built) => tell(&built),
            Err(error) => report::print(&error.into()),
        }
    }
}

/// Waits for the next check; `false` once interrupted.
fn pause(interrupted: &AtomicBool) -> bool {
    const STEPS: u32 = 20;
    for _ in 0..STEPS {
        if interrupted.load(Ordering::Relaxed) {
            return false;
        }
        thread::sleep(PAUSE / STEPS);
    }
    true
}
