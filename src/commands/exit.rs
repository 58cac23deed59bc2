//! What a command that did not fail says with its exit code. A [`Failure`](hlb_core::hint::Failure) is exit code 2.

use std::process::ExitCode;

use hlb_core::bail;
use hlb_core::hint::Result;
use hlb_core::text::visible_path;
use hlb_result::FinishedSession;

/// Exit code 0 if what was to be checked is so, else 1.
pub(super) fn of_check(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// The answer of a session. One that ended early is an error; one whose median run missed the target
/// is a failed check.
pub(super) fn of_session(finished: &FinishedSession) -> Result<ExitCode> {
    if !finished.is_complete() {
        bail!(
            "the session ended early: {}; its record is in {}, and the same command with --resume runs the runs that \
             are missing",
            finished.result.session.stop_reason,
            visible_path(&finished.folder)
        );
    }
    Ok(of_check(finished.result.derived.summary.time_to_accuracy_seconds.median.is_some()))
}
