//! What was looked at on a machine: the value, what it should be, and what to do.

use serde::Serialize;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What, such as `driver`.
    pub what: &'static str,
    /// What it is.
    pub value: String,
    /// What it should be; `None` where nothing is asked of it.
    pub bound: Option<String>,
    /// How the two compare.
    pub verdict: Verdict,
    /// What to do next, where something is to be done.
    pub next: Option<String>,
}

/// How a value compares with its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// A session runs, and its row may bear a warning or be slower than it could.
    Note,
    /// A session would fail or measure something else.
    Wrong,
}

impl Finding {
    /// A value of which nothing is asked, or that is as it should be.
    pub(crate) fn good(what: &'static str, value: impl Into<String>) -> Self {
        Self { what, value: value.into(), bound: None, verdict: Verdict::Good, next: None }
    }

    /// A value that is worth knowing, and what to do.
    pub(crate) fn note(what: &'static str, value: impl Into<String>, next: impl Into<String>) -> Self {
        Self { verdict: Verdict::Note, next: Some(next.into()), ..Self::good(what, value) }
    }

    /// A value with which no session should run, and what to do.
    pub(crate) fn wrong(what: &'static str, value: impl Into<String>, next: impl Into<String>) -> Self {
        Self { verdict: Verdict::Wrong, next: Some(next.into()), ..Self::good(what, value) }
    }

    /// The same with what was asked of it.
    pub(crate) fn bound(self, bound: impl Into<String>) -> Self {
        Self { bound: Some(bound.into()), ..self }
    }
}

/// All that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Nothing was wrong.
    pub ready: bool,
    /// In the order in which it was looked at.
    pub findings: Vec<Finding>,
}

impl From<Vec<Finding>> for Report {
    fn from(findings: Vec<Finding>) -> Self {
        Self { ready: findings.iter().all(|finding| finding.verdict != Verdict::Wrong), findings }
    }
}
