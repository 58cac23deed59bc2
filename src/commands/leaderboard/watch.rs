//! Builds the site again whenever the submissions or the studies change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::terminal::{note, print_built, print_failure};
use hlb_board::{BoardError, Build, Built, FileState};
use hlb_core::clock;

/// Time between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// The first build. If the submissions change during it, it is built once more after a pause.
pub(super) fn build_at_last(interrupted: &AtomicBool, plan: &Build) -> Result<Built, BoardError> {
    loop {
        match plan.run(clock::calendar()) {
            Err(error) if error.is_of_a_change() && pause(interrupted) => print_failure(&error.into()),
            ended => return ended,
        }
    }
}

/// Looks once a second until it is interrupted. An error is printed and does not end it: an entry
/// or a list of signers in the middle of an edit may be in order at the next look.
pub(super) fn rebuild_until(interrupted: &AtomicBool, plan: &Build, mut seen: FileState) {
    note("watching; Ctrl-C ends it");
    while pause(interrupted) {
        let now = plan.file_state();
        if now == seen {
            continue;
        }
        seen = now;
        match plan.run(clock::calendar()) {
            Ok(built) => print_built(&built),
            Err(error) => print_failure(&error.into()),
        }
    }
}

/// Waits for the next look; `false` once interrupted.
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
