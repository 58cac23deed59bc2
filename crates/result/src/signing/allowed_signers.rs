//! Who may sign what, and when: OpenSSH's `allowed_signers` file, read more strictly.
//!
//! The same file serves `ssh-keygen -Y verify -f`, so its format is OpenSSH's. What OpenSSH leaves
//! open is closed here: no wildcards, every line names its namespaces, times are in UTC, a key
//! belongs to one principal, and a line that cannot be read is an error where OpenSSH skips it.
//!
//! This file must never decide whether a signature is good, and never reads a clock.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use ssh_key::PublicKey;
use ssh_key::public::KeyData;

use crate::signing::allowed_line::{Line, LineProblem, WhyNot};
use crate::signing::key_type::point_of;
use crate::signing::namespace::RERUN_NAMESPACE;
use hlb_core::hint::Hint;
use hlb_core::text::show;

/// The largest file that is read, in bytes: room for some ten thousand signers.
pub(crate) const SIGNERS_CAP: u64 = 2 * 1024 * 1024;

/// A list of signers: the lines of each key, in the order of the file, and who of them is a runner.
#[derive(Clone, Debug, Default)]
pub struct AllowedSigners {
    by_key: BTreeMap<KeyData, Vec<Line>>,
    /// Whose point it is, and the line that says so: a point is one private key, in whatever kind of key it stands.
    by_point: BTreeMap<Vec<u8>, (String, usize)>,
    runners: BTreeSet<String>,
}

/// A list of signers that cannot be used.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum AllowedSignersError {
    #[error("`{source_name}` has {found} bytes, at most {SIGNERS_CAP} are read")]
    TooLarge { source_name: String, found: usize },
    /// A line that is not in order. The whole list is refused: skipping the line could drop a limit
    /// that its author meant to set.
    #[error("`{source_name}` line {line} cannot be used")]
    Line {
        source_name: String,
        line: usize,
        #[source]
        problem: LineProblem,
    },
}

impl Hint for AllowedSignersError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Line { problem, .. } => problem.hint(),
            Self::TooLarge { .. } => None,
        }
    }
}

impl AllowedSigners {
    /// Reads a list. `source_name` is only for messages.
    pub fn parse(text: &str, source_name: &str) -> Result<Self, AllowedSignersError> {
        if text.len() as u64 > SIGNERS_CAP {
            return Err(AllowedSignersError::TooLarge { source_name: show(source_name), found: text.len() });
        }
        let mut signers = Self::default();
        for (index, content) in text.lines().enumerate() {
            signers.add(index + 1, content).map_err(|problem| AllowedSignersError::Line {
                source_name: show(source_name),
                line: index + 1,
                problem,
            })?;
        }
        Ok(signers)
    }

    /// Whose key it is, if it may sign in this namespace at this time.
    ///
    /// A key may have several lines; one that fits is enough. Otherwise the reason is the one of
    /// the line that came nearest: a wrong time is reported before a wrong namespace.
    pub fn find(&self, key: &PublicKey, namespace: &str, at: DateTime<Utc>) -> Result<&str, WhyNot> {
        let mut nearest = WhyNot::UnknownKey;
        for line in self.by_key.get(key.key_data()).into_iter().flatten() {
            let permitted = line.permits(namespace, at).and_then(|()| self.check_runner(namespace, &line.principal));
            match permitted {
                Ok(()) => return Ok(&line.principal),
                Err(WhyNot::OtherNamespace { .. }) if nearest != WhyNot::UnknownKey => {}
                Err(why) => nearest = why,
            }
        }
        Err(nearest)
    }

    /// The same list on a board that has these runners, besides whom nobody's key counts as a runner's.
    #[must_use]
    pub fn with_runners(self, runners: impl IntoIterator<Item = String>) -> Self {
        Self { runners: runners.into_iter().collect(), ..self }
    }

    /// What another text says of the same board.
    pub(crate) fn with_text(&self, text: &str, source_name: &str) -> Result<Self, AllowedSignersError> {
        Ok(Self { runners: self.runners.clone(), ..Self::parse(text, source_name)? })
    }

    /// Whether a line of the list names this principal.
    pub(super) fn names(&self, principal: &str) -> bool {
        self.by_point.values().any(|(name, _)| name == principal)
    }

    /// What a line may say is decided by whoever merges it; who is a runner, by the board.
    fn check_runner(&self, namespace: &str, principal: &str) -> Result<(), WhyNot> {
        if namespace != RERUN_NAMESPACE || self.runners.contains(principal) {
            return Ok(());
        }
        Err(WhyNot::NotARunner { principal: principal.to_owned() })
    }

    fn add(&mut self, number: usize, content: &str) -> Result<(), LineProblem> {
        Line::check_text(content)?;
        let content = content.trim_matches([' ', '\t']);
        if content.is_empty() || content.starts_with('#') {
            return Ok(());
        }
        let line = Line::parse(content)?;
        let point = point_of(line.key.key_data()).to_vec();
        let (name, first) = self.by_point.entry(point).or_insert_with(|| (line.principal.clone(), number));
        if *name != line.principal {
            let message = format!("key already belongs to `{name}` in line {first}");
            return Err(LineProblem::with_hint(message, "give every name a key of its own"));
        }
        self.by_key.entry(line.key.key_data().clone()).or_default().push(line);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
