//! A look at a folder that tells, without reading a file, whether anything in it has changed since another look.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Size, inode and time of change of everything in a folder. The system sets that time, and nobody else can.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Look(BTreeMap<PathBuf, (u64, u64, i64, i64)>);

impl Look {
    /// Takes a look. What cannot be looked at is as if it were not there; a build says why.
    pub fn at(folder: &Path) -> Self {
        let (mut found, mut open) = (BTreeMap::new(), vec![folder.to_owned()]);
        while let Some(folder) = open.pop() {
            for item in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let Ok(facts) = item.metadata() else { continue };
                if facts.is_dir() {
                    open.push(item.path());
                }
                found.insert(item.path(), (facts.len(), facts.ino(), facts.ctime(), facts.ctime_nsec()));
            }
        }
        Self(found)
    }
}
