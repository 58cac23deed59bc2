//! A program built from changed sources says so, whatever the changed file is.

#[path = "../../build/commit.rs"]
mod build;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use build::Checkout;

const SOURCES: [&str; 6] = [
    "leaderboard/history/2024.yaml",
    "leaderboard/templates/board.html",
    "peaks.yaml",
    "prices.yaml",
    "src/main.rs",
    ".gitignore",
];

/// Files that no program is built from.
const OTHERS: [&str; 4] =
    [".github/workflows/ci.yml", "docs/guide.md", "submissions/shapes/one/result.yaml", "tests/cli/main.rs"];

fn git(folder: &Path, arguments: &[&str]) {
    let identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"];
    let output = Command::new("git").current_dir(folder).args(identity).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in SOURCES.iter().chain(&OTHERS) {
        write(folder.path(), name, "/target/\n");
    }
    git(folder.path(), &["init", "--quiet"]);
    git(folder.path(), &["add", "."]);
    git(folder.path(), &["commit", "--quiet", "--message", "Begin"]);
    folder
}

#[test]
fn any_changed_source_marks_the_program() {
    let folder = checkout();
    let commit = || Checkout(folder.path()).commit();
    let clean = commit();
    assert_eq!(clean.len(), 40, "{clean}");
    for name in SOURCES {
        write(folder.path(), name, "changed\n");
        assert_eq!(commit(), format!("{clean}-dirty"), "{name}");
        write(folder.path(), name, "/target/\n");
        assert_eq!(commit(), clean, "{name}");
    }
    for name in ["src/new.rs", "leaderboard/templates/new.html", "recipes/new.yaml"] {
        write(folder.path(), name, "");
        assert_eq!(commit(), format!("{clean}-dirty"), "{name} was never added");
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    fs::remove_file(folder.path().join("peaks.yaml")).unwrap();
    assert_eq!(commit(), format!("{clean}-dirty"), "a file that is gone");
}

#[test]
fn what_is_not_compiled_in_leaves_the_program_unmarked() {
    let folder = checkout();
    let clean = Checkout(folder.path()).commit();
    let untracked = ["variant.yaml", "mine/study.yaml", "submissions/shapes/two/result.yaml", "target/debug/x.rs"];
    for name in OTHERS.iter().chain(&untracked) {
        write(folder.path(), name, "changed\n");
    }
    assert_eq!(Checkout(folder.path()).commit(), clean);
}

#[test]
fn the_build_script_waits_for_every_source_and_for_the_next_commit() {
    let folder = checkout();
    let linked = tempfile::tempdir().unwrap();
    let second = linked.path().join("second");
    git(folder.path(), &["worktree", "add", "--quiet", second.to_str().unwrap()]);
    for checkout in [folder.path(), &second] {
        let files = Checkout(checkout).files();
        for name in SOURCES.iter().chain(&OTHERS) {
            assert_eq!(files.contains(&PathBuf::from(name)), SOURCES.contains(name), "{name}");
        }
        // A missing file would make cargo run the build script every time.
        assert!(files.iter().all(|file| checkout.join(file).exists()), "{files:?}");
        let noted = files.iter().find(|file| file.ends_with("logs/HEAD")).expect("git notes every commit there");
        let before = fs::read(checkout.join(noted)).unwrap();
        git(checkout, &["commit", "--quiet", "--allow-empty", "--message", "Go on"]);
        assert_ne!(fs::read(checkout.join(noted)).unwrap(), before);
    }
}

#[test]
fn outside_a_checkout_there_is_no_commit() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Checkout(folder.path()).commit(), "");
    assert!(Checkout(folder.path()).files().is_empty());
}
