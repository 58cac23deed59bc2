//! Everything that a board follows from, as one digest: the program, the list of signers, how its lines stand to the time, and
//! every byte below the submissions.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::artifact::{Sha256Hex, sha256_file, sha256_hex};
use crate::leaderboard::board::{Board, BoardError, Row, entry_folders, relative};
use crate::leaderboard::{SiteOptions, WITHDRAWN_FILE, Workers};
use crate::result::{Entry, REPRODUCTIONS_FOLDER, Reproduction};
use crate::run_log::LOG_CAP;
use crate::signing::AllowedSigners;
use crate::yaml;

/// Folders below an entry that are looked into: those of its reproductions, and what no entry may hold.
const DEPTH: usize = 4;

/// The name of what lies in a folder, whether it is a folder too, and its digest.
type Item = (String, bool, Sha256Hex);

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

/// The digest of what a board follows from; entries of a board that was just `verified` are not read again. `None` where it
/// cannot be said, as with links or devices among the entries: such a
/// board is built anew each time.
pub(super) fn digest(
    submissions: &Path,
    options: &SiteOptions,
    (signers, signers_text): (&AllowedSigners, &Option<String>),
    now: DateTime<Utc>,
    workers: Workers,
    verified: Option<&Board>,
) -> Result<Option<Sha256Hex>, BoardError> {
    let Some(program_sha256) = std::env::current_exe().ok().and_then(|path| sha256_file(&path).ok()) else {
        return Ok(None);
    };
    let rows = verified.into_iter().flat_map(|board| board.tracks.iter().flat_map(|track| &track.rows));
    let rows: BTreeMap<&str, &Row> = rows.map(|row| (row.path.as_str(), row)).collect();
    let entry = |folder: &PathBuf| {
        let path = relative(submissions, folder);
        let row = rows.get(path.as_str());
        let digest = row.map_or_else(|| of_folder(folder, DEPTH), |row| of_entry(&row.entry));
        Some((path, digest.ok()?))
    };
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
    path.exists().then(|| of_file(&path)).transpose()
}

fn of_studies(options: &SiteOptions) -> io::Result<Option<Sha256Hex>> {
    let there = options.studies.as_deref().filter(|folder| folder.is_dir());
    there.map(|folder| of_folder(folder, DEPTH)).transpose()
}

/// [`of_folder`] of an entry whose files were read and held against these digests: it holds nothing else.
fn of_entry(entry: &Entry) -> io::Result<Sha256Hex> {
    let file = |(name, sha256): (&str, Option<Sha256Hex>)| {
        let sha256 = sha256.map_or_else(|| of_file(&entry.folder.join(name)), Ok)?;
        Ok((name.to_owned(), false, sha256))
    };
    let mut items = entry.files().map(file).collect::<io::Result<Vec<Item>>>()?;
    if entry.folder.join(REPRODUCTIONS_FOLDER).exists() {
        let again = |again: &Reproduction| {
            let folder = &again.entry.folder;
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, true, of_entry(&again.entry)?))
        };
        let sessions = entry.reproductions.iter().map(again).collect::<io::Result<Vec<Item>>>()?;
        items.push((REPRODUCTIONS_FOLDER.to_owned(), true, of_items(sessions)));
    }
    Ok(of_items(items))
}

/// Names and contents of all that is below a folder.
fn of_folder(folder: &Path, depth: usize) -> io::Result<Sha256Hex> {
    let refused = || io::Error::other("not a file that an entry may have");
    let mut items = Vec::new();
    for item in fs::read_dir(folder)? {
        let item = item?;
        let name = item.file_name().into_string().map_err(|_| refused())?;
        let (kind, path) = (item.file_type()?, item.path());
        let sha256 = if kind.is_dir() && depth > 0 { of_folder(&path, depth - 1)? } else { of_file(&path)? };
        items.push((name, kind.is_dir(), sha256));
    }
    Ok(of_items(items))
}

/// Takes nothing but regular files, and no more of one than a verifier would.
fn of_file(path: &Path) -> io::Result<Sha256Hex> {
    Ok(sha256_hex(&yaml::read(path, LOG_CAP).map_err(io::Error::other)?))
}

fn of_items(mut items: Vec<Item>) -> Sha256Hex {
    items.sort();
    sha256_hex(&serde_json::to_vec(&items).expect("strings and digests are JSON"))
}
