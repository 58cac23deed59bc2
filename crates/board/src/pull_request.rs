//! What a pull request does to a board besides its new entry: to the lists next to it, and to older entries.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::iter;
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::admission::read;
use crate::board::{Board, Row};
use crate::error::BoardError;
use crate::records::rewritten_records;
use crate::signers::{SIGNERS_FILE, read_signers, text_of};
use crate::states;
use crate::workers::Workers;
use crate::{RETRACTIONS_FILE, STATES_FILE};
use hlb_core::hint::Hint as _;
use hlb_result::signing::{AddedSigner, AddedSignerError, check_added};
use hlb_result::{RUNNERS_FILE, Trust};

/// What a pull request changes that is not its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// The key that it adds, which a maintainer has to compare with the account.
    pub signer: Option<AddedSigner>,
    /// What only a maintainer may do.
    pub problems: Vec<String>,
}

impl PullRequest {
    /// Compares the submissions before (`base`) and with a pull request that the account `author` opened.
    pub fn read(
        (base, proposed): (&Path, &Path),
        author: &str,
        now: DateTime<Utc>,
        workers: Workers,
    ) -> Result<Self, BoardError> {
        let lists = [base, proposed].map(|folder| folder.join(SIGNERS_FILE));
        let texts = [text_of(&lists[0])?.unwrap_or_default(), text_of(&lists[1])?.unwrap_or_default()];
        let mut problems = changed_lists(base, proposed)?;
        let signer = check_added(&texts[0], &texts[1], author).unwrap_or_else(|error| {
            problems.push(reason(&error));
            None
        });
        // A list that may not be merged judges nothing, and it may not even be readable.
        let list = if texts[0] == texts[1] || signer.is_some() { &lists[1] } else { &lists[0] };
        let before = read(base, &read_signers(&lists[0])?, now, workers)?;
        let after = read(proposed, &read_signers(list)?, now, workers)?;
        problems.extend(changed_verdicts(&before, &after));
        let rewritten = rewritten_records(&before, &after);
        problems
            .extend(rewritten.iter().map(|record| format!("{record}: it is of an earlier date than records of today")));
        Ok(Self { signer, problems })
    }
}

/// What is wrong with a change of the signers, with its causes and what to do.
fn reason(error: &AddedSignerError) -> String {
    let causes = iter::successors(error.source(), |cause| (*cause).source());
    let said = causes.map(ToString::to_string).chain(error.hint());
    said.fold(format!("`{SIGNERS_FILE}`: {error}"), |text, more| text + "; " + &more)
}

/// Who is a runner, what is retracted and which states a board had is for maintainers to say.
fn changed_lists(base: &Path, proposed: &Path) -> Result<Vec<String>, BoardError> {
    let mut problems = Vec::new();
    for name in [RUNNERS_FILE, RETRACTIONS_FILE] {
        if text_of(&base.join(name))? != text_of(&proposed.join(name))? {
            problems.push(format!("`{name}` changes, which only a maintainer does"));
        }
    }
    if states::text(base)? != states::text(proposed)? {
        problems.push(format!("`{STATES_FILE}` changes, which maintainers do after they merged"));
    }
    Ok(problems)
}

/// Where an entry stands, whatever its rank, which any faster entry may change.
enum Standing<'a> {
    Rejected(&'a str),
    Listed(&'a Row),
}

impl Standing<'_> {
    /// Whether it stands as before. Reproductions that are added may raise how far an entry is trusted, and no more.
    fn is_kept(&self, after: &Self) -> bool {
        match (self, after) {
            (Self::Rejected(_), Self::Rejected(_)) => true,
            (Self::Listed(before), Self::Listed(after)) => {
                let (old, new) = (&before.entry, &after.entry);
                let is_raised = matches!(&new.trust, Trust::Reproduced(signed) if **signed == old.trust);
                before.state == after.state
                    && (old.trust == new.trust || is_raised && new.reproductions.len() > old.reproductions.len())
            }
            _ => false,
        }
    }
}

impl fmt::Display for Standing<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(reason) => write!(formatter, "rejected ({reason})"),
            Self::Listed(row) if row.is_ranked() => write!(formatter, "ranked, {}", row.entry.trust),
            Self::Listed(row) => {
                write!(formatter, "not ranked ({}), {}", row.unranked_because.join("; "), row.entry.trust)
            }
        }
    }
}

fn standings(board: &Board) -> BTreeMap<&str, Standing<'_>> {
    let refused = board.rejected.iter().map(|row| (row.folder.as_str(), Standing::Rejected(&row.reason)));
    let rows = board.tracks.iter().flat_map(|track| &track.rows);
    refused.chain(rows.map(|row| (row.path.as_str(), Standing::Listed(row)))).collect()
}

/// Entries of the base that would no longer stand as they do.
fn changed_verdicts(before: &Board, after: &Board) -> Vec<String> {
    let now = standings(after);
    let changed = |(path, before): (&str, Standing<'_>)| match now.get(path) {
        Some(after) if before.is_kept(after) => None,
        Some(after) => Some(format!("the entry `{path}`, which was there before, is {before}, and would be {after}")),
        None => Some(format!("the entry `{path}`, which was there before, is {before}, and would be gone")),
    };
    standings(before).into_iter().filter_map(changed).collect()
}
