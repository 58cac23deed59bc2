//! The chain of states: an entry that vanishes is noticed by the board itself, and by whoever has an older copy.

use std::fs;
use std::path::PathBuf;

use crate::support::context::{Answer, Context};
use crate::support::fixture::{Fixture, Spec};

/// A board whose first state is recorded.
struct Board {
    fixture: Fixture,
    context: Context,
}

impl Board {
    fn new() -> Self {
        let board = Self { fixture: Fixture::new(), context: Context::new() };
        board.fixture.file(&Spec::named("first"));
        assert_eq!(board.extended().code, Some(0));
        board
    }

    fn path(&self, name: &str) -> PathBuf {
        self.fixture.submissions().join(name)
    }

    fn run(&self, command: &str, more: &[&str]) -> Answer {
        let submissions = self.fixture.submissions();
        let mut words = vec![command];
        words.extend(if command == "leaderboard" { ["--submissions"].as_slice() } else { &[] });
        words.push(submissions.to_str().unwrap());
        words.extend(more);
        self.context.run(words)
    }

    fn extended(&self) -> Answer {
        self.run("leaderboard", &["--extend-states", "--out", "site"])
    }

    /// What `verify` says against a chain.
    fn errors(&self, more: &[&str]) -> String {
        let verified = self.run("verify", more);
        assert_eq!(verified.code, Some(1), "{}", verified.stderr);
        verified.stderr.lines().filter(|line| line.starts_with("error: ")).collect()
    }

    /// Keeps a copy of the chain as it is.
    fn keep(&self) -> String {
        let kept = self.context.path("kept.jsonl");
        fs::copy(self.path("states.jsonl"), &kept).unwrap();
        kept.to_str().unwrap().to_owned()
    }
}

#[test]
fn a_state_is_added_when_entries_changed_and_only_when_asked() {
    let board = Board::new();
    let first = fs::read_to_string(board.path("states.jsonl")).unwrap();
    assert!(board.extended().stderr.contains("no new state"));
    board.fixture.file(&Spec::named("second"));
    assert_eq!(board.run("leaderboard", &["--out", "site"]).code, Some(0));
    assert_eq!(fs::read_to_string(board.path("states.jsonl")).unwrap(), first);
    let verified = board.run("verify", &[]);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    let said = "last state of the board: 1, of ";
    assert!(verified.stderr.contains(said) && verified.stderr.contains("; files changed since: 1,"));
    assert!(board.extended().stderr.contains("state 2 is new"));
    let second = fs::read_to_string(board.path("states.jsonl")).unwrap();
    assert!(second.starts_with(&first) && second.lines().count() == 2, "{second}");
    assert!(second.contains("\"shapes/2026-11-26-second/result.yaml\""), "{second}");
    assert_eq!(fs::read_to_string(board.context.path("site/states.jsonl")).unwrap(), second);
}

#[test]
fn an_entry_that_vanished_is_named_until_its_removal_is_recorded_and_by_older_chains_after_it() {
    let board = Board::new();
    board.fixture.file(&Spec::named("second"));
    board.extended();
    let kept = board.keep();
    fs::remove_dir_all(board.path("shapes/2026-11-26-second")).unwrap();
    let said = "`shapes/2026-11-26-second/result.yaml`, which state 2 has, is gone";
    assert_eq!(board.errors(&[]), format!("error: {said}"));
    board.extended();
    assert_eq!(board.run("verify", &[]).code, Some(0));
    let compared = board.run("verify", &["--older-states", &kept]);
    assert_eq!(compared.code, Some(0), "{}", compared.stderr);
    assert!(compared.stderr.contains(" removed `shapes/2026-11-26-second/result.yaml`"), "{}", compared.stderr);
    assert!(compared.stderr.contains("up to state 2, is the beginning of this one"), "{}", compared.stderr);
}

#[test]
fn a_result_in_the_place_of_another_is_named() {
    let board = Board::new();
    board.fixture.file(&Spec { runs: Spec::runs(10, 2.0, 16), ..Spec::named("first") });
    assert!(board.errors(&[]).contains("which state 1 has, is another file now"));
}

#[test]
fn a_history_that_was_written_again_is_noticed_by_whoever_kept_the_old_one() {
    let board = Board::new();
    board.fixture.file(&Spec::named("second"));
    board.extended();
    let kept = board.keep();
    fs::remove_dir_all(board.path("shapes/2026-11-26-second")).unwrap();
    fs::remove_file(board.path("states.jsonl")).unwrap();
    board.extended();
    assert_eq!(board.run("verify", &[]).code, Some(0));
    assert!(board.errors(&["--older-states", &kept]).contains("state 2 of the older chain is missing here"));
    board.fixture.file(&Spec::named("third"));
    board.extended();
    assert!(board.errors(&["--older-states", &kept]).contains("state 2 of the older chain is another one here"));
}

#[test]
fn a_broken_link_is_named_and_never_extended() {
    let board = Board::new();
    board.fixture.file(&Spec::named("second"));
    board.extended();
    let path = board.path("states.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"day\":\"20", "\"day\":\"19", 1)).unwrap();
    let said = "error: state 2 in `states.jsonl` does not follow from the state before it";
    assert!(board.errors(&[]).starts_with(said), "{}", board.errors(&[]));
    let extended = board.extended();
    assert_eq!(extended.code, Some(2));
    assert!(extended.stderr.contains("states are added at its end and never changed"), "{}", extended.stderr);
}
