//! Which entries stand where: every entry is verified, then ranked within its track; what fails is listed, never dropped.

use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::leaderboard::SIGNERS_FILE;
use crate::result::{Entry, RESULT_FILE, Trust, check_entry, entry_name};
use crate::signing::{AllowedSigners, AllowedSignersError};
use crate::text::show;
use crate::track::{self, Track};

/// Everything that the site shows.
#[derive(Debug, Clone)]
pub struct Board {
    /// Each track with its rows, in the order of the tracks.
    pub tracks: Vec<RankedTrack>,
    /// Entries that are not what they say.
    pub rejected: Vec<Rejected>,
    /// The list of signers beside the entries, byte for byte, for the site to hand on; `None` if there is none.
    pub signers_text: Option<String>,
}

/// A track and its rows.
#[derive(Debug, Clone)]
pub struct RankedTrack {
    /// The track.
    pub track: Track,
    /// Ranked rows, fastest first, then unranked ones in the order of their dates.
    pub rows: Vec<Row>,
}

/// An entry and where it stands.
#[derive(Debug, Clone)]
pub struct Row {
    /// The entry.
    pub entry: Entry,
    /// Folder below the submissions, with `/` between its parts.
    pub path: String,
    /// Rank within the track, from 1; `None` if it is not ranked.
    pub rank: Option<usize>,
    /// Why it is not ranked.
    pub unranked_because: Vec<String>,
}

/// An entry that is not what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Folder below the submissions.
    pub folder: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The submissions cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BoardError {
    /// A folder cannot be listed.
    #[error("{path} cannot be read: {source}")]
    Folder {
        /// Folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The list of signers.
    #[error(transparent)]
    Signers(#[from] AllowedSignersError),
}

impl Board {
    /// How many entries stand on the board, ranked or not.
    pub fn entry_count(&self) -> usize {
        self.tracks.iter().map(|track| track.rows.len()).sum()
    }
}

/// Reads a list of signers; a missing file allows nobody.
pub fn read_signers(path: &Path) -> Result<AllowedSigners, BoardError> {
    let text = text_of(path)?.unwrap_or_default();
    Ok(AllowedSigners::parse(&text, &path.display().to_string())?)
}

fn text_of(path: &Path) -> Result<Option<String>, BoardError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(BoardError::Folder { path: path.to_owned(), source }),
    }
}

/// Folders that should hold an entry, at most two levels below `folder`, in the order of their names. Hidden ones are work in
/// progress.
pub fn entry_folders(folder: &Path) -> Result<Vec<PathBuf>, BoardError> {
    let mut found = Vec::new();
    for track in folders_in(folder)? {
        let below = folders_in(&track)?;
        if track.join(RESULT_FILE).exists() || below.is_empty() {
            found.push(track);
        } else {
            found.extend(below);
        }
    }
    Ok(found)
}

fn folders_in(folder: &Path) -> Result<Vec<PathBuf>, BoardError> {
    let failed = |source| BoardError::Folder { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder).map_err(failed)? {
        let item = item.map_err(failed)?;
        let hidden = item.file_name().to_string_lossy().starts_with('.');
        if item.path().is_dir() && !hidden {
            found.push(item.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Verifies and ranks everything below `submissions`.
pub fn read(submissions: &Path, signers: &AllowedSigners, now: DateTime<Utc>) -> Result<Board, BoardError> {
    let (mut rows, mut rejected) = (Vec::new(), Vec::new());
    for folder in entry_folders(submissions)? {
        let path = relative(submissions, &folder);
        match admit(&folder, &path, signers, now) {
            Ok(entry) => rows.push(Row { entry, path, rank: None, unranked_because: Vec::new() }),
            Err(reason) => rejected.push(Rejected { folder: show(&path), reason }),
        }
    }
    let rows = without_copies(rows, &mut rejected);
    let of = |track: &Track| rows.iter().filter(|row| row.entry.result.track.as_str() == track.id).cloned().collect();
    let tracks = track::all().into_iter().map(|track| RankedTrack { rows: rank(of(&track), &track), track }).collect();
    Ok(Board { tracks, rejected, signers_text: text_of(&submissions.join(SIGNERS_FILE))? })
}

fn relative(submissions: &Path, folder: &Path) -> String {
    let below = folder.strip_prefix(submissions).unwrap_or(folder);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn admit(folder: &Path, path: &str, signers: &AllowedSigners, now: DateTime<Utc>) -> Result<Entry, String> {
    let entry = check_entry(folder, signers, now).map_err(|error| error.fault.to_string())?;
    if entry.trust == Trust::Unsigned {
        return Err("it is unsigned".to_owned());
    }
    let name = entry_name(&entry.result);
    if !is_numbered(path.rsplit('/').next().unwrap_or_default(), &name) {
        return Err(format!("its folder has to be named {name}, or {name}-2 and so on"));
    }
    let track = entry.result.track.as_str();
    if path.split('/').next() != Some(track) || path.split('/').count() != 2 {
        return Err(format!("it is for track `{track}`, so it belongs in {track}/<name>"));
    }
    // The folder's name becomes a path of the site.
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !path.split('/').skip(1).all(|name| name.bytes().all(plain)) {
        return Err("its folder's name has other characters than the letters a to z, digits and hyphens".to_owned());
    }
    Ok(entry)
}

/// Whether `folder` is `name`, or `name` with a number.
fn is_numbered(folder: &str, name: &str) -> bool {
    let Some(rest) = folder.strip_prefix(name) else { return false };
    rest.is_empty() || rest.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok())
}

/// A session is an entry once: a second entry with its nonce is a copy, whatever its name.
fn without_copies(rows: Vec<Row>, rejected: &mut Vec<Rejected>) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    let mut nonces = std::collections::BTreeMap::new();
    for row in rows {
        let nonce = row.entry.result.session.nonce.clone();
        if let Some(first) = nonces.get(&nonce) {
            let reason = format!("its session is already entered as {first}");
            rejected.push(Rejected { folder: row.path, reason });
            continue;
        }
        nonces.insert(nonce, row.path.clone());
        kept.push(row);
    }
    kept
}

/// Ranked rows by median time-to-accuracy, then the others by date; ties by path, so that the order is total.
fn rank(mut rows: Vec<Row>, track: &Track) -> Vec<Row> {
    for row in &mut rows {
        row.unranked_because = obstacles(&row.entry, track);
    }
    let key = |row: &Row| {
        let median = row.entry.result.derived.summary.time_to_accuracy_seconds.median.unwrap_or(f64::INFINITY);
        let ranked = row.unranked_because.is_empty();
        // Unranked rows stand by date, with which their paths begin.
        (!ranked, if ranked { median } else { 0.0 })
    };
    rows.sort_by(|a, b| {
        let ((a_out, a_median), (b_out, b_median)) = (key(a), key(b));
        a_out.cmp(&b_out).then(a_median.total_cmp(&b_median)).then_with(|| a.path.cmp(&b.path))
    });
    for (index, row) in rows.iter_mut().enumerate() {
        row.rank = row.unranked_because.is_empty().then_some(index + 1);
    }
    rows
}

/// Why an entry cannot be ranked; the rules are in `docs/rules.md`.
fn obstacles(entry: &Entry, track: &Track) -> Vec<String> {
    let (summary, session) = (&entry.result.derived.summary, &entry.result.session);
    let mut found = Vec::new();
    if !entry.result.dataset.published {
        let id = &entry.result.dataset.id;
        found.push(format!("it was trained on `{id}`, a data set of its author's own, not on the published one"));
    }
    if session.stop_reason != "completed" {
        found.push(format!("the session ended early: {}", session.stop_reason));
    }
    if session.stop_at_target {
        found.push("its runs ended at their first crossing".to_owned());
    }
    if summary.runs < track.runs_to_rank {
        found.push(format!("{} runs, a ranked row needs {}", summary.runs, track.runs_to_rank));
    }
    if u64::from(summary.reached) * 10 < u64::from(summary.runs) * 9 || summary.runs == 0 {
        found.push(format!(
            "{} of {} runs reached the target, a ranked row needs 9 of 10",
            summary.reached, summary.runs
        ));
    }
    if summary.p_mean_over_target.is_none_or(|p| p >= 0.01) {
        let p = summary.p_mean_over_target.map_or_else(|| "unknown".to_owned(), |p| format!("{p:.4}"));
        found.push(format!("the mean final accuracy is not over the target at p < 0.01 (p = {p})"));
    }
    if !entry.result.derived.phases.clocks_agree {
        found.push("the clocks of its two programs part by more than 0.5 %".to_owned());
    }
    found
}
