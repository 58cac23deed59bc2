//! What a command that did not fail says with its exit code.

use std::process::ExitCode;

/// How a command ended. A [`Failure`](crate::hint::Failure) is exit code 2.
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
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::CheckFailed => Self::from(1),
        }
    }
}
