//! The pages in `docs/guide/`: every command in them is run as it stands, or says that it is not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::clone::{clone_with_remote, git, named, project};
use crate::support::context::{Answer, Context, answer};
use crate::support::simulated::Stage;

/// The pages, in reading order.
const GUIDES: [&str; 6] = ["first-run.md", "variant.md", "submit.md", "verify.md", "reproduce.md", "runner.md"];

/// What a fenced block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Run by the test.
    Tested,
    /// Only its syntax is checked.
    Untested,
    /// Not for a shell.
    Shown,
}

/// The blocks of a guide, in their order.
fn blocks(text: &str) -> Result<Vec<(Kind, String)>, String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(tag) = line.strip_prefix("```") else { continue };
        let kind = match tag {
            "sh test" => Kind::Tested,
            "sh untested" => Kind::Untested,
            "text" | "yaml" => Kind::Shown,
            other => {
                return Err(format!("a block is tagged `{other}`; say `sh test`, `sh untested`, `text` or `yaml`"));
            }
        };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        found.push((kind, body.join("\n") + "\n"));
    }
    Ok(found)
}

fn guide(name: &str) -> Vec<(Kind, String)> {
    let text = fs::read_to_string(project("docs/guide").join(name)).unwrap();
    blocks(&text).unwrap_or_else(|problem| panic!("docs/guide/{name}: {problem}"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &target);
        } else {
            fs::copy(item.path(), target).unwrap();
        }
    }
}

/// A clone of the board with two remotes, the program in `PATH`, and a trainer that is simulated.
struct Desk {
    stage: Stage,
    clone: PathBuf,
}

impl Desk {
    fn new() -> Self {
        let stage = Stage::with(Context::new(), &[]);
        let clone = stage.context.path("hlb-bench");
        for folder in ["scripts", "variants", "submissions"] {
            copy(&project(folder), &clone.join(folder));
        }
        fs::copy(project(".gitignore"), clone.join(".gitignore")).unwrap();
        fs::create_dir_all(stage.context.path("home")).unwrap();
        clone_with_remote(&clone, &stage.context.path("home/public.git"));
        // The commits that took the project's announcements in are not among those of this clone.
        fs::write(clone.join(".git/shallow"), git(&clone, &["rev-parse", "HEAD"])).unwrap();
        let private = stage.context.path("home/private.git");
        git(&clone, &["init", "--quiet", "--bare", private.to_str().unwrap()]);
        git(&private, &["config", "receive.shallowUpdate", "true"]);
        git(&clone, &["remote", "add", "private", private.to_str().unwrap()]);
        stage.context.write("trainer", slower(&fs::read_to_string(stage.context.path("trainer")).unwrap()));
        Self { stage, clone }
    }

    /// Runs the tested blocks of a guide in one shell.
    fn follow(&self, name: &str) -> Answer {
        let tested = guide(name).into_iter().filter(|(kind, _)| *kind == Kind::Tested);
        let script: String = tested.map(|(_, body)| body).collect();
        let mut shell = Command::new("bash");
        self.stage.environment(&mut shell, "sessions");
        named(shell.current_dir(&self.clone).args(["-euo", "pipefail", "-c", &script]));
        let program = Path::new(env!("CARGO_BIN_EXE_hlb-bench"));
        let inherited = std::env::var_os("PATH").unwrap();
        let folders = [program.parent().unwrap().to_owned()].into_iter().chain(std::env::split_paths(&inherited));
        shell.env("PATH", std::env::join_paths(folders).unwrap()).env("HLB_BENCH", program);
        answer(&shell.output().unwrap())
    }
}

/// A trainer whose epochs of a shipped recipe are as long as some processor could make them.
fn slower(trainer: &str) -> String {
    let slower = trainer.replace("lasts=0.06", "lasts=0.2");
    assert_ne!(trainer, slower);
    slower
}

#[test]
fn a_block_without_a_tag_is_no_guide() {
    for tag in ["", "sh", "bash", "console", "sh tested"] {
        let text = format!("words\n\n```{tag}\nls\n```\n");
        assert!(blocks(&text).is_err(), "{tag}");
    }
    let good = blocks("a\n```sh test\nls\npwd\n```\nb\n```text\nc\n```\n").unwrap();
    assert_eq!(good, [(Kind::Tested, "ls\npwd\n".to_owned()), (Kind::Shown, "c\n".to_owned())]);
}

#[test]
fn what_is_not_run_is_at_least_shell() {
    for name in GUIDES {
        let all = guide(name);
        assert!(all.iter().any(|(kind, _)| *kind != Kind::Shown), "{name}: no block is for a shell");
        for (_, body) in all.iter().filter(|(kind, _)| *kind != Kind::Shown) {
            let parsed = answer(&Command::new("bash").args(["-n", "-c", body]).output().unwrap());
            assert_eq!((parsed.code, parsed.stderr.as_str()), (Some(0), ""), "{name}: {body}");
        }
    }
}

#[test]
fn the_index_lists_every_guide_in_reading_order() {
    let index = fs::read_to_string(project("docs/README.md")).unwrap();
    let listed: Vec<&str> = index.split("](guide/").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert_eq!(listed, GUIDES);
    let mut found: Vec<String> = fs::read_dir(project("docs/guide"))
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort_unstable();
    let mut expected = GUIDES;
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn the_first_run_builds_the_board() {
    let desk = Desk::new();
    let followed = desk.follow("first-run.md");
    assert_eq!(followed.code, Some(0), "{}{}", followed.stdout, followed.stderr);
    assert!(desk.clone.join("leaderboard/site/index.html").is_file());
}

#[test]
fn the_guide_for_variants_leads_to_a_result() {
    let desk = Desk::new();
    let followed = desk.follow("variant.md");
    assert_eq!(followed.code, Some(0), "{}{}", followed.stdout, followed.stderr);
    assert!(followed.stdout.contains("less-smoothing"), "{}", followed.stdout);
}

#[test]
fn the_guide_for_verifiers_finds_the_committed_entries_good() {
    let desk = Desk::new();
    let followed = desk.follow("verify.md");
    assert_eq!(followed.code, Some(0), "{}{}", followed.stdout, followed.stderr);
    assert!(followed.stdout.contains("Good \"result.v1@hlb-bench\" signature"), "{}", followed.stdout);
}

#[test]
fn the_guide_for_submitters_leads_to_a_row() {
    let desk = Desk::new();
    let followed = desk.follow("submit.md");
    assert_eq!(followed.code, Some(0), "{}{}", followed.stdout, followed.stderr);
    assert!(followed.stdout.contains("-narrower: "), "{}", followed.stdout);
    assert!(followed.stderr.contains("to propose it:\n  git switch --create entry/shapes/"), "{}", followed.stderr);
    let page = fs::read_to_string(desk.clone.join("leaderboard/site/index.html")).unwrap();
    assert!(page.contains("narrower"), "the row is on the page");
}

#[test]
fn the_guide_for_runners_leads_to_a_branch() {
    let desk = Desk::new();
    let followed = desk.follow("runner.md");
    assert_eq!(followed.code, Some(0), "{}{}", followed.stdout, followed.stderr);
    let public = desk.stage.context.path("home/public.git");
    let changed = git(&public, &["diff", "--name-only", "main", "entry/runner-1"]);
    assert!(changed.contains("-less-smoothing") && changed.contains("/result.yaml.sig"), "{changed}");
    let verified = answer(
        &Command::new(env!("CARGO_BIN_EXE_hlb-bench"))
            .current_dir(&desk.clone)
            .args(["verify", "submissions/shapes"])
            .output()
            .unwrap(),
    );
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
    assert!(desk.stage.context.path("home/etc/hlb-bench/runner_key").is_file());
}

/// The documents at the root and in `docs/`.
fn documents() -> Vec<PathBuf> {
    let folders = ["", "docs", "docs/guide", "docs/reference", "docs/development"];
    let files = folders.iter().flat_map(|folder| fs::read_dir(project(folder)).unwrap());
    let paths = files.map(|item| item.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

#[test]
fn every_link_of_the_documents_resolves() {
    let mut links = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let targets = text.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap());
        for target in targets.filter(|target| !target.is_empty() && !target.contains("://")) {
            let path = document.parent().unwrap().join(target);
            assert!(path.exists(), "{}: `{target}` is missing", document.display());
            links += 1;
        }
    }
    assert!(links > 60, "{links} links");
}

#[test]
fn the_readme_is_short() {
    let text = fs::read_to_string(project("README.md")).unwrap();
    assert!(text.lines().count() <= 110, "{} lines", text.lines().count());
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}
