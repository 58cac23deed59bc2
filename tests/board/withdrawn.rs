//! Entries that were retracted or refuted: they stay on the board, unranked, with the reason.

#![expect(clippy::disallowed_methods, reason = "a test may write what nobody relies on")]

use std::fs;

use chrono::Utc;
use hlb_board::{BoardError, RETRACTIONS_FILE, SiteOptions, Workers, read_signers};

use crate::support::fixture::{Fixture, Spec};

fn with_list(list: &str) -> (Fixture, Result<hlb_board::Board, BoardError>) {
    let fixture = Fixture::new();
    fixture.file(&Spec::named("first"));
    fixture.file(&Spec { runs: Spec::runs(10, 2.6, 12), ..Spec::named("second") });
    fs::write(fixture.submissions().join(RETRACTIONS_FILE), list).expect("written");
    let signers = read_signers(&fixture.submissions().join("allowed_signers")).expect("signers");
    let board = hlb_board::read(&fixture.submissions(), &signers, Utc::now(), Workers::all());
    (fixture, board)
}

#[test]
fn a_refuted_entry_stays_unranked_and_struck_through() {
    let list = "withdrawn:\n  - entry: shapes/2026-11-26-first\n    verdict: refuted\n    date: 2026-11-27\n    reason: nobody could repeat it\n";
    let (fixture, board) = with_list(list);
    let board = board.expect("read");
    let row = |name: &str| board.tracks[0].rows.iter().find(|row| row.path.ends_with(name)).expect("there");
    assert_eq!((row("first").rank, row("second").rank), (None, Some(1)));
    assert_eq!(row("first").unranked_because, ["refuted on 2026-11-27: nobody could repeat it"]);
    let site = fixture.sibling("site");
    hlb_board::write(&board, &site, &SiteOptions::default(), Workers::all()).expect("written");
    for page in ["index.html", "entries/shapes/2026-11-26-first/index.html"] {
        let text = fs::read_to_string(site.join(page)).expect("a page");
        assert!(text.contains("<s>") && text.contains("refuted on 2026-11-27: nobody could repeat it"), "{page}");
    }
}

#[test]
fn a_retraction_of_what_is_not_there_is_an_error_not_a_shrug() {
    let list = "withdrawn:\n  - entry: shapes/2026-11-26-frist\n    verdict: withdrawn\n    date: 2026-11-27\n    reason: a slip\n";
    let (_fixture, board) = with_list(list);
    let error = board.expect_err("refused").to_string();
    assert_eq!(error, "`withdrawn.yaml` retracts `shapes/2026-11-26-frist`, which is not an entry of this board");
    let (_fixture, board) = with_list("withdrawn:\n  - entry: x\n    why: none\n");
    assert!(board.expect_err("refused").to_string().contains("unknown field `why`"));
}

#[test]
fn a_list_that_is_a_link_to_nowhere_is_not_an_empty_one() {
    let fixture = Fixture::new();
    fixture.file(&Spec::named("first"));
    std::os::unix::fs::symlink("nowhere", fixture.submissions().join(RETRACTIONS_FILE)).expect("a link");
    let signers = read_signers(&fixture.submissions().join("allowed_signers")).expect("signers");
    let error = hlb_board::read(&fixture.submissions(), &signers, Utc::now(), Workers::all()).expect_err("refused");
    assert!(error.to_string().contains("is a symbolic link"), "{error}");
}
