//! A build of the site: from the submissions to the last page, or nothing at all where an earlier build did the same.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::memory::Record;
use super::site::{Stamps, write_on};
use crate::artifact::Sha256Hex;
use crate::hint::Hint;
use crate::leaderboard::board::{Board, BoardError, Rejected, read_with, signers_in};
use crate::leaderboard::{Look, Memory, SiteError, SiteOptions, Workers, inputs};
use crate::text::show;

/// What to build, and how.
#[derive(Debug, Clone)]
pub struct Build {
    /// Folder of entries.
    pub submissions: PathBuf,
    /// Where the site is built.
    pub out: PathBuf,
    /// What the site is told beside its board.
    pub options: SiteOptions,
    /// Threads.
    pub workers: Workers,
    /// What earlier builds left behind; `None` to verify and compare everything again.
    pub memory: Option<Memory>,
}

/// What came of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// How many entries stand on the board, ranked or not.
    pub entries: usize,
    /// Entries that are not what they say.
    pub rejected: Vec<Rejected>,
    /// That nothing had changed since the last build.
    pub was_current: bool,
    /// Why the cache is not used, where it was to be.
    pub cache_problem: Option<String>,
}

impl Built {
    fn anew(board: Board) -> Self {
        Self { entries: board.entry_count(), rejected: board.rejected, was_current: false, cache_problem: None }
    }
}

/// Why there is no site, or an old one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The submissions.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// The site.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// Whoever may write to a site could write a cache in it.
    #[error("the cache `{cache}` would lie in the site `{site}`", cache = show(&cache.to_string_lossy()), site = show(&site.to_string_lossy()))]
    CacheInSite {
        /// The cache.
        cache: PathBuf,
        /// The site.
        site: PathBuf,
    },
}

impl BuildError {
    /// Whether entries changed while the site was built, so that the same build may succeed the next time.
    pub fn is_of_a_change(&self) -> bool {
        matches!(self, Self::Site(SiteError::Changed { .. } | SiteError::Read(_)))
    }
}

impl Hint for BuildError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Site(error) => error.hint(),
            Self::CacheInSite { .. } => {
                Some("name another folder with `--cache`, or build with `--no-cache`".to_owned())
            }
            Self::Board(error) => error.hint(),
        }
    }
}

impl Build {
    /// Builds the site. `now` is when the entries are verified.
    pub fn run(&self, now: DateTime<Utc>) -> Result<Built, BuildError> {
        let Some(memory) = &self.memory else { return Ok(Built::anew(self.write(now, None)?.0)) };
        refuse_inside(memory.folder(), &self.out)?;
        if let Err(problem) = memory.open() {
            let (board, _) = self.write(now, None)?;
            return Ok(Built { cache_problem: Some(problem), ..Built::anew(board) });
        }
        if memory.lies_in(&self.out) {
            return Err(BuildError::CacheInSite { cache: memory.folder().to_owned(), site: self.out.clone() });
        }
        self.with(memory, now)
    }

    fn with(&self, memory: &Memory, now: DateTime<Utc>) -> Result<Built, BuildError> {
        let before = self.look();
        let mut stamps = Stamps::default();
        if let Some(record) = memory.recall(&self.out) {
            if Some(record.inputs) == self.inputs(now, None)? && self.holds(&record.stamps) {
                let (entries, rejected) = (record.entries, record.rejected);
                return Ok(Built { entries, rejected, was_current: true, cache_problem: None });
            }
            stamps = record.stamps;
        }
        let (board, stamps) = self.write(now, Some(stamps))?;
        // What time alone would change is not remembered.
        let inputs = self.inputs(now, Some(&board))?.filter(|_| board.is_of_the_past(now));
        let built = Built::anew(board);
        // What changed while it was read may have been verified as it was before or after.
        let Some(inputs) = inputs.filter(|_| self.look() == before) else { return Ok(built) };
        let record = Record::new(inputs, built.entries, built.rejected.clone(), stamps);
        let kept = record.map_or(Ok(()), |record| memory.keep(&self.out, &record));
        Ok(Built { cache_problem: kept.err(), ..built })
    }

    /// Verifies, ranks and renders everything.
    fn write(&self, now: DateTime<Utc>, before: Option<Stamps>) -> Result<(Board, Stamps), BuildError> {
        let (signers, _) = signers_in(&self.submissions)?;
        let board = read_with(&self.submissions, &signers, now, self.workers)?;
        let stamps = write_on(&board, &self.out, &self.options, self.workers, before)?;
        Ok((board, stamps))
    }

    /// The digest of what the site follows from; what `verified` holds is not read again.
    fn inputs(&self, now: DateTime<Utc>, verified: Option<&Board>) -> Result<Option<Sha256Hex>, BoardError> {
        let (signers, text) = signers_in(&self.submissions)?;
        inputs::digest(&self.submissions, &self.options, (&signers, &text), now, self.workers, verified)
    }

    /// What the inputs that lie in files look like.
    pub fn look(&self) -> [Look; 2] {
        [Some(&self.submissions), self.options.studies.as_ref()]
            .map(|folder| folder.map(|at| Look::at(at)).unwrap_or_default())
    }

    /// Whether every file of the site is as it was written.
    fn holds(&self, stamps: &Stamps) -> bool {
        let stamps: Vec<_> = stamps.iter().collect();
        let holds = self.workers.map(&stamps, |(path, stamp)| stamp.holds(&self.out.join(path)));
        holds.into_iter().all(|holds| holds)
    }
}

/// Refuses a cache whose path, as it is written, leads into the site: neither has to exist.
fn refuse_inside(cache: &Path, site: &Path) -> Result<(), BuildError> {
    let real =
        |path: &Path| fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned());
    if real(cache).starts_with(real(site)) {
        return Err(BuildError::CacheInSite { cache: cache.to_owned(), site: site.to_owned() });
    }
    Ok(())
}
