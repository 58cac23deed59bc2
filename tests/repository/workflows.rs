//! What linters cannot know of `.github/`: rules of this project alone. zizmor, actionlint and
//! GitHub's schemas (`scripts/lint-yaml.sh`) keep the rest: dangerous triggers, pins, credentials,
//! expressions in scripts, concurrency.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hlb_core::yaml;
use serde_json::{Map, Value, json};

use crate::support::clone::git;

const WORKFLOWS: [&str; 5] = ["advisories.yml", "benchmark.yml", "ci.yml", "pages.yml", "verify.yml"];
/// Each more is a party to trust. None of them keeps a cache.
const ACTIONS: [&str; 5] =
    ["checkout", "upload-artifact", "download-artifact", "upload-pages-artifact", "deploy-pages"];
/// A trigger beyond these may start a workflow with more rights than the person who caused it has.
const TRIGGERS: [&str; 4] = ["push", "pull_request", "schedule", "workflow_dispatch"];
/// The only jobs that may change anything, and what.
const GRANTS: [(&str, &str, &[&str]); 2] =
    [("pages.yml", "deploy", &["id-token", "pages"]), ("benchmark.yml", "propose", &["contents", "pull-requests"])];
const FROM_MAIN: &str = "github.ref == 'refs/heads/main'";

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(name: &str) -> String {
    fs::read_to_string(project(".github/workflows").join(name)).unwrap()
}

fn steps(job: &Value) -> impl Iterator<Item = &Value> {
    job["steps"].as_array().into_iter().flatten()
}

fn is_on_runner(job: &Value) -> bool {
    job["runs-on"] != "ubuntu-24.04"
}

/// The rules that a workflow breaks.
fn broken(name: &str, text: &str) -> Vec<&'static str> {
    let tree: Value = yaml::parse(text.as_bytes(), name).unwrap();
    let triggers = tree["on"].as_object().expect("triggers by name");
    let jobs = tree["jobs"].as_object().expect("jobs by name");
    let rules = [
        ("known triggers", triggers.keys().all(|trigger| TRIGGERS.contains(&trigger.as_str()))),
        (
            "least permissions",
            tree["permissions"] == json!({}) && jobs.iter().all(|(job, tree)| is_granted(name, job, tree)),
        ),
        ("changes come from main", jobs.values().all(|job| is_from_main(name, job, triggers))),
        ("known actions", text.lines().filter_map(used).all(|(action, _)| ACTIONS.contains(&action))),
        ("a version with each pin", text.lines().filter_map(used).all(|(_, pin)| has_version(pin))),
        (
            "limited time",
            jobs.values().all(|job| job["timeout-minutes"].as_u64().is_some_and(|minutes| minutes <= 720)),
        ),
        ("guarded runner", is_runner_guarded(name, triggers, jobs)),
        ("no secrets", !text.contains("secrets") && (name == "benchmark.yml" || !text.contains("github.token"))),
        (
            "a key is the author's",
            name != "verify.yml" || text.contains("AUTHOR: ${{ github.event.pull_request.user.login }}\n"),
        ),
        (
            "downloads are checked",
            jobs.values().flat_map(steps).filter_map(|step| step["run"].as_str()).all(checks_downloads),
        ),
        ("a stranger's tree is data", name != "verify.yml" || jobs.values().flat_map(steps).all(treats_tree_as_data)),
    ];
    rules.into_iter().filter(|(_, holds)| !holds).map(|(rule, _)| rule).collect()
}

/// The action of a line and what stands behind its `@`; an action of somebody else keeps its owner.
fn used(line: &str) -> Option<(&str, &str)> {
    let value = line.trim_start_matches([' ', '-']).strip_prefix("uses: ")?;
    let (action, pin) = value.split_once('@').unwrap_or((value, ""));
    Some((action.strip_prefix("actions/").unwrap_or(action), pin))
}

fn has_version(pin: &str) -> bool {
    let numbers: Vec<&str> = pin.split_once(" # v").map_or("", |(_, version)| version).split('.').collect();
    numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u16>().is_ok())
}

/// What a script runs from elsewhere is what was looked at once: nothing but our own text goes into a shell, a download has
/// its digest checked, and a package is named with its hash or is the distribution's.
fn checks_downloads(run: &str) -> bool {
    let words: Vec<&str> = run.split_whitespace().collect();
    let has = |wanted: &str| words.iter().any(|word| word.trim_matches('"').rsplit('/').next() == Some(wanted));
    let into_shell = |pair: &[&str]| pair[0] == "|" && ["sh", "bash", "dash", "sudo", "python3"].contains(&pair[1]);
    let piped = words.windows(2).any(into_shell)
        || ["|sh", "|bash", "<(", "$(curl", "$(wget"].iter().any(|bad| run.contains(bad));
    let fetches = has("curl") || has("wget");
    let installs =
        run.lines().filter(|line| line.contains("pip") && line.contains(" install ") && !line.contains("apt-get"));
    !piped
        && (!fetches || run.contains("sha256sum --check --strict") || !run.contains("://"))
        && installs.clone().all(|line| line.contains("--require-hashes"))
        && !["cargo install", "npx ", "npm install", "go install"].iter().any(|bad| run.contains(bad))
}

/// What a job may change.
fn written(job: &Value) -> BTreeSet<&str> {
    let listed = job["permissions"].as_object().into_iter().flatten();
    listed.filter(|(_, level)| **level != "read").map(|(name, _)| name.as_str()).collect()
}

fn is_granted(workflow: &str, job: &str, tree: &Value) -> bool {
    let granted = GRANTS.iter().find(|(file, name, _)| (*file, *name) == (workflow, job)).map(|(_, _, names)| *names);
    tree["permissions"].is_object() && written(tree) == granted.unwrap_or_default().iter().copied().collect()
}

/// Whether a job that may change something, or that waits for a reviewer, runs on what was merged
/// and nothing else.
fn is_from_main(workflow: &str, job: &Value, triggers: &Map<String, Value>) -> bool {
    let is_pushed = workflow == "pages.yml" && json!(triggers) == json!({"push": {"branches": ["main"]}});
    (written(job).is_empty() && job["environment"].is_null()) || is_pushed || job["if"] == FROM_MAIN
}

/// The runner is reached by hand, from main, past a reviewer, and may change nothing. What it
/// brings is verified on a machine without its key before a job that may change something takes it.
fn is_runner_guarded(workflow: &str, triggers: &Map<String, Value>, jobs: &Map<String, Value>) -> bool {
    if workflow != "benchmark.yml" {
        return !jobs.values().any(is_on_runner);
    }
    let is_guarded = |job: &Value| {
        job["if"] == FROM_MAIN && job["environment"] == "benchmark" && job["permissions"] == json!({"contents": "read"})
    };
    // The base is what was there before.
    let judges = |run: &str| {
        let judge = "hlb-bench verify --base \"$RUNNER_TEMP/base\" --author=github-actions --markdown submissions ";
        let order = ["submissions \"$RUNNER_TEMP/base\"", "entry/submissions/.", judge].map(|part| run.find(part));
        order.is_sorted() && order[0].is_some()
    };
    let verifies = steps(&jobs["check"]).any(|step| step["run"].as_str().is_some_and(judges));
    triggers.keys().eq(["workflow_dispatch"])
        && jobs.iter().all(|(name, job)| is_on_runner(job) == (name == "measure"))
        && is_guarded(&jobs["measure"])
        && verifies
        && jobs["check"]["needs"] == "measure"
        && jobs["propose"]["needs"] == "check"
}

/// The tree of a pull request lies in a folder of its own; scripts and the program are those of the
/// base.
fn treats_tree_as_data(step: &Value) -> bool {
    let with = &step["with"];
    let is_base = with["path"] == "base" && with["ref"] == "${{ github.event.pull_request.base.sha }}";
    let is_checkout = is_base || with["path"] == "pull-request" && with["ref"].is_null();
    let is_script = |run: &str| step["working-directory"] == "base" && !run.contains("cd ");
    step["run"].as_str().map_or(is_checkout, is_script)
}

#[test]
fn the_workflows_keep_the_rules() {
    let mut pins: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let items = fs::read_dir(project(".github/workflows")).unwrap();
    let found: BTreeSet<_> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    assert!(found.iter().eq(WORKFLOWS), "{found:?}");
    for name in WORKFLOWS {
        let text = text(name);
        assert_eq!(broken(name, &text), [""; 0], "{name}");
        for (action, pin) in text.lines().filter_map(used) {
            pins.entry(action.to_owned()).or_default().insert(pin.to_owned());
        }
    }
    assert!(pins.values().all(|pins| pins.len() == 1), "an action has one pin: {pins:?}");
}

#[test]
fn a_workflow_that_breaks_a_rule_is_caught() {
    let main_alone = "    if: github.ref == 'refs/heads/main'\n    # No pull";
    let changes = [
        ("known triggers", "ci.yml", "  pull_request:", "  repository_dispatch:"),
        ("least permissions", "ci.yml", "permissions: {}", "permissions:\n  contents: read"),
        ("least permissions", "ci.yml", "      contents: read", "      contents: write"),
        ("least permissions", "pages.yml", "      pages: write", "      contents: write\n      pages: write"),
        ("changes come from main", "pages.yml", "branches: [main]", "branches: [main, next]"),
        ("changes come from main", "pages.yml", "  push:\n", "  workflow_dispatch:\n  push:\n"),
        ("known actions", "ci.yml", "uses: actions/checkout", "uses: actions/cache"),
        ("known actions", "ci.yml", "uses: actions/checkout", "uses: somebody/checkout"),
        ("known actions", "ci.yml", "uses: actions/checkout@", "uses: docker://alpine@sha256:"),
        ("known actions", "ci.yml", "    steps:", "    uses: somebody/else/.github/workflows/w.yml@v1\n    steps:"),
        ("a version with each pin", "ci.yml", " # v7.0.1", " # v7"),
        ("limited time", "ci.yml", "    timeout-minutes: 90\n", ""),
        ("guarded runner", "ci.yml", "runs-on: ubuntu-24.04", "runs-on: hlb-gpu"),
        ("guarded runner", "ci.yml", "runs-on: ubuntu-24.04", "runs-on: ubuntu-latest"),
        ("guarded runner", "benchmark.yml", "  workflow_dispatch:", "  push:\n  workflow_dispatch:"),
        ("guarded runner", "benchmark.yml", main_alone, "    # No pull"),
        ("guarded runner", "benchmark.yml", "    environment: benchmark\n", ""),
        ("guarded runner", "benchmark.yml", "hlb-bench verify", "true"),
        ("guarded runner", "benchmark.yml", " --base \"$RUNNER_TEMP/base\" --author=github-actions", ""),
        ("guarded runner", "benchmark.yml", "dereference submissions \"$RUNNER_TEMP/base\"", "dereference a b"),
        ("guarded runner", "benchmark.yml", "needs: check", "needs: measure"),
        ("downloads are checked", "ci.yml", "./rustup-init -y", "curl -sSf https://sh.rustup.rs | sh -s -- -y"),
        ("downloads are checked", "ci.yml", "./rustup-init -y", "bash <(curl -sSf https://sh.rustup.rs) -y"),
        ("downloads are checked", "ci.yml", " | sha256sum --check --strict", ""),
        ("downloads are checked", "advisories.yml", "--require-hashes ", ""),
        ("downloads are checked", "ci.yml", "bash .ci/run", "cargo install cargo-deny"),
        ("no secrets", "ci.yml", "github.ref }}", "github.token }}"),
        ("no secrets", "pages.yml", "vars.SITE_URL", "secrets.SITE_URL"),
        ("a key is the author's", "verify.yml", "pull_request.user.login", "pull_request.head.user.login"),
        ("a stranger's tree is data", "verify.yml", "          path: pull-request\n", ""),
        ("a stranger's tree is data", "verify.yml", "base.sha", "head.sha"),
        ("a stranger's tree is data", "verify.yml", "        working-directory: base\n", ""),
        ("a stranger's tree is data", "verify.yml", "run: scripts", "run: cd ../pull-request && scripts"),
    ];
    for (rule, name, from, to) in changes {
        let whole = text(name);
        let mutated = whole.replacen(from, to, 1);
        assert_ne!(whole, mutated, "`{from}` is not in {name}");
        assert!(broken(name, &mutated).contains(&rule), "{name}: {to}");
    }
}

/// Whether a file has an owner: the last pattern that fits it decides. `/name/*/` is every folder in that folder, `name` a
/// file wherever it lies, `*` everything.
fn is_owned(owners: &str, path: &str) -> bool {
    let fits = |pattern: &str| match pattern.strip_suffix("/*/") {
        Some(folder) => path.strip_prefix(folder).is_some_and(|below| below.matches('/').count() > 1),
        None => pattern == "*" || path.rsplit('/').next() == Some(pattern),
    };
    let lines = owners.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut words = lines.map(|line| line.split_once(' ').unwrap_or((line, "")));
    let decides = words.rfind(|(pattern, _)| fits(pattern));
    decides.is_some_and(|(_, owner)| owner.starts_with('@'))
}

#[test]
fn everything_but_entries_has_owners() {
    let owners = fs::read_to_string(project(".github/CODEOWNERS")).unwrap();
    let unowned = |path: &str| !is_owned(&owners, &format!("/{path}"));
    let files = git(&project(""), &["ls-files"]);
    let is_entry = |path: &str| path.starts_with("submissions/") && path.matches('/').count() > 1;
    assert!(files.lines().any(is_entry));
    for path in files.lines() {
        assert_eq!(unowned(path), is_entry(path), "{path}");
    }
    for path in ["submissions/runners.yaml", "submissions/.gitattributes", "submissions/shapes/.gitattributes", "new"] {
        assert!(!unowned(path), "{path}");
    }
}
