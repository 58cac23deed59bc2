//! The project's own rules for what runs on GitHub, kept by reading `.github/`. Each rule is a function over one workflow, and has
//! examples that break it and nothing else; outside linters (`scripts/lint-yaml.sh`) come on top.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use hlb_bench::yaml;
use serde_json::{Map, Value, json};

/// Nothing else is needed, and each more is a party to trust.
const ACTIONS: [&str; 5] = [
    "actions/checkout",
    "actions/upload-artifact",
    "actions/download-artifact",
    "actions/upload-pages-artifact",
    "actions/deploy-pages",
];

/// What may start a workflow. `pull_request_target`, `workflow_run` and `issue_comment` run with more rights than whoever
/// started them has.
const TRIGGERS: [&str; 4] = ["push", "pull_request", "schedule", "workflow_dispatch"];

/// The only jobs that may change anything, and what.
const GRANTS: [(&str, &str, &[&str]); 2] =
    [("pages.yml", "deploy", &["id-token", "pages"]), ("benchmark.yml", "propose", &["contents", "pull-requests"])];

/// The only workflow that reaches the runner of the board.
const RUNNER_WORKFLOW: &str = "benchmark.yml";

/// The workflow that reads a stranger's tree.
const ADVICE_WORKFLOW: &str = "verify.yml";

const ONLY_MAIN: &str = "github.ref == 'refs/heads/main'";

const LONGEST_MINUTES: u64 = 720;

/// A workflow, as text and as a tree.
struct Workflow {
    name: String,
    text: String,
    tree: Value,
}

type Rule = fn(&Workflow) -> bool;

/// Each with the words by which a broken one is named.
const RULES: [(&str, Rule); 15] = [
    ("starts by a harmless trigger", harmless_triggers),
    ("grants nothing to the whole workflow", nothing_granted_to_all),
    ("grants each job what it is listed with", least_permissions),
    ("changes something from main alone", changes_from_main),
    ("uses few actions, pinned to a commit", pinned_actions),
    ("names the version of each pin", named_versions),
    ("keeps no credentials in a checkout", no_kept_credentials),
    ("puts no expression into a script", no_expressions_in_scripts),
    ("limits the time of each job", limited_time),
    ("says what may run at once", stated_concurrency),
    ("names the version of each image", named_images),
    ("reaches the runner by hand, from main, past a reviewer", guarded_runner),
    ("has no cache where it has rights", no_cache_with_rights),
    ("knows no secret", no_secrets),
    ("reads a stranger's tree as data", strangers_tree_is_data),
];

impl Workflow {
    fn new(name: &str, text: &str) -> Self {
        let tree = yaml::parse(text.as_bytes(), name).unwrap();
        Self { name: name.to_owned(), text: text.to_owned(), tree }
    }

    fn triggers(&self) -> BTreeSet<&str> {
        match &self.tree["on"] {
            Value::String(one) => BTreeSet::from([one.as_str()]),
            Value::Array(some) => some.iter().filter_map(Value::as_str).collect(),
            Value::Object(all) => all.keys().map(String::as_str).collect(),
            _ => BTreeSet::new(),
        }
    }

    fn jobs(&self) -> &Map<String, Value> {
        self.tree["jobs"].as_object().expect("a workflow has jobs")
    }

    fn steps(&self) -> impl Iterator<Item = &Value> {
        self.jobs().values().flat_map(steps)
    }

    /// What a job may change, by name; `None` where its permissions are not listed one by one.
    fn granted(&self, job: &str) -> Option<BTreeSet<&str>> {
        let listed = self.jobs()[job]["permissions"].as_object()?;
        let known = listed.values().all(|level| level == "read" || level == "write" || level == "none");
        let written = listed.iter().filter(|(_, level)| **level == json!("write"));
        known.then(|| written.map(|(name, _)| name.as_str()).collect())
    }

    /// Whether a job may change something, or waits at a gate that others do not pass.
    fn has_rights(&self, job: &str) -> bool {
        self.granted(job).is_none_or(|granted| !granted.is_empty()) || !self.jobs()[job]["environment"].is_null()
    }
}

fn steps(job: &Value) -> impl Iterator<Item = &Value> {
    job["steps"].as_array().into_iter().flatten()
}

fn action(step: &Value) -> Option<(&str, &str)> {
    step["uses"].as_str()?.split_once('@')
}

fn is_checkout(step: &Value) -> bool {
    action(step).is_some_and(|(name, _)| name == "actions/checkout")
}

fn is_runners(job: &Value) -> bool {
    // Words of an expression are not known here, so they count as the runner's.
    let text = job["runs-on"].to_string();
    text.contains("self-hosted") || text.contains("${{") || !job["runs-on"].is_string()
}

fn harmless_triggers(workflow: &Workflow) -> bool {
    let triggers = workflow.triggers();
    !triggers.is_empty() && triggers.iter().all(|trigger| TRIGGERS.contains(trigger))
}

fn nothing_granted_to_all(workflow: &Workflow) -> bool {
    workflow.tree["permissions"] == json!({})
}

fn least_permissions(workflow: &Workflow) -> bool {
    let listed = |job: &str| {
        let grant = GRANTS.iter().find(|(file, name, _)| *file == workflow.name && *name == job);
        grant.map_or_else(BTreeSet::new, |(_, _, names)| names.iter().copied().collect())
    };
    workflow.jobs().keys().all(|job| workflow.granted(job) == Some(listed(job)))
}

fn changes_from_main(workflow: &Workflow) -> bool {
    let triggers = workflow.triggers();
    let pushed_to_main =
        triggers == BTreeSet::from(["push"]) && workflow.tree["on"]["push"] == json!({"branches": ["main"]});
    let on_main = |job: &str| pushed_to_main || workflow.jobs()[job]["if"] == ONLY_MAIN;
    workflow.jobs().keys().filter(|job| workflow.has_rights(job)).all(|job| on_main(job))
}

fn pinned_actions(workflow: &Workflow) -> bool {
    let is_commit = |text: &str| text.len() == 40 && text.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
    let is_good = |step: &Value| action(step).is_some_and(|(name, at)| ACTIONS.contains(&name) && is_commit(at));
    // Another repository's workflow, used for a whole job, would bring steps that nobody sees here.
    let own_steps = workflow.jobs().values().all(|job| job["uses"].is_null());
    own_steps && workflow.steps().filter(|step| !step["uses"].is_null()).all(is_good)
}

fn named_versions(workflow: &Workflow) -> bool {
    let is_version = |text: &str| {
        let numbers: Vec<&str> = text.strip_prefix('v').unwrap_or_default().split('.').collect();
        numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u16>().is_ok())
    };
    let mut uses = workflow.text.lines().filter(|line| line.trim_start_matches([' ', '-']).starts_with("uses:"));
    uses.all(|line| line.split_once(" # ").is_some_and(|(_, comment)| is_version(comment)))
}

fn no_kept_credentials(workflow: &Workflow) -> bool {
    workflow.steps().filter(|step| is_checkout(step)).all(|step| step["with"]["persist-credentials"] == json!(false))
}

fn no_expressions_in_scripts(workflow: &Workflow) -> bool {
    let scripts = workflow.steps().flat_map(|step| [&step["run"], &step["shell"], &step["working-directory"]]);
    let defaults = workflow.jobs().values().map(|job| &job["defaults"]).chain([&workflow.tree["defaults"]]);
    scripts.chain(defaults).all(|part| !part.to_string().contains("${{"))
}

fn limited_time(workflow: &Workflow) -> bool {
    let minutes = |job: &Value| job["timeout-minutes"].as_u64().is_some_and(|minutes| minutes <= LONGEST_MINUTES);
    workflow.jobs().values().all(minutes)
}

fn stated_concurrency(workflow: &Workflow) -> bool {
    let stated = &workflow.tree["concurrency"];
    stated["group"].is_string() && stated["cancel-in-progress"].is_boolean()
}

fn named_images(workflow: &Workflow) -> bool {
    let is_version = |image: &str| {
        let version = image.strip_prefix("ubuntu-").and_then(|version| version.split_once('.'));
        version.is_some_and(|(year, month)| year.parse::<u8>().is_ok() && month.parse::<u8>().is_ok())
    };
    let hosted = workflow.jobs().values().filter(|job| !(workflow.name == RUNNER_WORKFLOW && is_runners(job)));
    hosted.into_iter().all(|job| job["runs-on"].as_str().is_some_and(is_version))
}

fn guarded_runner(workflow: &Workflow) -> bool {
    let by_hand = workflow.triggers() == BTreeSet::from(["workflow_dispatch"]);
    let guarded = |job: &Value| {
        let reads_only = job["permissions"] == json!({"contents": "read"});
        by_hand && reads_only && job["if"] == ONLY_MAIN && job["environment"].is_string()
    };
    workflow.name != RUNNER_WORKFLOW || workflow.jobs().values().filter(|job| is_runners(job)).all(guarded)
}

fn no_cache_with_rights(workflow: &Workflow) -> bool {
    let is_cache = |step: &Value| {
        let by_name = action(step).is_some_and(|(name, _)| name.contains("cache"));
        by_name || step["with"].as_object().is_some_and(|with| with.keys().any(|key| key.contains("cache")))
    };
    let privileged = workflow.jobs().iter().filter(|(job, _)| workflow.has_rights(job));
    privileged.flat_map(|(_, job)| steps(job)).all(|step| !is_cache(step))
}

fn no_secrets(workflow: &Workflow) -> bool {
    let mentions = |word: &str| workflow.tree.to_string().contains(word);
    let token = mentions("github.token") && workflow.triggers().contains("pull_request");
    !mentions("secrets.") && !mentions("secrets[") && !mentions("\"secrets\"") && !token
}

/// The tree lies in a folder of its own, the program comes from the base, and scripts are run where the base lies.
fn strangers_tree_is_data(workflow: &Workflow) -> bool {
    if workflow.name != ADVICE_WORKFLOW {
        return true;
    }
    let base = json!("${{ github.event.pull_request.base.sha }}");
    let from_base = |step: &Value| step["with"]["ref"] == base && step["with"]["path"] == "base";
    let as_data = |step: &Value| step["with"]["ref"].is_null() && step["with"]["path"] == "pull-request";
    let checkouts = workflow.steps().filter(|step| is_checkout(step)).all(|step| from_base(step) || as_data(step));
    let mut scripts = workflow.steps().filter(|step| !step["run"].is_null());
    let enters = |script: &Value| script.as_str().is_none_or(|script| script.contains("cd "));
    checkouts && scripts.all(|step| step["working-directory"] == "base" && !enters(&step["run"]))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shipped() -> Vec<Workflow> {
    let folder = root().join(".github/workflows");
    let paths = fs::read_dir(folder).unwrap().map(|item| item.unwrap().path());
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        Workflow::new(&name, &fs::read_to_string(&path).unwrap())
    };
    paths.map(read).collect()
}

fn broken(workflow: &Workflow) -> Vec<&'static str> {
    RULES.iter().filter(|(_, keeps)| !keeps(workflow)).map(|(words, _)| *words).collect()
}

#[test]
fn the_workflows_keep_the_rules() {
    let all = shipped();
    let names: BTreeSet<&str> = all.iter().map(|workflow| workflow.name.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["advisories.yml", "benchmark.yml", "ci.yml", "pages.yml", "verify.yml"]));
    for workflow in &all {
        assert_eq!(broken(workflow), [""; 0], "{}", workflow.name);
    }
}

#[test]
fn an_action_has_one_pin() {
    let all = shipped();
    let mut pins: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, at) in all.iter().flat_map(Workflow::steps).filter_map(action) {
        pins.entry(name).or_default().insert(at);
    }
    assert!(pins.values().all(|commits| commits.len() == 1), "{pins:?}");
}

/// A pull request's workflow on a hosted image.
const HOSTED: &str = "name: example
on:
  pull_request:
permissions: {}
concurrency:
  group: example
  cancel-in-progress: true
jobs:
  look:
    runs-on: ubuntu-24.04
    permissions:
      contents: read
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@0123456789abcdef0123456789abcdef01234567 # v7.0.1
        with:
          persist-credentials: false
      - env:
          NAME: ${{ github.ref }}
        run: echo \"$NAME\"
";

/// A workflow that publishes.
const DEPLOY: &str = "name: example
on:
  push:
    branches: [main]
permissions: {}
concurrency:
  group: example
  cancel-in-progress: false
jobs:
  deploy:
    runs-on: ubuntu-24.04
    environment: github-pages
    permissions:
      pages: write
      id-token: write
    timeout-minutes: 10
    steps:
      - uses: actions/deploy-pages@0123456789abcdef0123456789abcdef01234567 # v5.0.0
        with:
          timeout: 60000
";

/// A workflow on the runner.
const RUNNER: &str = "name: example
on:
  workflow_dispatch:
permissions: {}
concurrency:
  group: example
  cancel-in-progress: false
jobs:
  measure:
    if: github.ref == 'refs/heads/main'
    runs-on: [self-hosted, linux]
    environment: benchmark
    permissions:
      contents: read
    timeout-minutes: 60
    steps:
      - run: make
";

/// A workflow that reads a stranger's tree.
const ADVICE: &str = "name: example
on:
  pull_request:
permissions: {}
concurrency:
  group: example
  cancel-in-progress: true
jobs:
  look:
    runs-on: ubuntu-24.04
    permissions:
      contents: read
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@0123456789abcdef0123456789abcdef01234567 # v7.0.1
        with:
          ref: ${{ github.event.pull_request.base.sha }}
          path: base
          persist-credentials: false
      - uses: actions/checkout@0123456789abcdef0123456789abcdef01234567 # v7.0.1
        with:
          path: pull-request
          persist-credentials: false
      - working-directory: base
        run: make
";

const EXAMPLES: [(&str, &str); 4] =
    [("ci.yml", HOSTED), ("pages.yml", DEPLOY), (RUNNER_WORKFLOW, RUNNER), (ADVICE_WORKFLOW, ADVICE)];

/// Changes an example and says which rules that breaks.
fn changed(name: &str, from: &str, to: &str) -> Vec<&'static str> {
    let (_, text) = EXAMPLES.iter().find(|(example, _)| *example == name).unwrap();
    let bad = text.replacen(from, to, 1);
    assert_ne!(*text, bad, "`{from}` is not in the example");
    broken(&Workflow::new(name, &bad))
}

/// Holds that each change breaks this rule and no other.
fn caught(words: &str, changes: &[(&str, &str, &str)]) {
    assert!(RULES.iter().any(|(rule, _)| *rule == words), "{words}");
    for (name, from, to) in changes {
        assert_eq!(changed(name, from, to), [words], "{name}: {to}");
    }
}

#[test]
fn the_examples_break_no_rule_before_they_are_changed() {
    for (name, text) in EXAMPLES {
        assert_eq!(broken(&Workflow::new(name, text)), [""; 0], "{name}");
    }
}

#[test]
fn a_trigger_with_the_rights_of_the_base_is_caught() {
    let words = "starts by a harmless trigger";
    let bad = ["pull_request_target", "workflow_run", "issue_comment", "repository_dispatch"];
    for trigger in bad {
        caught(words, &[("ci.yml", "pull_request:", &format!("{trigger}:"))]);
        caught(words, &[("ci.yml", "on:\n  pull_request:", &format!("on: [push, {trigger}]"))]);
        caught(words, &[("ci.yml", "on:\n  pull_request:", &format!("on: {trigger}"))]);
    }
}

#[test]
fn permissions_of_a_whole_workflow_are_caught() {
    let words = "grants nothing to the whole workflow";
    for granted in ["permissions: read-all\n", "permissions:\n  contents: read\n", ""] {
        caught(words, &[("ci.yml", "permissions: {}\n", granted)]);
    }
}

#[test]
fn more_permissions_than_listed_are_caught() {
    let words = "grants each job what it is listed with";
    let changes = [
        ("pages.yml", "      pages: write\n", "      pages: write\n      contents: write\n"),
        ("pages.yml", "      pages: write\n", "      pages: read\n"),
    ];
    caught(words, &changes);
    let unlisted = ["contents: write", "contents: write-all", "issues: write"];
    for permission in unlisted {
        let found = changed("ci.yml", "contents: read", permission);
        assert!(found.contains(&words), "{permission}: {found:?}");
    }
    for all in ["    permissions: write-all\n", ""] {
        let found = changed("ci.yml", "    permissions:\n      contents: read\n", all);
        assert!(found.contains(&words), "{all}: {found:?}");
    }
}

#[test]
fn a_change_from_another_branch_is_caught() {
    let words = "changes something from main alone";
    let changes = [
        ("pages.yml", "branches: [main]", "branches: [main, next]"),
        ("pages.yml", "  push:\n    branches: [main]", "  push:"),
        ("pages.yml", "  push:\n", "  workflow_dispatch:\n  push:\n"),
        ("pages.yml", "  push:\n", "  pull_request:\n  push:\n"),
    ];
    caught(words, &changes);
}

#[test]
fn an_action_that_is_not_pinned_or_not_listed_is_caught() {
    let words = "uses few actions, pinned to a commit";
    let pin = "actions/checkout@0123456789abcdef0123456789abcdef01234567";
    let changes = [
        ("ci.yml", pin, "actions/checkout@v7"),
        ("ci.yml", pin, "actions/checkout@0123456789abcdef"),
        ("ci.yml", pin, "actions/checkout@0123456789ABCDEF0123456789abcdef01234567"),
        ("ci.yml", pin, "somebody/checkout@0123456789abcdef0123456789abcdef01234567"),
        ("ci.yml", pin, "docker://alpine:3"),
        ("ci.yml", pin, "./action"),
        ("ci.yml", "    steps:", "    uses: somebody/else/.github/workflows/w.yml@v1\n    steps:"),
    ];
    for (name, from, to) in changes {
        let found = changed(name, from, to);
        assert!(found.contains(&words), "{to}: {found:?}");
    }
}

#[test]
fn a_pin_without_its_version_is_caught() {
    let words = "names the version of each pin";
    for comment in ["", " # v7", " # latest", " # v7.0.x", " # main"] {
        caught(words, &[("ci.yml", " # v7.0.1", comment)]);
    }
}

#[test]
fn credentials_that_a_checkout_leaves_are_caught() {
    let words = "keeps no credentials in a checkout";
    let changes = [
        ("ci.yml", "persist-credentials: false", "persist-credentials: true"),
        ("ci.yml", "persist-credentials: false", "persist-credentials: \"false\""),
        ("ci.yml", "        with:\n          persist-credentials: false\n", ""),
        ("ci.yml", "persist-credentials: false", "fetch-depth: 1"),
    ];
    caught(words, &changes);
}

#[test]
fn an_expression_in_a_script_is_caught() {
    let words = "puts no expression into a script";
    let changes = [
        ("ci.yml", "echo \"$NAME\"", "echo ${{ github.head_ref }}"),
        ("ci.yml", "run: echo \"$NAME\"", "run: |\n          true\n          echo \"${{ inputs.name }}\""),
        ("ci.yml", "run: echo", "shell: ${{ inputs.shell }}\n        run: echo"),
        ("ci.yml", "    steps:", "    defaults:\n      run:\n        shell: ${{ inputs.shell }}\n    steps:"),
    ];
    caught(words, &changes);
}

#[test]
fn a_job_without_a_limit_is_caught() {
    let words = "limits the time of each job";
    for limit in ["", "    timeout-minutes: 100000\n", "    timeout-minutes: ${{ inputs.minutes }}\n"] {
        caught(words, &[("ci.yml", "    timeout-minutes: 10\n", limit)]);
    }
}

#[test]
fn a_workflow_that_may_run_beside_itself_is_caught() {
    let words = "says what may run at once";
    caught(words, &[("ci.yml", "concurrency:\n  group: example\n  cancel-in-progress: true\n", "")]);
    caught(words, &[("ci.yml", "  cancel-in-progress: true\n", "")]);
}

#[test]
fn an_image_without_a_version_is_caught_and_so_is_the_runner_elsewhere() {
    let words = "names the version of each image";
    for image in
        ["ubuntu-latest", "self-hosted", "[self-hosted, linux]", "${{ inputs.image }}", "{group: gpu}", "hlb-gpu"]
    {
        caught(words, &[("ci.yml", "ubuntu-24.04", image)]);
    }
}

#[test]
fn a_way_to_the_runner_past_the_guards_is_caught() {
    let words = "reaches the runner by hand, from main, past a reviewer";
    caught(words, &[(RUNNER_WORKFLOW, "      contents: read", "      contents: none")]);
    let guards = [
        ("  workflow_dispatch:", "  pull_request:"),
        ("  workflow_dispatch:", "  workflow_dispatch:\n  push:"),
        ("    if: github.ref == 'refs/heads/main'\n", ""),
        ("refs/heads/main'", "refs/heads/main' || true"),
        ("    environment: benchmark\n", ""),
    ];
    for (from, to) in guards {
        let found = changed(RUNNER_WORKFLOW, from, to);
        assert!(found.contains(&words), "{to}: {found:?}");
    }
    // A label that is hidden in an expression may be the runner's.
    let hidden =
        RUNNER.replace("[self-hosted, linux]", "${{ inputs.image }}").replace("    environment: benchmark\n", "");
    assert_eq!(broken(&Workflow::new(RUNNER_WORKFLOW, &hidden)), [words]);
}

#[test]
fn a_cache_beside_rights_is_caught() {
    let words = "has no cache where it has rights";
    caught(words, &[("pages.yml", "timeout: 60000", "cache: cargo")]);
    let found = changed("pages.yml", "actions/deploy-pages@", "actions/cache@");
    assert!(found.contains(&words), "{found:?}");
    assert_eq!(changed("ci.yml", "          persist-", "          cache: cargo\n          persist-"), [""; 0]);
}

#[test]
fn a_secret_is_caught() {
    let words = "knows no secret";
    for value in ["secrets.KEY", "secrets['KEY']", "github.token"] {
        caught(words, &[("ci.yml", "github.ref", value)]);
    }
}

#[test]
fn a_strangers_tree_that_is_more_than_data_is_caught() {
    let words = "reads a stranger's tree as data";
    let changes = [
        (ADVICE_WORKFLOW, "          path: pull-request\n", ""),
        (ADVICE_WORKFLOW, "          path: pull-request\n", "          path: base\n"),
        (ADVICE_WORKFLOW, "base.sha", "head.sha"),
        (ADVICE_WORKFLOW, "working-directory: base\n        run", "run"),
        (ADVICE_WORKFLOW, "working-directory: base", "working-directory: pull-request"),
        (ADVICE_WORKFLOW, "run: make", "run: cd ../pull-request && make"),
    ];
    caught(words, &changes);
}

/// The patterns of `CODEOWNERS`, as paths.
fn owned() -> Vec<String> {
    let text = fs::read_to_string(root().join(".github/CODEOWNERS")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(" @").expect("a pattern and its owner").0.to_owned()).collect()
}

#[test]
fn what_judges_has_owners() {
    let owned = owned();
    for pattern in &owned {
        let path = root().join(pattern.trim_start_matches('/'));
        assert!(path.exists() && path.is_dir() == pattern.ends_with('/'), "{pattern}");
    }
    let is_owned = |path: &str| {
        owned.iter().any(|pattern| path == pattern || pattern.ends_with('/') && path.starts_with(pattern.as_str()))
    };
    let wanted = [
        "/submissions/allowed_signers",
        "/submissions/withdrawn.yaml",
        "/leaderboard/board.js",
        "/leaderboard/templates/base.html",
        "/studies/reports/ablation-shapes/index.html",
        "/variants/reference-shapes.yaml",
        "/Makefile",
        "/.github/workflows/pages.yml",
        "/.github/CODEOWNERS",
        "/scripts/submission-policy.sh",
        "/src/result/verify.rs",
        "/src/signing/verify.rs",
        "/Cargo.lock",
    ];
    for path in wanted {
        assert!(is_owned(path) && Path::new(&format!("{}{path}", root().display())).exists(), "{path}");
    }
    assert!(!is_owned("/submissions/shapes/2026-11-23-reference/result.yaml"), "entries are for every reviewer");
}

#[test]
fn new_releases_wait_for_a_week() {
    let text = fs::read(root().join(".github/dependabot.yml")).unwrap();
    let tree: Value = yaml::parse(&text, "dependabot.yml").unwrap();
    let updates = tree["updates"].as_array().unwrap();
    let kinds: Vec<&Value> = updates.iter().map(|update| &update["package-ecosystem"]).collect();
    assert_eq!(kinds, ["github-actions", "cargo"]);
    assert!(updates.iter().all(|update| update["cooldown"]["default-days"] == 7), "{updates:?}");
}
