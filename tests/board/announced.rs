//! Announced sessions on the board: one session answers one announcement, and says what was promised.

use std::fs;

use hlb_board::{Rejected, records};

use crate::support::context::Context;
use crate::support::fixture::{Fixture, Hand, Spec};

/// Digits of a commit.
const COMMIT: &str = "142041d862e92a285fd520ddde324d26f83ad2ce";

/// Why entries and announcements are rejected.
fn reasons(fixture: &Fixture) -> Vec<String> {
    fixture.board().rejected.into_iter().map(|Rejected { folder, reason }| format!("{folder}: {reason}")).collect()
}

#[test]
fn a_session_that_keeps_its_promise_is_announced_and_others_are_not() {
    let fixture = Fixture::new();
    let promised = Spec::named("promised");
    let announced = Some(fixture.announce(&promised, COMMIT));
    fixture.file(&Spec { announced, ..promised });
    fixture.file(&Spec::named("plain"));
    let board = fixture.board();
    assert_eq!(board.rejected, []);
    let mut rows: Vec<(&str, bool)> =
        board.tracks.iter().flat_map(|track| &track.rows).map(|row| (row.path.as_str(), row.is_announced())).collect();
    rows.sort_unstable();
    assert_eq!(rows, [("shapes/2026-11-26-plain", false), ("shapes/2026-11-26-promised", true)]);
    assert!(board.unanswered.is_empty());
}

#[test]
fn of_two_entries_that_answer_one_announcement_neither_stands() {
    let fixture = Fixture::new();
    let promised = Spec::named("promised");
    let announced = fixture.announce(&promised, COMMIT);
    let again = fixture.announce(&promised, &COMMIT.replace('1', "2"));
    fixture.file(&Spec { announced: Some(announced), ..promised.clone() });
    let runs = Spec::runs(10, 2.0, 16);
    fixture.file(&Spec { announced: Some(again), runs, folder: "2026-11-26-promised-2".to_owned(), ..promised });
    let reasons = reasons(&fixture);
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(
        reasons.iter().all(|reason| reason.contains("the announcement of its session is also that of")),
        "{reasons:?}"
    );
}

#[test]
fn a_session_of_something_else_is_rejected() {
    let promised = Spec::named("promised");
    let others: [(&str, Spec); 2] = [
        ("another number of runs", Spec { runs: Spec::runs(9, 2.5, 16), ..promised.clone() }),
        ("another variant", Spec { description: "another idea".to_owned(), ..promised.clone() }),
    ];
    for (said, other) in others {
        let fixture = Fixture::new();
        let announced = Some(fixture.announce(&promised, COMMIT));
        fixture.file(&Spec { announced, ..other });
        let reasons = reasons(&fixture);
        assert!(reasons.len() == 1 && reasons[0].ends_with(&format!("of {said} than it says")), "{reasons:?}");
    }
}

#[test]
fn an_announcement_that_was_changed_is_rejected_with_its_entry() {
    let fixture = Fixture::new();
    let promised = Spec::named("promised");
    let announced = Some(fixture.announce(&promised, COMMIT));
    fixture.file(&Spec { announced, ..promised });
    let path = fixture.submissions().join("shapes/announcements/2026-11-26-promised/announcement.yaml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("runs: 10", "runs: 11")).unwrap();
    let reasons = reasons(&fixture);
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].ends_with("it is not among those of the board"), "{reasons:?}");
    assert!(reasons[1].contains("does not match the signed bytes"), "{reasons:?}");
}

#[test]
fn a_file_that_does_not_belong_to_an_announcement_is_refused() {
    let fixture = Fixture::new();
    fixture.announce(&Spec::named("promised"), COMMIT);
    fs::write(fixture.submissions().join("shapes/announcements/2026-11-26-promised/payload.sh"), "").unwrap();
    let said = "shapes/announcements/2026-11-26-promised: `payload.sh` does not belong to an announcement";
    assert_eq!(reasons(&fixture), [said]);
}

#[test]
fn a_promise_that_nobody_kept_stands_on_its_authors_page() {
    let fixture = Fixture::new();
    fixture.file(&Spec::named("plain"));
    fixture.announce(&Spec::named("promised"), COMMIT);
    let (context, submissions) = (Context::new(), fixture.submissions());
    let built = context.run(["leaderboard", "--submissions", submissions.to_str().unwrap(), "--out", "site"]);
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let pages = context.files().into_iter().filter(|file| file.starts_with("site/authors/"));
    let pages: String = pages.map(|page| fs::read_to_string(context.path(&page)).unwrap()).collect();
    assert!(pages.contains("promised on shapes, 10 runs, announced on 2026-11-26 by ada@example"), "{pages}");
}

#[test]
fn a_record_is_announced_and_confirmed_or_run_by_the_runner() {
    let candidate_because = |announced: bool, change: &dyn Fn(&Fixture, Spec)| {
        let fixture = Fixture::new();
        let mut spec = Spec::named("first");
        spec.announced = announced.then(|| fixture.announce(&spec, COMMIT));
        change(&fixture, spec);
        let board = fixture.board();
        assert_eq!(board.rejected, []);
        let found: Vec<_> = board.tracks.iter().flat_map(records).map(|record| record.candidate_because).collect();
        assert_eq!(found.len(), 1);
        found[0]
    };
    let alone = |fixture: &Fixture, spec: Spec| drop(fixture.file(&spec));
    let reproduced = |fixture: &Fixture, spec: Spec| {
        let folder = fixture.file(&spec);
        fixture.file_reproduction(&folder, "again", &Spec { hand: Hand::Runner, announced: None, ..spec });
    };
    let run_by_the_runner = |fixture: &Fixture, spec: Spec| drop(fixture.file(&Spec { hand: Hand::Runner, ..spec }));
    assert_eq!(candidate_because(true, &alone), Some("nobody else has run it yet"));
    assert_eq!(candidate_because(false, &reproduced), Some("its session was not announced"));
    assert_eq!(candidate_because(true, &reproduced), None);
    assert_eq!(candidate_because(false, &run_by_the_runner), None);
}
