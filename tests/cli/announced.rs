//! From an announcement to the entry that answers it: the seeds follow from the commit that took it in.

use std::fs;

use hlb_core::artifact::sha256_hex;
use hlb_core::seed::Nonce;

use crate::support::clone::{clone_with_remote, git, policy};
use crate::support::context::Answer;
use crate::support::simulated::Stage;

/// A clone of an empty board, with a key of Ada's.
fn stage() -> Stage {
    let stage = Stage::shapes();
    let context = &stage.context;
    assert_eq!(context.run(["keygen", "key"]).code, Some(0));
    context.write(".gitignore", "/*\n!/submissions/\n");
    context.write("submissions/withdrawn.yaml", "withdrawn: []\n");
    clone_with_remote(context.root(), &context.path("home/remote.git"));
    stage
}

/// Announces the variant, and says in which folder.
fn announced(stage: &Stage) -> String {
    let words = ["announce", "v.yaml", "--runs", "2", "--key", "key", "--principal", "ada@github"];
    let announced = stage.context.run(words);
    assert_eq!(announced.code, Some(0), "{}", announced.stderr);
    assert!(announced.stderr.contains("git switch --create announcement/shapes/"), "{}", announced.stderr);
    announced.stdout.trim_end().strip_prefix("announcement ").unwrap().to_owned()
}

/// Merges what was announced, as GitHub does for a pull request.
fn merge(stage: &Stage) {
    let root = stage.context.root();
    git(root, &["switch", "--quiet", "--create", "theirs"]);
    git(root, &["add", "submissions"]);
    git(root, &["commit", "--quiet", "--message", "Announce"]);
    git(root, &["switch", "--quiet", "main"]);
    git(root, &["merge", "--quiet", "--no-ff", "--message", "Merge", "theirs"]);
}

fn submit(stage: &Stage, folder: &str, more: &[&str]) -> Answer {
    let words = ["--key", "key", "--site", "site", "--announced", folder];
    stage.run("submit", "sessions", &[&words[..], more].concat())
}

#[test]
fn an_announced_session_has_the_nonce_that_follows_from_the_commit_that_took_it_in() {
    let stage = stage();
    let (context, root) = (&stage.context, stage.context.root());
    let folder = announced(&stage);
    let early = submit(&stage, &folder, &[]);
    assert_eq!(early.code, Some(2), "{}", early.stderr);
    assert!(early.stderr.contains("no commit of the board took in"), "{}", early.stderr);
    merge(&stage);
    let judged = policy(root, "HEAD^1", "HEAD");
    assert_eq!(
        (judged.code, judged.stdout.contains(&format!("- new: `{folder}`"))),
        (Some(0), true),
        "{}",
        judged.stdout
    );
    let other = submit(&stage, &folder, &["--runs", "3"]);
    assert!(other.stderr.contains("the session would be of another number of runs than"), "{}", other.stderr);
    let filed = submit(&stage, &folder, &[]);
    let entry = filed.stdout.lines().find_map(|line| line.strip_prefix("entry ")).expect(&filed.stderr).to_owned();
    let result = fs::read_to_string(context.path(&entry).join("result.yaml")).unwrap();
    let announcement = sha256_hex(&fs::read(context.path(&folder).join("announcement.yaml")).unwrap());
    let commit = git(root, &["rev-parse", "HEAD"]).parse().unwrap();
    let nonce = Nonce::announced(announcement, &commit);
    for stated in [nonce.as_str(), &announcement.to_string(), commit.as_str()] {
        assert!(result.contains(stated), "{stated}: {result}");
    }
    let verified = context.run(["verify"]);
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""), "{}", verified.stdout);
    assert!(verified.stdout.contains(": announcement of 2 runs by ada@github"), "{}", verified.stdout);
    assert!(fs::read_to_string(context.path("site/entries.json")).unwrap().contains("\"announced\": true"));
    let again = submit(&stage, &folder, &[]);
    assert!(again.stderr.contains("answers it already"), "{}", again.stderr);
    // In another history, another commit took it in.
    git(root, &["switch", "--quiet", "--orphan", "other"]);
    git(root, &["checkout", "--quiet", "theirs", "--", "submissions"]);
    git(root, &["commit", "--quiet", "--message", "Begin anew"]);
    let verified = context.run(["verify"]);
    assert_eq!(verified.code, Some(1), "{}", verified.stdout);
    assert!(verified.stdout.contains("and not the one that the nonce follows from"), "{}", verified.stdout);
    fs::rename(context.path(".git"), context.path("home/git")).unwrap();
    let verified = context.run(["verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
    assert!(verified.stderr.contains("its commit is not checked"), "{}", verified.stderr);
}
