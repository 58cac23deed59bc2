//! The chain of a board's states: each line of `states.jsonl` says what was filed, changed or removed since the line
//! before, and holds its digest, so that whoever kept an older copy notices an entry that vanished.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::board::day;
use crate::error::BoardError;
use crate::folders::entry_folders;
use crate::{RETRACTIONS_FILE, STATES_FILE};
use hlb_core::artifact::{Sha256Hex, sha256_hex, write_atomic};
use hlb_core::bounded::{self, RESULT_CAP};
use hlb_core::json::read_line_up_to;
use hlb_core::text::{SafeText, show};
use hlb_result::{ANNOUNCEMENT_FILE, REPRODUCTIONS_FOLDER, RESULT_FILE, announcement_folders};

/// Most bytes of such a file: that of 50,000 entries has some 10 MiB.
const STATES_CAP: usize = 64 << 20;

/// Digests of the files that a state covers, by path below the submissions. A result's covers its entry's other files.
type Files = BTreeMap<String, Sha256Hex>;

/// A line of the chain. Its bytes are canonical, so that its digest is that of what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// Counted from 1.
    number: usize,
    /// The day on which it was recorded, YYYY-MM-DD.
    day: SafeText<10>,
    /// SHA-256 of the line before, without its line feed; `null` in the first.
    previous_sha256: Option<Sha256Hex>,
    /// SHA-256 over all files of the state as `sha256sum` lists them, in the order of their paths.
    files_sha256: Sha256Hex,
    /// Files that are new or different since the state before; `null` stands for one that was removed.
    changed: BTreeMap<String, Option<Sha256Hex>>,
}

/// A chain of states, checked link by link.
#[derive(Debug, Default)]
struct States {
    text: String,
    links: Vec<State>,
    files: Files,
}

impl States {
    fn parse(text: &str) -> Result<Self, BoardError> {
        let mut chain = Self::default();
        for line in text.split_inclusive('\n') {
            chain.push(line)?;
        }
        Ok(chain)
    }

    /// Checks a line against all before it and adds it.
    fn push(&mut self, line: &str) -> Result<(), BoardError> {
        let number = self.links.len() + 1;
        let state: State = read_line_up_to(STATES_CAP, line)
            .map_err(|error| BoardError::State { number, problem: format!("cannot be read: {error}") })?;
        for (path, digest) in &state.changed {
            match digest {
                Some(digest) => self.files.insert(path.clone(), *digest),
                None => self.files.remove(path),
            };
        }
        let problem = match () {
            () if line != state.line() => Some("is not in canonical form"),
            () if state.number != number => Some("has another number: states were removed or swapped"),
            () if state.previous_sha256 != self.last_sha256() => {
                Some("does not follow from the state before it, which was changed or replaced")
            }
            () if state.files_sha256 != digest(&self.files) => Some("has a digest that is not that of its files"),
            () => None,
        };
        if let Some(problem) = problem {
            return Err(BoardError::State { number, problem: problem.to_owned() });
        }
        self.text.push_str(line);
        self.links.push(state);
        Ok(())
    }

    fn last_sha256(&self) -> Option<Sha256Hex> {
        self.text.lines().last().map(|line| sha256_hex(line.as_bytes()))
    }

    /// What is different in `files`.
    fn changes_to(&self, files: &Files) -> BTreeMap<String, Option<Sha256Hex>> {
        let new = files.iter().filter(|(path, digest)| self.files.get(*path) != Some(digest));
        let gone = self.files.keys().filter(|path| !files.contains_key(*path));
        let new = new.map(|(path, digest)| (path.clone(), Some(*digest)));
        gone.map(|path| (path.clone(), None)).chain(new).collect()
    }

    /// The line that brings the chain to these files; `None` if it is there.
    fn next(&self, files: &Files, now: DateTime<Utc>) -> Option<State> {
        let changed = self.changes_to(files);
        let state = || State {
            number: self.links.len() + 1,
            day: SafeText::try_from(day(now)).expect("a day is 10 plain characters"),
            previous_sha256: self.last_sha256(),
            files_sha256: digest(files),
            changed: changed.clone(),
        };
        (!changed.is_empty()).then(state)
    }

    /// Whether a path was there before a state, which therefore takes something away.
    fn takes_away(&self, index: usize, path: &str) -> bool {
        path != RETRACTIONS_FILE && self.links[..index].iter().any(|state| state.changed.contains_key(path))
    }
}

impl State {
    fn line(&self) -> String {
        serde_json::to_string(self).expect("texts and digests are JSON") + "\n"
    }
}

/// The digest of a state's files, which `sha256sum` can make, too.
fn digest(files: &Files) -> Sha256Hex {
    let lines: Vec<String> = files.iter().map(|(path, digest)| format!("{digest}  {path}\n")).collect();
    sha256_hex(lines.concat().as_bytes())
}

/// The files that a state of these submissions covers: results, those of reproductions, announcements, and the retractions.
fn files(submissions: &Path) -> Result<Files, BoardError> {
    let mut paths = vec![submissions.join(RETRACTIONS_FILE)];
    for entry in entry_folders(submissions)? {
        let again = entry.join(REPRODUCTIONS_FOLDER);
        let again = if again.is_dir() { entry_folders(&again)? } else { Vec::new() };
        paths.extend([entry].into_iter().chain(again).map(|folder| folder.join(RESULT_FILE)));
    }
    let announced = announcement_folders(submissions)
        .map_err(|source| BoardError::Folder { path: submissions.to_owned(), source })?;
    paths.extend(announced.into_iter().map(|folder| folder.join(ANNOUNCEMENT_FILE)));
    let mut files = Files::new();
    // What is no file of its own is rejected by the board, and no state counts it.
    for path in paths.iter().filter(|path| path.symlink_metadata().is_ok_and(|facts| facts.is_file())) {
        let name = path.strip_prefix(submissions).unwrap_or(path).to_string_lossy().into_owned();
        files.insert(name, sha256_hex(&bounded::read(path, RESULT_CAP)?));
    }
    Ok(files)
}

/// The text of a board's chain; `None` if there is none.
pub(crate) fn text(submissions: &Path) -> Result<Option<String>, BoardError> {
    match bounded::read_text(&submissions.join(STATES_FILE), STATES_CAP as u64) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.is_of_no_file() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Adds a state where the submissions are others than the last one says; its number, or `None` if nothing changed.
pub fn extend_states(submissions: &Path, now: DateTime<Utc>) -> Result<Option<usize>, BoardError> {
    let chain = States::parse(&text(submissions)?.unwrap_or_default())?;
    let Some(state) = chain.next(&files(submissions)?, now) else { return Ok(None) };
    write_atomic(&submissions.join(STATES_FILE), (chain.text + &state.line()).as_bytes())?;
    Ok(Some(state.number))
}

/// How a board's chain of states stands to its files, and to an older copy of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StatesReport {
    /// What is wrong.
    pub problems: Vec<String>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

impl StatesReport {
    /// Checks the chain of a folder of submissions, and that an `older` copy is its beginning; `None` without a chain.
    pub fn read(submissions: &Path, older: Option<&Path>) -> Result<Option<Self>, BoardError> {
        let Some(text) = text(submissions)? else { return Ok(None) };
        let mut report = Self::default();
        match States::parse(&text) {
            Err(error) => report.problems.push(error.to_string()),
            Ok(chain) => {
                report.compare_files(&chain, &files(submissions)?);
                if let Some(older) = older {
                    let older = bounded::read_text(older, STATES_CAP as u64)?;
                    report.compare_older(&chain, &States::parse(&older)?);
                }
            }
        }
        Ok(Some(report))
    }

    fn compare_files(&mut self, chain: &States, files: &Files) {
        let count = chain.links.len();
        let changes = chain.changes_to(files);
        let is_entry = |path: &&String| *path != RETRACTIONS_FILE && chain.files.contains_key(*path);
        for path in changes.keys().filter(is_entry) {
            let what = if files.contains_key(path) { "another file now" } else { "gone" };
            self.problems.push(format!("`{}`, which state {count} has, is {what}", show(path)));
        }
        let Some(last) = chain.links.last() else { return };
        let newer = match changes.len() {
            0 => String::new(),
            changes => format!("; files changed since: {changes}, which `leaderboard --extend-states` records"),
        };
        self.notes.push(format!("last state of the board: {count}, of {}{newer}", last.day));
    }

    fn compare_older(&mut self, chain: &States, older: &States) {
        let pairs = older.links.iter().zip(&chain.links);
        let same = pairs.take_while(|(old, new)| old == new).count();
        if same < older.links.len() {
            let state = same + 1;
            let what = if same < chain.links.len() { "is another one here" } else { "is missing here" };
            self.problems.push(format!("state {state} of the older chain {what}: the history was written again"));
            return;
        }
        for (index, state) in chain.links.iter().enumerate().skip(same) {
            for (path, digest) in state.changed.iter().filter(|(path, _)| chain.takes_away(index, path)) {
                let what = if digest.is_some() { "replaced" } else { "removed" };
                let (number, day) = (state.number, &state.day);
                self.notes.push(format!("state {number} of {day} {what} `{}`", show(path)));
            }
        }
        self.notes.push(format!("the older chain, up to state {same}, is the beginning of this one"));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chain(boards: &[Files]) -> States {
        let mut chain = States::default();
        for files in boards {
            if let Some(state) = chain.next(files, DateTime::UNIX_EPOCH) {
                chain.push(&state.line()).expect("it was made for this chain");
            }
        }
        chain
    }

    fn boards() -> impl Strategy<Value = Vec<Files>> {
        let digest = (0_u8..3).prop_map(|content| sha256_hex(&[content]));
        prop::collection::vec(prop::collection::btree_map("[a-d]", digest, 0..4), 0..6)
    }

    proptest! {
        #[test]
        fn a_chain_is_read_as_it_was_written_and_ends_at_the_last_board(boards in boards()) {
            let chain = chain(&boards);
            let again = States::parse(&chain.text).expect("each link holds");
            prop_assert_eq!(again.files, boards.last().cloned().unwrap_or_default());
            prop_assert_eq!(again.links, chain.links);
        }

        #[test]
        fn a_changed_byte_or_a_lost_line_is_noticed_before_the_end(boards in boards(), place: prop::sample::Index) {
            let chain = chain(&boards);
            prop_assume!(chain.links.len() > 1);
            let mut bytes = chain.text.clone().into_bytes();
            let last = chain.text.trim_end().rfind('\n').expect("two lines");
            let at = place.index(last);
            bytes[at] ^= 1;
            prop_assert!(String::from_utf8(bytes).is_ok_and(|text| States::parse(&text).is_err()));
            let lost = place.index(chain.links.len() - 1);
            let rest = chain.text.lines().enumerate().filter(|(index, _)| *index != lost);
            let rest: Vec<String> = rest.map(|(_, line)| format!("{line}\n")).collect();
            prop_assert!(States::parse(&rest.concat()).is_err());
        }
    }

    #[test]
    fn the_form_of_a_state_is_pinned() {
        let files = Files::from([("shapes/a/result.yaml".to_owned(), sha256_hex(b"a"))]);
        let chain = chain(&[files, Files::new()]);
        let first = format!(
            concat!(
                r#"{{"number":1,"day":"1970-01-01","previous_sha256":null,"files_sha256":"{}","#,
                r#""changed":{{"shapes/a/result.yaml":"{}"}}}}"#
            ),
            sha256_hex(format!("{}  shapes/a/result.yaml\n", sha256_hex(b"a")).as_bytes()),
            sha256_hex(b"a"),
        );
        assert_eq!(chain.text.lines().next(), Some(first.as_str()));
        assert_eq!(chain.links[1].previous_sha256, Some(sha256_hex(first.as_bytes())));
        assert_eq!(chain.links[1].changed, BTreeMap::from([("shapes/a/result.yaml".to_owned(), None)]));
    }
}
