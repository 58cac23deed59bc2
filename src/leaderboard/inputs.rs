//! Everything that a board follows from, as one digest: the program, the list of signers, how its lines stand to the time, and
//! every byte below the submissions.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::artifact::{Sha256Hex, sha256_file, sha256_hex};
use crate::leaderboard::board::{BoardError, entry_folders, relative};
use crate::leaderboard::{SiteOptions, WITHDRAWN_FILE, Workers};
use crate::result::LOG_CAP;
use crate::signing::AllowedSigners;
use crate::yaml;

/// Folders below an entry that are looked into: those of its reproductions, and what no entry may hold.
const DEPTH: usize = 4;

/// What is digested.
#[derive(Serialize)]
struct Inputs<'a> {
    version: &'static str,
    /// The program with all that is compiled in: templates, tracks, recipes, data sets, prices.
    program_sha256: Sha256Hex,
    signers: &'a Option<String>,
    /// How each of its lines stands to the time of the build.
    standing: Vec<&'static str>,
    /// The list of withdrawn entries; `None` if there is none.
    withdrawn_sha256: Option<Sha256Hex>,
    /// Where the site is published.
    base_url: Option<String>,
    /// The reports of studies that it hands on.
    studies_sha256: Option<Sha256Hex>,
    entries: Vec<(String, Sha256Hex)>,
}

/// The digest of what a board follows from. `None` where it cannot be said, as with links or devices among the entries: such a
/// board is built anew each time.
pub(super) fn digest(
    submissions: &Path,
    options: &SiteOptions,
    (signers, signers_text): (&AllowedSigners, &Option<String>),
    now: DateTime<Utc>,
    workers: Workers,
) -> Result<Option<Sha256Hex>, BoardError> {
    let Some(program_sha256) = std::env::current_exe().ok().and_then(|path| sha256_file(&path).ok()) else {
        return Ok(None);
    };
    let entry = |folder: &PathBuf| Some((relative(submissions, folder), of_folder(folder, DEPTH).ok()?));
    let entries: Option<Vec<_>> = workers.map(&entry_folders(submissions)?, entry).into_iter().collect();
    let standing = signers.standing(now);
    let (Ok(withdrawn_sha256), Ok(studies_sha256)) = (of_withdrawn(submissions), of_studies(options)) else {
        return Ok(None);
    };
    let inputs = entries.map(|entries| Inputs {
        version: env!("CARGO_PKG_VERSION"),
        program_sha256,
        signers: signers_text,
        standing,
        withdrawn_sha256,
        base_url: options.base_url.as_ref().map(ToString::to_string),
        studies_sha256,
        entries,
    });
    Ok(inputs.map(|inputs| sha256_hex(&serde_json::to_vec(&inputs).expect("strings and digests are JSON"))))
}

fn of_withdrawn(submissions: &Path) -> io::Result<Option<Sha256Hex>> {
    let path = submissions.join(WITHDRAWN_FILE);
    let read = || yaml::read(&path, LOG_CAP).map_err(io::Error::other);
    path.exists().then(|| read().map(|bytes| sha256_hex(&bytes))).transpose()
}

fn of_studies(options: &SiteOptions) -> io::Result<Option<Sha256Hex>> {
    let there = options.studies.as_deref().filter(|folder| folder.is_dir());
    there.map(|folder| of_folder(folder, DEPTH)).transpose()
}

/// Names and contents of all that is below a folder.
fn of_folder(folder: &Path, depth: usize) -> io::Result<Sha256Hex> {
    let refused = || io::Error::other("not a file that an entry may have");
    let mut items = Vec::new();
    for item in fs::read_dir(folder)? {
        let item = item?;
        let name = item.file_name().into_string().map_err(|_| refused())?;
        let (kind, path) = (item.file_type()?, item.path());
        let sha256 = if kind.is_dir() && depth > 0 {
            of_folder(&path, depth - 1)?
        } else {
            // Takes nothing but regular files, and no more of one than a verifier would.
            sha256_hex(&yaml::read(&path, LOG_CAP).map_err(|_| refused())?)
        };
        items.push((name, kind.is_dir(), sha256));
    }
    items.sort();
    Ok(sha256_hex(&serde_json::to_vec(&items).expect("strings and digests are JSON")))
}
