//! A build of the site: every entry is verified, ranked and rendered. Nothing is kept between builds.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::admission::read;
use crate::board::Rejected;
use crate::error::BoardError;
use crate::signers::{SIGNERS_FILE, read_signers};
use crate::site::{SiteOptions, write};
use crate::workers::Workers;

/// What to build, and how.
#[derive(Debug, Clone)]
pub struct Build {
    /// Folder of entries.
    pub submissions: PathBuf,
    /// Where the site is built.
    pub out: PathBuf,
    /// Address and studies of the site.
    pub options: SiteOptions,
    /// Threads.
    pub workers: Workers,
}

/// What came of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// How many entries stand on the board, ranked or not.
    pub entries: usize,
    /// Entries that failed verification.
    pub rejected: Vec<Rejected>,
}

impl Build {
    /// Builds the site. `now` is when the entries are verified.
    pub fn run(&self, now: DateTime<Utc>) -> Result<Built, BoardError> {
        let signers = read_signers(&self.submissions.join(SIGNERS_FILE))?;
        let board = read(&self.submissions, &signers, now, self.workers)?;
        write(&board, &self.out, &self.options, self.workers)?;
        Ok(Built { entries: board.entry_count(), rejected: board.rejected })
    }

    /// The state of the files that the site is built from.
    pub fn file_state(&self) -> FileState {
        let studies = self.options.studies.as_ref();
        let folders = [Some(&self.submissions), studies.map(|studies| &studies.folder)];
        FileState::read(folders.into_iter().flatten(), studies.map(|studies| &studies.files))
    }
}

/// Size, inode and time of change of every file that counts: equal states mean that nothing was changed in between.
#[derive(Debug, PartialEq, Eq)]
pub struct FileState(BTreeMap<PathBuf, (u64, u64, i64, i64)>);

impl FileState {
    /// Of all files in the folders, and of the YAML right in the folder of study files, which may hold the site, too. Files
    /// that cannot be read are left out; a build reports them.
    fn read<'a>(folders: impl Iterator<Item = &'a PathBuf>, study_files: Option<&PathBuf>) -> Self {
        let mut open: Vec<PathBuf> = folders.cloned().collect();
        let study_files = study_files.into_iter().flat_map(|folder| items(folder));
        let is_yaml = |(path, _): &(PathBuf, _)| path.extension().is_some_and(|kind| kind == "yaml");
        let mut found: BTreeMap<_, _> =
            study_files.filter(is_yaml).map(|(path, facts)| (path, state(&facts))).collect();
        while let Some(folder) = open.pop() {
            for (path, facts) in items(&folder) {
                if facts.is_dir() {
                    open.push(path.clone());
                }
                found.insert(path, state(&facts));
            }
        }
        Self(found)
    }
}

fn state(facts: &fs::Metadata) -> (u64, u64, i64, i64) {
    (facts.len(), facts.ino(), facts.ctime(), facts.ctime_nsec())
}

fn items(folder: &Path) -> impl Iterator<Item = (PathBuf, fs::Metadata)> {
    let items = fs::read_dir(folder).into_iter().flatten().flatten();
    items.filter_map(|item| Some((item.path(), item.metadata().ok()?)))
}
