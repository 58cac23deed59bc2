//! Reads the submissions and verifies every entry. Rejected entries are listed with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::board::{Board, Rejected, Row};
use crate::error::BoardError;
use crate::folders::entry_folders;
use crate::ranking::rank;
use crate::retractions::{self, Retraction};
use crate::signers::{SIGNERS_FILE, text_of};
use crate::site::is_plain;
use crate::states;
use crate::workers::Workers;
use hlb_core::text::show;
use hlb_data::track::{self, Track};
use hlb_result::signing::AllowedSigners;
use hlb_result::{Claim, Entry, SignedAnnouncement, Trust, announcement_folders, check_filed, entry_name};

/// Verifies and ranks everything below `submissions` on so many threads; the board does not depend on how many.
pub fn read(
    submissions: &Path,
    signers: &AllowedSigners,
    now: DateTime<Utc>,
    workers: Workers,
) -> Result<Board, BoardError> {
    let folders = entry_folders(submissions)?;
    let verified = workers.map(&folders, |folder| {
        let path = relative(submissions, folder);
        match admit(folder, &path, signers, now) {
            Ok(entry) => Ok(Row::new(entry, path)),
            Err(reason) => Err(Rejected { folder: show(&path), reason }),
        }
    });
    let (mut rows, mut rejected) = (Vec::new(), Vec::new());
    for found in verified {
        match found {
            Ok(row) => rows.push(row),
            Err(found) => rejected.push(found),
        }
    }
    let mut rows = without_copies(rows, &mut rejected);
    let unanswered = unanswered(submissions, signers, now, &rows, &mut rejected)?;
    retract(&mut rows, &rejected, retractions::read(submissions)?)?;
    let mut of_track: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        of_track.entry(row.entry.result.track.to_string()).or_default().push(row);
    }
    let ranked = |track: Track| {
        let rows = of_track.remove(&track.id).unwrap_or_default();
        rank(track, rows, now)
    };
    let tracks = track::all().into_iter().map(ranked).collect();
    let signers_text = text_of(&submissions.join(SIGNERS_FILE))?;
    Ok(Board { tracks, rejected, unanswered, signers_text, states_text: states::text(submissions)? })
}

/// The announcements that no row answers; one that is not in order is rejected.
fn unanswered(
    submissions: &Path,
    signers: &AllowedSigners,
    now: DateTime<Utc>,
    rows: &[Row],
    rejected: &mut Vec<Rejected>,
) -> Result<Vec<SignedAnnouncement>, BoardError> {
    let failed = |source| BoardError::Folder { path: submissions.to_owned(), source };
    let answered = rows.iter().filter_map(|row| row.entry.result.session.announced.as_ref());
    let answered: BTreeSet<_> = answered.map(|announced| announced.announcement_sha256).collect();
    let mut open = Vec::new();
    for folder in announcement_folders(submissions).map_err(failed)? {
        match SignedAnnouncement::read(&folder, signers, now) {
            Ok(signed) if answered.contains(&signed.sha256) => {}
            Ok(signed) => open.push(signed),
            Err(error) => {
                rejected.push(Rejected { folder: show(&relative(submissions, &folder)), reason: error.to_string() });
            }
        }
    }
    Ok(open)
}

fn relative(submissions: &Path, folder: &Path) -> String {
    let below = folder.strip_prefix(submissions).unwrap_or(folder);
    below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn admit(folder: &Path, path: &str, signers: &AllowedSigners, now: DateTime<Utc>) -> Result<Entry, String> {
    let entry = check_filed(folder, signers, now).map_err(|error| error.fault.to_string())?;
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
    if !path.split('/').skip(1).all(is_plain) {
        return Err("its folder's name has other characters than the letters a to z, digits and hyphens".to_owned());
    }
    Ok(entry)
}

/// Whether `folder` is `name`, or `name` with a number.
fn is_numbered(folder: &str, name: &str) -> bool {
    let Some(rest) = folder.strip_prefix(name) else { return false };
    rest.is_empty() || rest.strip_prefix('-').is_some_and(|number| number.parse::<u32>().is_ok())
}

/// A session is an entry once, whatever its name. Which of two is genuine cannot be told from their files, dates least of
/// all, so both are rejected, each with the name of the other, until a maintainer removes one.
fn without_copies(mut rows: Vec<Row>, rejected: &mut Vec<Rejected>) -> Vec<Row> {
    let claimed: Vec<Vec<Claim>> = rows.iter_mut().map(|row| row.entry.take_claims()).collect();
    let mut holders: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (index, claims) in claimed.iter().enumerate() {
        for claim in claims {
            holders.entry(&claim.key).or_default().insert(index);
        }
    }
    let other = |index: usize, claim: &Claim| holders[claim.key.as_str()].iter().copied().find(|held| *held != index);
    let copied = |index: usize| {
        let (claim, other) = claimed[index].iter().find_map(|claim| Some((claim, other(index, claim)?)))?;
        Some(format!("{claim} of its session is also that of {}, and only one can be genuine", rows[other].path))
    };
    let reasons: Vec<Option<String>> = (0..rows.len()).map(copied).collect();
    let mut kept = Vec::with_capacity(rows.len());
    for (row, reason) in rows.into_iter().zip(reasons) {
        match reason {
            Some(reason) => rejected.push(Rejected { folder: row.path, reason }),
            None => kept.push(row),
        }
    }
    kept
}

/// Marks rows that were retracted or refuted. An entry that was rejected may be named too.
fn retract(rows: &mut [Row], rejected: &[Rejected], list: Vec<Retraction>) -> Result<(), BoardError> {
    for retraction in list {
        if let Some(row) = rows.iter_mut().find(|row| row.path == retraction.entry.as_str()) {
            row.retraction = Some(retraction);
        } else if !rejected.iter().any(|rejected| rejected.folder == retraction.entry.as_str()) {
            return Err(BoardError::NothingToRetract { entry: retraction.entry.to_string() });
        }
    }
    Ok(())
}
