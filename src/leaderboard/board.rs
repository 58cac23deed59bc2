//! Which entries stand where: every entry is verified, then ranked within its track; what fails is listed, never dropped.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::artifact::Sha256Hex;
use crate::hint::Hint;
use crate::leaderboard::median_run::median_curve;
use crate::leaderboard::record::{day, held_at};
use crate::leaderboard::sensors::Sensors;
use crate::leaderboard::withdrawn::{self, Withdrawal, WithdrawnError};
use crate::leaderboard::{SIGNERS_FILE, Workers};
use crate::result::{Claim, Entry, RESULT_FILE, Trust, check_entry, claims, entry_name};
use crate::signing::{AllowedSigners, AllowedSignersError};
use crate::stats::mann_whitney;
use crate::text::show;
use crate::track::{self, Track};

/// Two rows are told apart when one and the same recipe would part them by chance in fewer than one of a hundred pairs.
const SIGNIFICANCE: f64 = 0.01;

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
    /// Ranked rows by hardware class, that of the fastest row first, and within it fastest first; then unranked ones in the
    /// order of their dates.
    pub rows: Vec<Row>,
}

/// An entry and where it stands.
#[derive(Debug, Clone)]
pub struct Row {
    /// The entry, without the samples of its run log.
    pub entry: Entry,
    /// What is drawn of those.
    pub sensors: Sensors,
    /// Folder below the submissions, with `/` between its parts.
    pub path: String,
    /// What trained, in a few words: rows are ranked within it.
    pub class: String,
    /// Rank within track and hardware class, from 1; `None` if it is not ranked.
    pub rank: Option<usize>,
    /// That it is not significantly faster than the row below it, and how sure one could be; `None` where it is.
    pub level_with_next: Option<LevelWith>,
    /// Why it is not ranked.
    pub unranked_because: Vec<String>,
    /// That it was taken back or refuted.
    pub withdrawn: Option<Withdrawal>,
    /// (Seconds of training, accuracy in percent) after each epoch of its median run.
    pub median_curve: Vec<(f64, f64)>,
}

/// A row that another is not significantly faster than.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelWith {
    /// Name of its variant.
    pub name: String,
    /// Two-sided p-value (Mann-Whitney) of the two times being of one and the same recipe; `None` with too few runs.
    pub p: Option<f64>,
}

/// An entry that is not what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// The list of withdrawn entries.
    #[error(transparent)]
    Withdrawn(#[from] WithdrawnError),
    /// A withdrawal of an entry that is not there: a slip of the pen would leave the one that was meant on the board.
    #[error("`{file}` withdraws `{entry}`, which is no entry of this board", file = withdrawn::WITHDRAWN_FILE, entry = show(entry))]
    NothingToWithdraw {
        /// The folder that it names.
        entry: String,
    },
}

impl Hint for BoardError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Signers(error) => error.hint(),
            Self::Withdrawn(error) => error.hint(),
            _ => None,
        }
    }
}

impl Row {
    fn new(mut entry: Entry, path: String) -> Self {
        let class = entry.result.machine.class(&entry.result.session.device);
        let median_curve = median_curve(&entry.log);
        let gpu = entry.result.derived.telemetry.gpu.as_ref().map(|gpu| gpu.index);
        let sensors = Sensors::new(&entry.log, gpu);
        entry.forget_samples();
        Self {
            entry,
            sensors,
            path,
            class,
            rank: None,
            level_with_next: None,
            unranked_because: Vec::new(),
            withdrawn: None,
            median_curve,
        }
    }

    /// Median time-to-accuracy, for the order of rows.
    fn median(&self) -> f64 {
        self.entry.result.derived.summary.time_to_accuracy_seconds.median.unwrap_or(f64::INFINITY)
    }

    fn is_ranked(&self) -> bool {
        self.unranked_because.is_empty()
    }

    fn times(&self) -> Vec<Option<f64>> {
        self.entry.result.derived.runs.iter().map(|run| run.time_to_accuracy_seconds).collect()
    }
}

impl Board {
    /// Whether nothing on the board waits for a day to come.
    pub(super) fn is_of_the_past(&self, now: DateTime<Utc>) -> bool {
        let mut held = self.tracks.iter().flat_map(|track| &track.rows).filter_map(held_at);
        !held.any(|held| is_to_come(held, now))
    }

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

/// The list of signers in a folder of submissions, and its text.
pub(super) fn signers_in(submissions: &Path) -> Result<(AllowedSigners, Option<String>), BoardError> {
    let path = submissions.join(SIGNERS_FILE);
    let text = text_of(&path)?;
    let signers = AllowedSigners::parse(text.as_deref().unwrap_or_default(), &path.display().to_string())?;
    Ok((signers, text))
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

/// Verifies and ranks everything below `submissions`, on all processors.
pub fn read(submissions: &Path, signers: &AllowedSigners, now: DateTime<Utc>) -> Result<Board, BoardError> {
    read_with(submissions, signers, now, Workers::all())
}

/// The same on so many threads; the board does not depend on how many.
pub fn read_with(
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
    withdraw(&mut rows, &rejected, withdrawn::read(submissions)?)?;
    let mut of_track: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        of_track.entry(row.entry.result.track.to_string()).or_default().push(row);
    }
    let ranked = |track: Track| {
        let rows = of_track.remove(&track.id).unwrap_or_default();
        RankedTrack { rows: rank(rows, &track, now), track }
    };
    let tracks = track::all().into_iter().map(ranked).collect();
    Ok(Board { tracks, rejected, signers_text: text_of(&submissions.join(SIGNERS_FILE))? })
}

pub(super) fn relative(submissions: &Path, folder: &Path) -> String {
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

/// A session is an entry once: a second entry with its nonce, a seed of it or the times of one of its runs is a copy, whatever
/// its name.
fn without_copies(rows: Vec<Row>, rejected: &mut Vec<Rejected>) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    let mut claimed: BTreeMap<String, String> = BTreeMap::new();
    for row in rows {
        let claims: Vec<Claim> = sessions(&row.entry).flat_map(claims).collect();
        if let Some((claim, first)) = claims.iter().find_map(|claim| Some((claim, claimed.get(&claim.key)?))) {
            let reason = format!("{} of its session is already that of {first}", claim.what);
            rejected.push(Rejected { folder: row.path, reason });
            continue;
        }
        claimed.extend(claims.into_iter().map(|claim| (claim.key, row.path.clone())));
        kept.push(row);
    }
    kept
}

/// The session of an entry, and those that reproduced it.
fn sessions(entry: &Entry) -> impl Iterator<Item = &Entry> {
    std::iter::once(entry).chain(entry.reproductions.iter().map(|again| again.entry.as_ref()))
}

/// Rows by hardware class and median time-to-accuracy, then the others by date; ties by path, so that the order is total.
fn rank(mut rows: Vec<Row>, track: &Track, now: DateTime<Utc>) -> Vec<Row> {
    for row in &mut rows {
        row.unranked_because = row.withdrawn.iter().map(Withdrawal::words).collect();
        row.unranked_because.extend(obstacles(&row.entry, track));
        row.unranked_because.extend(timeless(row, now));
    }
    set_other_data_apart(&mut rows);
    let mut fastest: BTreeMap<String, f64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_ranked()) {
        let best = fastest.entry(row.class.clone()).or_insert(f64::INFINITY);
        *best = best.min(row.median());
    }
    rows.sort_by(|a, b| order(a, &fastest).cmp(&order(b, &fastest)));
    let mut place: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.iter_mut().filter(|row| row.is_ranked()) {
        let place = place.entry(row.class.clone()).or_default();
        *place += 1;
        row.rank = Some(*place);
    }
    compare_neighbours(&mut rows);
    rows
}

/// Where a row stands: non-negative times order as their bits do.
fn order<'a>(row: &'a Row, fastest: &BTreeMap<String, f64>) -> (bool, u64, &'a str, u64, &'a str) {
    let best = fastest.get(&row.class).copied().filter(|_| row.is_ranked());
    match best {
        Some(best) => (false, best.to_bits(), &row.class, row.median().to_bits(), &row.path),
        // Unranked rows stand by date, with which their paths begin.
        None => (true, 0, "", 0, &row.path),
    }
}

/// Says of each ranked row whether it is significantly faster than the one below it. Which of the two is called faster is read
/// off the same times, so the test is two-sided.
fn compare_neighbours(rows: &mut [Row]) {
    for index in 1..rows.len() {
        let (above, below) = (&rows[index - 1], &rows[index]);
        if below.rank.is_none() || above.class != below.class {
            continue;
        }
        let p = mann_whitney(&above.times(), &below.times()).map(|test| test.p_two_sided);
        let level = p.is_none_or(|p| p >= SIGNIFICANCE);
        let with = LevelWith { name: below.entry.result.variant.name.to_string(), p };
        rows[index - 1].level_with_next = level.then_some(with);
    }
}

/// Marks rows that were taken back or refuted. An entry that was rejected may be named too.
fn withdraw(rows: &mut [Row], rejected: &[Rejected], list: Vec<Withdrawal>) -> Result<(), BoardError> {
    for withdrawal in list {
        if let Some(row) = rows.iter_mut().find(|row| row.path == withdrawal.entry.as_str()) {
            row.withdrawn = Some(withdrawal);
        } else if !rejected.iter().any(|rejected| rejected.folder == withdrawal.entry.as_str()) {
            return Err(BoardError::NothingToWithdraw { entry: withdrawal.entry.to_string() });
        }
    }
    Ok(())
}

/// Data decoded alike are alike. Where no digest is published, the first entry's is held against the others.
fn set_other_data_apart(rows: &mut [Row]) {
    let mut first: BTreeMap<Option<String>, (Sha256Hex, String)> = BTreeMap::new();
    for row in rows.iter_mut().filter(|row| row.entry.result.dataset.published) {
        let dataset = &row.entry.result.dataset;
        let decoder = dataset.decoder.as_ref().map(ToString::to_string);
        let (digest, path) = first.entry(decoder).or_insert((dataset.content_sha256, row.path.clone()));
        if *digest != dataset.content_sha256 {
            let reason = format!("its data set has another content digest than that of {path}, though decoded alike");
            row.unranked_because.push(reason);
        }
    }
}

/// Records are kept by date, so a session has one, and it is not to come. Clocks may be wrong by a day.
fn timeless(row: &Row, now: DateTime<Utc>) -> Option<String> {
    let Some(held) = held_at(row) else { return Some("its session states no calendar time".to_owned()) };
    is_to_come(held, now).then(|| format!("its session starts on {}, which is to come", day(held)))
}

fn is_to_come(held: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    held > now + TimeDelta::days(1)
}

/// Why an entry cannot be ranked; the rules are in `docs/rules.md`.
fn obstacles(entry: &Entry, track: &Track) -> Vec<String> {
    let (summary, session) = (&entry.result.derived.summary, &entry.result.session);
    let mut found = Vec::new();
    if !entry.result.dataset.published {
        let id = &entry.result.dataset.id;
        found.push(format!("it was trained on `{id}`, a data set of its author's own, not on the published one"));
    }
    if entry.result.reproduces.is_some() {
        found.push("it reproduces another entry, and belongs into that one's folder".to_owned());
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
    if summary.p_mean_over_target.is_none_or(|p| p >= SIGNIFICANCE) {
        let p = summary.p_mean_over_target.map_or_else(|| "unknown".to_owned(), |p| format!("{p:.4}"));
        found.push(format!("the mean final accuracy is not over the target at p < 0.01 (p = {p})"));
    }
    if !entry.result.derived.phases.clocks_agree {
        found.push("the clocks of its two programs part by more than 0.5 %".to_owned());
    }
    found
}
