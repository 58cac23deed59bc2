//! What `submit` and `reproduce` say at their end: commands that make a pull request, run as they stand.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::clone::{clone_with_remote, git, named, policy};
use crate::support::context::{Answer, answer};
use crate::support::simulated::Stage;

/// A board in a git repository, whose remote lies in the home folder; sessions are simulated.
fn board() -> Stage {
    let stage = Stage::small();
    let context = &stage.context;
    context.write(".gitignore", "/*\n!/submissions/\n!/my board/\n");
    context.write("submissions/README", "entries\n");
    for key in ["ada", "bob"] {
        assert_eq!(context.run(["keygen", key]).code, Some(0));
    }
    fs::create_dir_all(context.path("home")).unwrap();
    clone_with_remote(context.root(), &context.path("home/remote.git"));
    stage
}

/// Submits with `gh` in `PATH` or not; whatever else is there stays.
fn submitted(stage: &Stage, with_gh: bool, more: &[&str]) -> Answer {
    let fixed = ["--key", "ada", "--principal", "ada@github", "--runs", "2", "--no-calibrate", "--site", "home/site"];
    let mut command = stage.command("submit", "sessions", &[&fixed[..], more].concat());
    named(&mut command);
    in_path(stage, with_gh, &mut command);
    let session = answer(&command.output().unwrap());
    assert!(matches!(session.code, Some(0 | 1)), "{}", session.stderr);
    session
}

/// A `PATH` of git and what the simulated trainer needs, and of `gh` if wanted, whatever this machine has.
fn in_path(stage: &Stage, with_gh: bool, command: &mut Command) {
    let folder = stage.context.path(if with_gh { "home/with-gh" } else { "home/without-gh" });
    if !folder.exists() {
        fs::create_dir_all(&folder).unwrap();
        let inherited = std::env::var_os("PATH").unwrap();
        for program in std::env::split_paths(&inherited).filter_map(|path| fs::read_dir(path).ok()).flatten() {
            let program = program.unwrap();
            let _ = std::os::unix::fs::symlink(program.path(), folder.join(program.file_name()));
        }
        let _ = fs::remove_file(folder.join("gh"));
        if with_gh {
            let gh = stage.context.write("home/with-gh/gh", "#!/bin/sh\necho \"gh $*\"\n");
            fs::set_permissions(gh, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    command.env("PATH", folder);
}

/// The commands that were printed.
fn commands(session: &Answer) -> Vec<&str> {
    let (_, said) = session.stderr.split_once("to propose it:\n").unwrap_or_else(|| panic!("{}", session.stderr));
    said.lines().map_while(|line| line.strip_prefix("  ")).collect()
}

/// Pastes the commands into a shell.
fn paste(folder: &Path, commands: &[&str]) -> Answer {
    let mut shell = Command::new("sh");
    named(shell.current_dir(folder).args(["-e", "-c", &commands.join("\n")]));
    let ran = answer(&shell.output().unwrap());
    assert_eq!(ran.code, Some(0), "{commands:?}: {}{}", ran.stdout, ran.stderr);
    ran
}

fn entry(session: &Answer) -> String {
    session.stdout.lines().find_map(|line| line.strip_prefix("entry ")).unwrap().to_owned()
}

#[test]
fn the_printed_commands_push_exactly_the_entry() {
    let stage = board();
    let root = stage.context.root();
    // Somebody was at something else, which is staged.
    stage.context.write("submissions/README", "other words\n");
    git(root, &["add", "submissions/README"]);
    let session = submitted(&stage, false, &[]);
    let commands = commands(&session);
    assert!(commands.iter().all(|command| command.starts_with("git ")), "{commands:?}");
    assert!(session.stderr.contains("then open a pull request from that branch"), "{}", session.stderr);
    assert!(!session.stdout.contains("git "), "{}", session.stdout);
    paste(root, &commands);
    let entry = entry(&session);
    let branch = entry.replacen("submissions", "entry", 1);
    let pushed = git(root, &["diff", "--name-only", "main", &format!("origin/{branch}")]);
    let files = ["dataset.yaml", "recipe.yaml", "result.yaml", "result.yaml.sig", "session.jsonl", "variant.yaml"];
    let mut wanted = vec!["submissions/allowed_signers".to_owned()];
    wanted.extend(files.iter().map(|file| format!("{entry}/{file}")));
    assert_eq!(pushed.lines().collect::<Vec<_>>(), wanted);
    let judged = policy(root, "main", &branch);
    assert_eq!(judged.code, Some(0), "{}", judged.stdout);
    assert_eq!(git(root, &["diff", "--cached", "--name-only"]), "submissions/README");
}

#[test]
fn who_has_gh_opens_the_pull_request_with_it() {
    let stage = board();
    let session = submitted(&stage, true, &[]);
    assert_eq!(commands(&session).last(), Some(&"gh pr create --fill"));
    assert!(!session.stderr.contains("then open a pull request"), "{}", session.stderr);
    // The second entry of a person brings no line for its key.
    paste(stage.context.root(), &commands(&session)[..4]);
    let again = submitted(&stage, true, &[]);
    assert!(!commands(&again).iter().any(|command| command.contains("allowed_signers")), "{}", again.stderr);
}

#[test]
fn a_board_elsewhere_with_an_odd_name_is_entered_first() {
    let stage = board();
    let root = stage.context.root();
    let outside = Stage::small();
    let key = root.join("ada");
    let submissions = root.join("my board");
    let arguments = ["--key", key.to_str().unwrap(), "--principal", "ada@github", "--runs", "2", "--no-calibrate"];
    let mut command = outside.command("submit", "sessions", &arguments);
    named(command.arg("--submissions").arg(&submissions));
    let session = answer(&command.output().unwrap());
    let commands = commands(&session);
    assert!(commands[0].starts_with("cd /"), "{commands:?}");
    assert!(commands[2].contains("'my board/cifar10/"), "{commands:?}");
    paste(outside.context.root(), &commands[..5]);
    assert!(git(root, &["show", "--name-only", "--format=", "HEAD"]).contains("my board/allowed_signers"));
}

#[test]
fn a_reproduction_is_proposed_as_one() {
    let stage = board();
    let root = stage.context.root();
    let session = submitted(&stage, false, &[]);
    paste(root, &commands(&session));
    let entry = entry(&session);
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
    stage.environment(&mut command, "sessions");
    named(&mut command);
    command.args(["reproduce", &entry, "--key", "bob", "--principal", "bob@github", "--json"]);
    let repeated = answer(&command.output().unwrap());
    assert!(repeated.stdout.starts_with('{') && repeated.stdout.lines().count() == 1, "{}", repeated.stdout);
    let commands = commands(&repeated);
    paste(root, &commands[..4]);
    let branch = git(root, &["branch", "--show-current"]);
    assert!(branch.starts_with(&entry.replacen("submissions", "reproduction", 1)), "{branch}");
    let judged = policy(root, "HEAD^", "HEAD");
    assert_eq!(judged.code, Some(0), "{}", judged.stdout);
    assert!(judged.stdout.contains("`submissions/allowed_signers` changes"), "{}", judged.stdout);
}

#[test]
fn a_board_that_git_does_not_keep_has_no_commands() {
    let stage = board();
    let ignored = submitted(&stage, false, &["--submissions", "home/scratch"]);
    let words = "to propose it, copy it into a clone of the board, at the same place";
    assert!(ignored.stderr.contains(words), "{}", ignored.stderr);
    fs::remove_dir_all(stage.context.path(".git")).unwrap();
    let outside = submitted(&stage, false, &[]);
    assert!(outside.stderr.contains(words) && !outside.stderr.contains("git "), "{}", outside.stderr);
}
