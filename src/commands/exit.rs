//! What a command that did not fail says with its exit code.

use std::process::ExitCode;

use hlb_core::bail;
use hlb_core::hint::Result;
use hlb_result::FinishedSession;

/// How a command ended. A [`Failure`](hlb_core::hint::Failure) is exit code 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Exit code 0.
    Success,
    /// What was to be checked is not so: exit code 1.
    CheckFailed,
}

impl Exit {
    /// Success if the check passed.
    pub(super) fn of_check(passed: bool) -> Self {
        if passed { Self::Success } else { Self::CheckFailed }
    }

    /// The answer of a session. One that ended early is an error; one whose median run missed the target
    /// is a failed check.
    pub(super) fn of_session(finished: &FinishedSession) -> Result<Self> {
        if !finished.is_complete() {
            bail!(
                "the session ended early: {}; its record is in {}, and the same command with --resume runs the runs that \
                 are missing",
                finished.result.session.stop_reason,
                finished.folder.display()
            );
        }
        let reached = finished.result.derived.summary.time_to_accuracy_seconds.median.is_some();
        Ok(if reached { Self::Success } else { Self::CheckFailed })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::CheckFailed => Self::from(1),
        }
    }
}
