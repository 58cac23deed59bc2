//! `hlb-bench reproduce`: the whole program, with a trainer that plays complete sessions; and forged reproductions.
//!
//! The trainer is a shell script that speaks the wire format: nothing is claimed about training. Its runs really last as long
//! as they say, because clocks are compared.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use hlb_board::read_signers;
use hlb_core::artifact::{Sha256Hex, sha256_hex};
use hlb_core::seed;
use hlb_core::yaml;
use hlb_protocol::run_log::{Event, LogLine, RunLog};
use hlb_result::signing::AllowedSigners;
use hlb_result::{Basis, EntryError, ResultFile, Trust, check_entry, derive};

use crate::support::archive::cifar;
use crate::support::context::{Answer, Context, VARIANT, answer};
use crate::support::fixture::{Fixture, Hand, Spec};

/// One epoch of a narrow network: no floor forbids that it takes milliseconds.
const SMALL: &str = "epochs: 1\nbatch_size: 512\nblocks: {widths: [8, 8]}\naverage: null\nevaluate: {weights: trained, mirror: false}\n";

/// Plays every run of the job. Microseconds of an epoch are in the files `variant` and `reference`; a file `crash` ends it
/// after a run, once.
const TRAINER: &str = r#"#!/bin/bash
LC_ALL=C
cd "$(dirname "$0")" || exit 1
if [ "$1" = --describe ]; then
    echo '{"libtorch_file":null,"libtorch_version":"0","cuda":false,"cuda_problem":null}'
    exit
fi
read -r job
field() { grep -o "\"$1\":[0-9]*" <<< "$job" | cut -d: -f2 | sed -n "$2p"; }
now() { echo "${EPOCHREALTIME/./}"; }
seconds() { printf '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000)); }
train=$(grep -o '"arrays":.*' <<< "$job" | grep -o '"train":[0-9]*' | cut -d: -f2)
total=$(grep -o '"arrays":.*' <<< "$job" | grep -o '"evaluation":[0-9]*' | cut -d: -f2)
echo '{"event":"trainer_start","device":"cpu","threads":1,"precision":"fp32","libtorch_version":"0"}'
starts=$(grep -o '{"arm":"[a-z]*","run":[0-9]*,"seed":"[0-9a-f]*"}' <<< "$job")
for arm in $(cut -d'"' -f4 <<< "$starts" | sort -u); do
    echo '{"event":"warmup_run","arm":"'"$arm"'","seconds":0.001}'
done
while read -r start; do
    arm=$(cut -d'"' -f4 <<< "$start")
    seed=${start%\"\}}
    seed=$((16#${seed: -6}))
    run=$(grep -o '"run":[0-9]*' <<< "$start" | cut -d: -f2)
    which=1
    [ "$arm" = reference ] && which=2
    epochs=$(grep -o '"epochs":[0-9]*,"batch_size"' <<< "$job" | cut -d: -f2 | cut -d, -f1 | sed -n "${which}p")
    steps=$((train / $(field batch_size $which)))
    # Up to 2 % of noise, of 16,777,216 kinds.
    each=$(($(cat "$arm") * 1000 + seed * $(cat "$arm") / 800000))
    began=$(now)
    echo '{"event":"run_start",'"${start#\{}"
    sleep "$(seconds $((each * epochs / 1000 + 20000)))"
    wall=$(($(now) - began))
    evaluated=$(((wall * 1000 - each * epochs) / epochs))
    for epoch in $(seq "$epochs"); do
        correct=$(((total * 19 + 19) / 20))
        # Digits that make the times of each run its own.
        nanos=$((each * epoch - RANDOM))
        trained=$(printf '%d.%09d' $((nanos / 1000000000)) $((nanos % 1000000000)))
        untimed=$(printf '%d.%09d' $((evaluated * epoch / 1000000000)) $((evaluated * epoch % 1000000000)))
        echo '{"event":"epoch","run":'"$run"',"epoch":'"$epoch"',"step":'$((steps * epoch))',"loss":1.'"$run$epoch"',"accuracy":{"correct":'"$correct"',"total":'"$total"'},"train_seconds":'"$trained"',"evaluate_seconds":'"$untimed"'}'
    done
    wall=$(($(now) - began))
    logged=$(seconds $((wall - (each + evaluated) * epochs / 1000)))
    wall=$(seconds $wall)
    echo '{"event":"run_stop","run":'"$run"',"outcome":"reached","reason":null,"phases":{"setup_seconds":0.0,"train_seconds":'"$trained"',"evaluate_seconds":'"$untimed"',"log_seconds":'"$logged"'},"wall_seconds":'"$wall"'}'
    if [ -e crash ]; then
        rm crash
        exit 101
    fi
done <<< "$starts"
"#;

/// A folder with that trainer and two people's keys.
fn context() -> Context {
    let context = Context::new();
    let trainer = context.write("trainer", TRAINER);
    fs::set_permissions(trainer, fs::Permissions::from_mode(0o755)).unwrap();
    takes(&context, 40_000);
    for key in ["ada", "bob"] {
        assert_eq!(context.run(["keygen", key]).code, Some(0));
    }
    context
}

/// Sets how many microseconds an epoch of the variant takes from now on.
fn takes(context: &Context, microseconds: u32) {
    context.write("variant", microseconds.to_string());
    context.write("reference", "150000");
}

fn hlb_bench(context: &Context, arguments: &[&str]) -> Answer {
    let mut command = context.command();
    command.env("HLB_BENCH_TRAINER", context.path("trainer"));
    answer(&command.args(arguments).output().unwrap())
}

/// Ada submits; where her entry lies.
fn submitted(context: &Context, more: &[&str]) -> String {
    context.write("v.yaml", format!("{VARIANT}{SMALL}"));
    let fixed = ["submit", "v.yaml", "--site", "site", "--key", "ada", "--principal", "ada@github"];
    let answer = hlb_bench(context, &[&fixed[..], more].concat());
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    answer.stdout.lines().next().unwrap().strip_prefix("entry ").unwrap().to_owned()
}

/// Bob reproduces and signs.
fn reproduced(context: &Context, entry: &str) -> Answer {
    hlb_bench(context, &["reproduce", entry, "--key", "bob", "--principal", "bob@github"])
}

fn sessions(context: &Context) -> Vec<String> {
    context.files().into_iter().filter(|file| file.starts_with("sessions/")).collect()
}

fn reproductions(context: &Context) -> Vec<String> {
    let is_result = |file: &String| file.contains("/reproductions/") && file.ends_with("/result.yaml");
    context.files().into_iter().filter(is_result).collect()
}

#[test]
fn an_independent_session_that_agrees_raises_the_row_to_level_3() {
    let context = context();
    let entry = submitted(&context, &["--runs", "10", "--no-calibrate"]);
    let before = context.run(["verify"]);
    assert!(before.stdout.contains("self-reported by ada@github"), "{}", before.stdout);
    let answer = reproduced(&context, &entry);
    assert_eq!(answer.code, Some(0), "{}{}", answer.stdout, answer.stderr);
    assert!(answer.stdout.starts_with("agrees\n  mean final accuracy "), "{}", answer.stdout);
    assert!(answer.stdout.contains("\n  time "), "{}", answer.stdout);
    assert!(answer.stderr.contains("the entry is now: reproduced"), "{}", answer.stderr);
    assert_eq!(reproductions(&context).len(), 1);
    assert_eq!(sessions(&context), [""; 0], "the session was filed, not copied");
    let verified = context.run(["verify"]);
    assert_eq!(verified.code, Some(0));
    assert!(verified.stdout.contains("reproduced by ada@github"), "{}", verified.stdout);
    // Its files are the entry's, but for what was measured anew.
    let folder = context.path(&reproductions(&context)[0]).parent().unwrap().to_owned();
    for name in ["variant.yaml", "recipe.yaml"] {
        assert_eq!(fs::read(folder.join(name)).unwrap(), fs::read(context.path(&entry).join(name)).unwrap());
    }
    let original = fs::read(context.path(&entry).join("result.yaml")).unwrap();
    let result = fs::read_to_string(folder.join("result.yaml")).unwrap();
    assert!(result.contains(&format!("reproduces: \"{}\"", sha256_hex(&original))), "{result}");
    assert_eq!(hlb_bench(&context, &["leaderboard", "--out", "site"]).code, Some(0));
}

#[test]
fn a_calibrated_entry_is_repeated_with_its_reference_and_judged_by_the_ratio() {
    let context = context();
    let entry = submitted(&context, &["--runs", "3", "--calibrate"]);
    let answer = hlb_bench(&context, &["reproduce", &entry, "--json"]);
    assert_eq!(answer.code, Some(0), "{}{}", answer.stdout, answer.stderr);
    let verdict: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!((&verdict["verdict"], &verdict["calibrated"]), (&"agrees".into(), &true.into()), "{verdict}");
    assert_eq!(verdict["signed"], false);
    // Without a key nothing is filed, and the entry is what it was.
    assert_eq!(reproductions(&context), [""; 0]);
    let log = sessions(&context).into_iter().find(|file| file.ends_with("session.jsonl")).unwrap();
    let log = RunLog::parse(&fs::read(context.path(&log)).unwrap()).unwrap();
    assert_eq!((log.runs.len(), log.reference.len()), (3, 3));
}

#[test]
fn a_session_that_disagrees_is_filed_and_raises_nothing() {
    let context = context();
    let entry = submitted(&context, &["--runs", "5", "--no-calibrate"]);
    takes(&context, 60_000);
    let answer = reproduced(&context, &entry);
    assert_eq!(answer.code, Some(1), "{}{}", answer.stdout, answer.stderr);
    assert!(answer.stdout.starts_with("disagrees\n"), "{}", answer.stdout);
    assert!(answer.stdout.contains("outside of 5 %"), "{}", answer.stdout);
    assert_eq!(reproductions(&context).len(), 1);
    let verified = context.run(["verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);
    assert!(verified.stdout.contains("self-reported by ada@github"), "{}", verified.stdout);
}

#[test]
fn a_reproduction_that_is_not_independent_is_refused_before_training() {
    let context = context();
    let entry = submitted(&context, &["--runs", "2", "--no-calibrate"]);
    let signers = fs::read(context.path("submissions/allowed_signers")).unwrap();
    let refused = |arguments: &[&str], reason: &str| {
        let answer = hlb_bench(&context, &[&["reproduce", entry.as_str()][..], arguments].concat());
        assert_eq!(answer.code, Some(2), "{}", answer.stdout);
        assert!(answer.stderr.contains(reason), "{reason}: {}", answer.stderr);
    };
    refused(&["--key", "ada"], "signed with this very key");
    refused(&["--key", "bob", "--principal", "ada@github"], "signed by ada@github, too");
    refused(&["--key", "bob"], "say who you are with --principal");
    refused(&["--key", "nobody", "--principal", "bob@github"], "nobody");
    assert_eq!(sessions(&context), [""; 0]);
    assert_eq!(fs::read(context.path("submissions/allowed_signers")).unwrap(), signers);
    fs::remove_file(context.path(&entry).join("result.yaml.sig")).unwrap();
    refused(&["--key", "bob", "--principal", "bob@github"], "the entry is unsigned");
    let log = context.path(&entry).join("session.jsonl");
    fs::write(&log, fs::read_to_string(&log).unwrap().replacen("0.", "1.", 1)).unwrap();
    refused(&[], "`session.jsonl` has SHA-256");
    assert_eq!(sessions(&context), [""; 0]);
}

#[test]
fn a_reproduction_that_was_cut_off_goes_on() {
    let context = context();
    let entry = submitted(&context, &["--runs", "4", "--no-calibrate"]);
    context.write("crash", "");
    let cut = reproduced(&context, &entry);
    assert_eq!(cut.code, Some(2), "{}", cut.stdout);
    assert!(cut.stderr.contains("--resume"), "{}", cut.stderr);
    assert_eq!(reproductions(&context), [""; 0]);
    let resumed = hlb_bench(&context, &["reproduce", &entry, "--key", "bob", "--resume"]);
    assert_eq!(resumed.code, Some(0), "{}{}", resumed.stdout, resumed.stderr);
    assert!(resumed.stderr.contains("1 of 4 runs are finished"), "{}", resumed.stderr);
    assert!(context.run(["verify"]).stdout.contains("reproduced by ada@github"));
}

/// The data set is the author's own: the entry's manifest is all that there is of it, and the data are fetched as ever.
#[test]
fn an_entry_on_a_data_set_of_ones_own_is_repeated_by_its_manifest() {
    let context = context();
    let (archive, manifest) = cifar(60).write(&context);
    let (archive, manifest) = (archive.to_str().unwrap(), manifest.to_str().unwrap());
    let fetched = context.run(["data", "fetch", "--manifest", manifest, "--from", archive]);
    assert_eq!(fetched.code, Some(0), "{}", fetched.stderr);
    let header = "name: made\nauthors: [Ada]\ndescription: on made data\nextends: hlb-cifar10\n";
    let small = "epochs: 2\nbatch_size: 64\nstem: {images: 64, width: 8}\nblocks: {widths: [8, 16]}\naverage: null\n";
    context.write("made.yaml", format!("{header}{small}"));
    let fixed = ["submit", "made.yaml", "--site", "site", "--key", "ada", "--principal", "ada@github"];
    let answer = hlb_bench(&context, &[&fixed[..], &["--runs", "4", "--manifest", manifest]].concat());
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let entry = answer.stdout.lines().next().unwrap().strip_prefix("entry ").unwrap().to_owned();
    fs::remove_file(manifest).unwrap();
    let answer = reproduced(&context, &entry);
    assert_eq!(answer.code, Some(0), "{}{}", answer.stdout, answer.stderr);
    let folder = context.path(&reproductions(&context)[0]).parent().unwrap().to_owned();
    let manifests = [folder, context.path(&entry)].map(|folder| fs::read(folder.join("dataset.yaml")).unwrap());
    assert_eq!(manifests[0], manifests[1]);
}

/// Files an entry, and below it a session that claims to repeat it; the entry's folder.
fn with_reproduction(fixture: &Fixture, change: impl FnOnce(&mut Spec)) -> PathBuf {
    let original = Spec::named("original");
    let entry = fixture.file(&original);
    let digest = sha256_hex(&fs::read(entry.join("result.yaml")).unwrap());
    let folder = format!("{}/reproductions/2026-11-27-0123abcd", original.folder);
    let mut spec = Spec { folder, reproduces: Some(digest), hand: Hand::Runner, ..Spec::named("original") };
    change(&mut spec);
    fixture.file(&spec);
    entry
}

fn signers(fixture: &Fixture) -> AllowedSigners {
    read_signers(&fixture.submissions().join("allowed_signers")).unwrap()
}

fn checked(fixture: &Fixture, entry: &Path) -> Result<Trust, String> {
    let found: Result<_, EntryError> = check_entry(entry, &signers(fixture), Fixture::now());
    found.map(|entry| entry.trust).map_err(|error| error.fault.to_string())
}

fn rejected(change: impl FnOnce(&mut Spec), reason: &str) {
    let fixture = Fixture::new();
    let entry = with_reproduction(&fixture, change);
    let found = checked(&fixture, &entry).expect_err("it is forged");
    assert!(found.starts_with("`reproductions/2026-11-27-0123abcd`: ") && found.contains(reason), "{found}");
}

#[test]
fn what_is_no_reproduction_of_the_entry_spoils_it() {
    let fixture = Fixture::new();
    let entry = with_reproduction(&fixture, |_| {});
    assert_eq!(checked(&fixture, &entry).expect("it is good").level(), 3);
    rejected(|spec| spec.reproduces = Some(sha256_hex(b"another")), "`reproduces`, the digest of the result is not");
    rejected(|spec| spec.reproduces = None, "`reproduces`, the digest of the result is not");
    rejected(|spec| spec.changes = "logit_scale: 0.17\n".to_owned(), "the recipe is not that of the entry");
    rejected(|spec| spec.runs = Spec::runs(11, 2.5, 16), "the number of runs is not that of the entry");
    rejected(|spec| spec.reference_epoch_seconds = Some(2.5), "the reference is not that of the entry");
    rejected(|spec| spec.hand = Hand::Nobody, "it is unsigned");
}

#[test]
fn the_submitters_own_reproduction_and_one_with_diverged_runs_raise_nothing() {
    for change in [
        (|spec: &mut Spec| spec.hand = Hand::Submitter) as fn(&mut Spec),
        |spec: &mut Spec| spec.runs[3].diverges_after = Some(2),
        |spec: &mut Spec| spec.runs = Spec::runs(10, 3.0, 16),
        |spec: &mut Spec| spec.runs = Spec::runs(10, 2.5, 40),
    ] {
        let fixture = Fixture::new();
        let entry = with_reproduction(&fixture, change);
        assert_eq!(checked(&fixture, &entry).expect("it is in order").level(), 1);
    }
}

/// Copies the entry's session below it and rewrites whatever says that it is a copy, as a forger with the runner's key would.
fn copied(fixture: &Fixture, nonce: Option<&str>, reproduces: Option<Sha256Hex>) -> PathBuf {
    let entry = fixture.file(&Spec::named("original"));
    let checked = check_entry(&entry, &signers(fixture), Fixture::now()).unwrap();
    let copy = entry.join("reproductions/2026-11-27-0123abcd");
    fs::create_dir_all(&copy).unwrap();
    for name in ["variant.yaml", "recipe.yaml"] {
        fs::copy(entry.join(name), copy.join(name)).unwrap();
    }
    let nonce = nonce.map_or_else(|| checked.log.start.nonce.clone(), |nonce| nonce.parse().unwrap());
    let rewrite = |line: &str| {
        let mut line: LogLine = serde_json::from_str(line).unwrap();
        match &mut line.event {
            Event::SessionStart(start) => (start.nonce, start.reproduces) = (nonce.clone(), reproduces),
            Event::RunStart(run) => {
                run.seed = seed::derive(checked.log.start.recipe.recipe_sha256, nonce.as_str(), run.run);
            }
            _ => {}
        }
        serde_json::to_string(&line).unwrap() + "\n"
    };
    let log: String = fs::read_to_string(entry.join("session.jsonl")).unwrap().lines().map(rewrite).collect();
    fs::write(copy.join("session.jsonl"), &log).unwrap();
    let parsed = RunLog::parse(log.as_bytes()).unwrap();
    let mut result: ResultFile = checked.result.clone();
    (result.session.nonce, result.reproduces) = (nonce.clone(), reproduces);
    (result.log.sha256, result.log.bytes) = (sha256_hex(log.as_bytes()), log.len() as u64);
    result.derived = derive(Basis { log: &parsed, ..checked.basis() });
    fs::write(copy.join("result.yaml"), yaml::emit(&result).unwrap()).unwrap();
    fixture.sign(&copy, Hand::Runner);
    entry
}

#[test]
fn a_copied_log_is_no_reproduction() {
    let digest = |fixture: &Fixture| {
        let entry = fixture.file(&Spec::named("original"));
        sha256_hex(&fs::read(entry.join("result.yaml")).unwrap())
    };
    for (nonce, claims, reason) in [
        (None, false, "`reproduces`, the digest of the result is not that of the entry"),
        (None, true, "it is the entry's own session"),
        (Some("00112233445566778899aabbccddeeff"), true, "every time of run 1 is that of the entry"),
    ] {
        let fixture = Fixture::new();
        let reproduces = claims.then(|| digest(&fixture));
        let entry = copied(&fixture, nonce, reproduces);
        let found = checked(&fixture, &entry).expect_err("it is copied");
        assert!(found.contains(reason), "{found}");
    }
}
