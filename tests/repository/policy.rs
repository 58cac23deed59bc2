//! `scripts/submission-policy.sh` and the scripts of the workflows that rest on it: what may be merged as a submission.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use hlb_core::yaml;

use crate::support::clone::{clone_with_remote, git, named, policy, project};
use crate::support::context::{Answer, Context, answer};
use crate::support::fixture::{Fixture, Hand, Spec};

/// A board with one entry, in a git repository.
struct Board {
    fixture: Fixture,
    root: PathBuf,
}

impl Board {
    fn new() -> Self {
        let fixture = Fixture::new();
        fixture.file(&Spec { started_at: "2026-11-26T08:26:53Z".to_owned(), ..Spec::named("first") });
        let root = fixture.sibling("");
        // The keys lie there, too.
        fs::write(root.join(".gitignore"), "/*\n!/submissions/\n!/src/\n").unwrap();
        clone_with_remote(&root, &fixture.sibling("remote.git"));
        Self { fixture, root }
    }

    /// Commits whatever changed, and says what the rules make of it.
    fn judged(&self) -> Answer {
        git(&self.root, &["add", "--all"]);
        git(&self.root, &["commit", "--quiet", "--message", "Change the board"]);
        policy(&self.root, "HEAD^", "HEAD")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.fixture.submissions().join(name)
    }

    fn add_signer(&self, line: &str) {
        let path = self.path("allowed_signers");
        fs::write(&path, fs::read_to_string(&path).unwrap() + line).unwrap();
    }
}

/// A line for a new key.
const LINE: &str = "bob@github namespaces=\"result.v1@hlb-bench\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF09vyBi3N/L5ct6ET/VWLKlbucyJ3932SFrib3ivfp3\n";

#[test]
fn one_new_entry_may_be_merged() {
    let board = Board::new();
    board.fixture.file(&Spec::named("second"));
    let judged = board.judged();
    assert_eq!(judged.code, Some(0), "{}{}", judged.stdout, judged.stderr);
    assert_eq!(judged.stdout, "- new: `submissions/shapes/2026-11-26-second`\n");
}

#[test]
fn one_new_reproduction_may_be_merged() {
    let board = Board::new();
    let original = board.path("shapes/2026-11-26-first");
    let spec = Spec { hand: Hand::Runner, ..Spec::named("first") };
    board.fixture.file_reproduction(&original, "2026-11-27-00ff00ff", &spec);
    let judged = board.judged();
    assert_eq!(judged.code, Some(0), "{}", judged.stdout);
    assert!(judged.stdout.contains("first/reproductions/2026-11-27-00ff00ff`"), "{}", judged.stdout);
}

#[test]
fn code_is_for_people_to_review() {
    let board = Board::new();
    fs::create_dir(board.root.join("src")).unwrap();
    fs::write(board.root.join("src/main.rs"), "fn main() {}\n").unwrap();
    let judged = board.judged();
    assert_eq!((judged.code, judged.stdout.starts_with("No submission: ")), (Some(0), true), "{}", judged.stdout);
}

type Change = fn(&Board);

/// Each change, on top of a new entry, with what is said of it.
const AGAINST_THE_RULES: [(&str, Change); 13] = [
    ("submissions/states.jsonl` is not a file of an entry", |board| {
        fs::write(board.path("states.jsonl"), "").unwrap();
    }),
    ("1 of the 6 files lie outside `submissions/`", |board| {
        fs::create_dir(board.root.join("src")).unwrap();
        fs::write(board.root.join("src/main.rs"), "").unwrap();
    }),
    ("there are 2 new folders", |board| drop(board.fixture.file(&Spec::named("third")))),
    ("first/variant.yaml` existed before", |board| {
        fs::write(board.path("shapes/2026-11-26-first/variant.yaml"), "name: other\n").unwrap();
    }),
    ("first/result.yaml.sig` existed before", |board| {
        fs::remove_file(board.path("shapes/2026-11-26-first/result.yaml.sig")).unwrap();
    }),
    ("first/dataset.yaml` would be added to a folder that exists already", |board| {
        fs::write(board.path("shapes/2026-11-26-first/dataset.yaml"), "").unwrap();
    }),
    ("submissions/runners.yaml` existed before", |board| {
        fs::write(board.path("runners.yaml"), "runners: [bob@github]\n").unwrap();
    }),
    ("second/extra.yaml` is not a plain file (mode 120000)", |board| {
        symlink("/etc/passwd", board.path("shapes/2026-11-26-second/extra.yaml")).unwrap();
    }),
    ("second/run.yaml` is not a plain file (mode 100755)", |board| {
        use std::os::unix::fs::PermissionsExt as _;
        let path = board.path("shapes/2026-11-26-second/run.yaml");
        fs::write(&path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }),
    ("`submissions/README` is not a file of an entry", |board| fs::write(board.path("README"), "").unwrap()),
    ("second/deeper/result.yaml` is not a file of an entry", |board| {
        fs::create_dir(board.path("shapes/2026-11-26-second/deeper")).unwrap();
        fs::write(board.path("shapes/2026-11-26-second/deeper/result.yaml"), "").unwrap();
    }),
    // What a name has besides plain characters is not printed.
    ("second/a?????script?.yaml` is not a file of an entry", |board| {
        fs::write(board.path("shapes/2026-11-26-second/a`\n|\u{1b}<script>.yaml"), "").unwrap();
    }),
    ("shapes/.git?ttributes` is not a file of an entry", |board| {
        fs::write(board.path("shapes/.git\u{7f}ttributes"), "* text\n").unwrap();
    }),
];

#[test]
fn whatever_else_a_submission_touches_is_against_the_rules() {
    for (said, change) in AGAINST_THE_RULES {
        let board = Board::new();
        board.fixture.file(&Spec::named("second"));
        change(&board);
        let judged = board.judged();
        assert_eq!(judged.code, Some(1), "{said}: {}{}", judged.stdout, judged.stderr);
        let against: Vec<&str> = judged.stdout.lines().filter(|line| line.starts_with("- **against")).collect();
        assert!(against.len() == 1 && against[0].contains(said), "{said}: {}", judged.stdout);
    }
}

#[test]
fn a_key_alone_is_no_submission() {
    let board = Board::new();
    board.add_signer(LINE);
    let judged = board.judged();
    assert_eq!(judged.code, Some(1));
    assert!(judged.stdout.contains("there is no new entry"), "{}", judged.stdout);
}

#[test]
fn a_commit_that_is_not_there_is_an_error_and_no_verdict() {
    let board = Board::new();
    let judged = policy(&board.root, "HEAD~7", "HEAD");
    assert_eq!(judged.code, Some(2));
    assert!(judged.stderr.contains("there is no commit `HEAD~7`"), "{}", judged.stderr);
}

/// The job summary of a pull request of the account `Bob`.
fn summary(repository: &Path) -> Answer {
    let mut command = Command::new(project("scripts/verify-pull-request.sh"));
    named(command.arg(env!("CARGO_BIN_EXE_hlb-bench")).arg(repository).arg("Bob"));
    answer(&command.output().unwrap())
}

/// Merges a branch with what changed, as GitHub does for a pull request.
fn merged(board: &Board) {
    git(&board.root, &["switch", "--quiet", "--create", "theirs"]);
    git(&board.root, &["add", "--all"]);
    git(&board.root, &["commit", "--quiet", "--message", "Enter something"]);
    git(&board.root, &["switch", "--quiet", "main"]);
    git(&board.root, &["merge", "--quiet", "--no-ff", "--message", "Merge", "theirs"]);
}

#[test]
fn a_good_pull_request_has_a_good_summary() {
    let board = Board::new();
    board.fixture.file(&Spec::named("second"));
    merged(&board);
    let summary = summary(&board.root);
    assert_eq!(summary.code, Some(0), "{}{}", summary.stdout, summary.stderr);
    for said in [
        "- new: `submissions/shapes/2026-11-26-second`",
        "/2026-11-26-second | verified |",
        "The board accepts every entry.",
    ] {
        assert!(summary.stdout.contains(said), "{said}: {}", summary.stdout);
    }
}

#[test]
fn a_bad_pull_request_fails_and_says_all_that_is_wrong() {
    let board = Board::new();
    let entry = board.fixture.file(&Spec::named("second"));
    fs::write(entry.join("variant.yaml"), "name: other\n").unwrap();
    fs::write(board.path("README"), "").unwrap();
    merged(&board);
    let summary = summary(&board.root);
    assert_eq!(summary.code, Some(1), "{}{}", summary.stdout, summary.stderr);
    for said in [
        "`submissions/README` is not a file of an entry",
        "/2026-11-26-second | **rejected** |",
        "The board rejects an entry",
    ] {
        assert!(summary.stdout.contains(said), "{said}: {}", summary.stdout);
    }
}

/// What the summary says is against the rules, after a change on top of a new entry.
fn refused(change: impl FnOnce(&Board)) -> String {
    let board = Board::new();
    board.fixture.file(&Spec::named("second"));
    change(&board);
    merged(&board);
    let summary = summary(&board.root);
    assert_eq!(summary.code, Some(1), "{}{}", summary.stdout, summary.stderr);
    assert!(!summary.stdout.contains("**for a maintainer:**"), "{}", summary.stdout);
    summary.stdout.lines().filter(|line| line.starts_with("- **against the rules:**")).collect()
}

#[test]
fn a_new_key_is_shown_to_a_maintainer() {
    let board = Board::new();
    board.fixture.file(&Spec::named("second"));
    board.add_signer(LINE);
    merged(&board);
    let summary = summary(&board.root);
    assert_eq!(summary.code, Some(0), "{}{}", summary.stdout, summary.stderr);
    for said in [
        "**for a maintainer:** a key of `bob@github` is added, fingerprint `SHA256:",
        "may sign in `result.v1@hlb-bench` and nothing else",
        "<https://api.github.com/users/bob/ssh_signing_keys>, have to list `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF09",
    ] {
        assert!(summary.stdout.contains(said), "{said}: {}", summary.stdout);
    }
}

#[test]
fn a_stranger_lists_a_key_for_their_own_results_and_nothing_else() {
    let rerun = LINE.replace("result.v1", "rerun.v1");
    for (line, said) in [
        (rerun, "allowed&#95;signers"),
        (LINE.replacen("bob@github", "ada@example", 1), "ada&#64;example"),
        (LINE.repeat(2), "something else changes"),
    ] {
        let against = refused(|board| board.add_signer(&line));
        assert!(against.contains(said), "{line}: {against}");
    }
    let removed = refused(|board| fs::remove_file(board.path("allowed_signers")).unwrap());
    assert!(removed.contains("something else changes"), "{removed}");
}

#[test]
fn nobody_makes_a_runner_by_a_pull_request() {
    let named = refused(|board| {
        fs::write(board.path("runners.yaml"), "runners: [runner@example, bob@github]\n").unwrap();
    });
    assert!(named.contains("runners&#46;yaml") || named.contains("runners.yaml"), "{named}");
    // A key that may sign reruns, of somebody who is no runner of the board, signs for nothing.
    let board = Board::new();
    fs::write(board.path("runners.yaml"), "runners: []\n").unwrap();
    board.fixture.file(&Spec { hand: Hand::Runner, ..Spec::named("second") });
    let judged = board.fixture.board();
    assert_eq!((judged.entry_count(), judged.rejected.len()), (1, 1));
    let said = "`runner@example` is not a runner that the board lists in `runners.yaml`";
    assert!(judged.rejected[0].reason.ends_with(said), "{:?}", judged.rejected);
}

/// Files the session of the first entry once more.
fn copy_first(board: &Board, name: &str) {
    let folder = board.path(name);
    fs::create_dir(&folder).unwrap();
    let copied = board.path("shapes/2026-11-26-first");
    for name in ["result.yaml", "session.jsonl", "variant.yaml", "recipe.yaml", "result.yaml.sig"] {
        fs::copy(copied.join(name), folder.join(name)).unwrap();
    }
}

#[test]
fn a_copy_throws_nobody_off_the_board() {
    let against = refused(|board| {
        fs::remove_dir_all(board.path("shapes/2026-11-26-second")).unwrap();
        copy_first(board, "shapes/2026-11-26-first-2");
    });
    let said = "the entry &#96;shapes/2026-11-26-first&#96;, which was there before, is ranked, self-reported, and \
                would be rejected";
    assert!(against.contains(said), "{against}");
}

#[test]
fn an_earlier_date_takes_no_record_away() {
    let against = refused(|board| {
        let spec = Spec { runs: Spec::runs(10, 2.0, 16), ..Spec::named("older") };
        fs::remove_dir_all(board.path("shapes/2026-11-26-second")).unwrap();
        board.fixture.file(&Spec {
            started_at: "2026-11-25T09:26:53Z".to_owned(),
            folder: "2026-11-25-older".to_owned(),
            ..spec
        });
    });
    assert!(against.contains("is no longer a record"), "{against}");
}

#[test]
fn a_reproduction_may_raise_the_entry_that_it_repeats() {
    let board = Board::new();
    let original = board.path("shapes/2026-11-26-first");
    let spec = Spec { hand: Hand::Runner, ..Spec::named("first") };
    board.fixture.file_reproduction(&original, "2026-11-27-00ff00ff", &spec);
    merged(&board);
    let summary = summary(&board.root);
    assert_eq!(summary.code, Some(0), "{}{}", summary.stdout, summary.stderr);
    assert!(summary.stdout.contains("| reproduced |"), "{}", summary.stdout);
}

/// The last step of the job of benchmark.yml that verifies what the runner brought.
fn checked(board: &Board, files: &Path) -> Answer {
    let text = fs::read(project(".github/workflows/benchmark.yml")).unwrap();
    let tree: serde_json::Value = yaml::parse(&text, "benchmark.yml").unwrap();
    let script = tree["jobs"]["check"]["steps"].as_array().unwrap().last().unwrap()["run"].as_str().unwrap();
    let temporary = Context::new();
    symlink(files, temporary.path("entry")).unwrap();
    fs::create_dir_all(board.root.join("target/release")).unwrap();
    symlink(env!("CARGO_BIN_EXE_hlb-bench"), board.root.join("target/release/hlb-bench")).unwrap();
    let mut command = Command::new("bash");
    command.current_dir(&board.root).args(["-eo", "pipefail", "-c", script]);
    command.env("RUNNER_TEMP", temporary.root()).env("GITHUB_STEP_SUMMARY", temporary.path("summary"));
    let ended = answer(&command.output().unwrap());
    Answer { stdout: fs::read_to_string(temporary.path("summary")).unwrap_or_default(), ..ended }
}

#[test]
fn what_the_runner_measured_is_judged_like_everyones() {
    for (date, is_good) in [("2026-11-26", true), ("2026-11-25", false)] {
        let board = Board::new();
        let brought = Context::new();
        let entry = board.fixture.file(&Spec {
            hand: Hand::Runner,
            runs: Spec::runs(10, 2.0, 16),
            started_at: format!("{date}T10:26:53Z"),
            folder: format!("{date}-second"),
            ..Spec::named("second")
        });
        let place = brought.path("submissions/shapes");
        fs::create_dir_all(&place).unwrap();
        fs::rename(&entry, place.join(entry.file_name().unwrap())).unwrap();
        let checked = checked(&board, brought.root());
        assert_eq!(checked.code, Some(i32::from(!is_good)), "{date}: {}{}", checked.stdout, checked.stderr);
        assert_eq!(checked.stdout.contains("is no longer a record"), !is_good, "{}", checked.stdout);
    }
}

/// The last job of benchmark.yml, up to the push.
fn proposed(board: &Board, files: &Path) -> Answer {
    let scripts = board.root.join("scripts");
    fs::create_dir(&scripts).unwrap();
    for name in ["propose-entry.sh", "submission-policy.sh"] {
        fs::copy(project("scripts").join(name), scripts.join(name)).unwrap();
    }
    let mut command = Command::new(scripts.join("propose-entry.sh"));
    named(command.arg(files).arg("entry/runner-1"));
    answer(&command.output().unwrap())
}

#[test]
fn what_the_runner_measured_becomes_a_commit_of_its_own() {
    let board = Board::new();
    let brought = Context::new();
    let entry = board.fixture.file(&Spec { hand: Hand::Runner, ..Spec::named("second") });
    let place = brought.path("submissions/shapes");
    fs::create_dir_all(&place).unwrap();
    fs::rename(entry, place.join("2026-11-26-second")).unwrap();
    let proposed = proposed(&board, brought.root());
    assert_eq!(proposed.code, Some(0), "{}{}", proposed.stdout, proposed.stderr);
    assert_eq!(git(&board.root, &["branch", "--show-current"]), "entry/runner-1");
    let changed = git(&board.root, &["diff", "--name-only", "main", "HEAD"]);
    assert_eq!(changed.lines().count(), 5, "{changed}");
}

#[test]
fn a_runner_that_was_taken_over_proposes_no_key() {
    let board = Board::new();
    let brought = Context::new();
    brought.write("submissions/allowed_signers", LINE);
    brought.write("submissions/shapes/2026-11-26-second/result.yaml", "");
    brought.write("submissions/shapes/2026-11-26-third/result.yaml", "");
    let proposed = proposed(&board, brought.root());
    assert_eq!(proposed.code, Some(1), "{}{}", proposed.stdout, proposed.stderr);
    // What is there is never written over, so the list of signers is as it was.
    assert!(proposed.stdout.contains("there are 2 new folders") && !proposed.stdout.contains("allowed_signers"));
    assert_eq!(git(&board.root, &["diff", "--name-only", "main", "HEAD", "--", "submissions/allowed_signers"]), "");
}
