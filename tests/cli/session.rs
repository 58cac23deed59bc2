//! Sessions that go wrong: a trainer that crashes, is killed, hangs or babbles, Ctrl-C, and the death of `hlb-bench` itself.
//!
//! The trainers here are shell scripts that speak the wire format; nothing is claimed about training.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::support::context::{Answer, Context, VARIANT, answer};
use crate::support::simulated::{self, wait_until};
use crate::support::trainer::real_trainer;

/// What a trainer says before it goes wrong: it starts, warms up, begins run 1 and finishes an epoch.
const BEGINNING: &str = r#"
read -r job
seeds=$(printf '%s' "$job" | grep -o '"seed":"[0-9a-f]*"' | cut -d'"' -f4)
set -- $seeds
seed=$1
echo '{"event":"trainer_start","device":"cpu","threads":1,"precision":"fp32","libtorch_version":"0"}'
echo '{"event":"warmup_run","arm":"variant","seconds":0.001}'
echo '{"event":"run_start","arm":"variant","run":1,"seed":"'"$seed"'"}'
sleep 0.05
echo '{"event":"epoch","run":1,"epoch":1,"step":39,"loss":2.5,"accuracy":{"correct":500,"total":2000},"train_seconds":0.01,"evaluate_seconds":0.01}'
"#;

fn context(ending: &str) -> Context {
    let context = Context::new();
    context.write("v.yaml", VARIANT);
    let describe = r#"if [ "$1" = --describe ]; then echo '{"libtorch_file":null,"libtorch_version":"0","cuda":false,"cuda_problem":null}'; exit; fi"#;
    let script = context.write(
        "trainer",
        format!("#!/bin/bash\n{describe}\necho $$ > {}\n{BEGINNING}{ending}\n", context.path("pid").display()),
    );
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    context
}

fn run(context: &Context, more: &[&str]) -> Answer {
    let mut command = context.command();
    command.env("HLB_BENCH_TRAINER", context.path("trainer"));
    let runs: &[&str] = if more.contains(&"--runs") { &[] } else { &["--runs", "2"] };
    answer(&command.args(["run", "v.yaml"]).args(runs).args(more).output().unwrap())
}

fn spawn(context: &Context) -> Child {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
    command.args(["run", "v.yaml", "--runs", "2"]).current_dir(context.root());
    command.env("HLB_BENCH_TRAINER", context.path("trainer")).env("HOME", context.path("home"));
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The file of this name in the only session.
fn kept(context: &Context, name: &str) -> Option<PathBuf> {
    context
        .files()
        .into_iter()
        .find(|file| file.starts_with("sessions/") && file.ends_with(name))
        .map(|file| context.path(&file))
}

fn log(context: &Context) -> String {
    std::fs::read_to_string(kept(context, "session.jsonl").unwrap()).unwrap()
}

fn alive(context: &Context) -> bool {
    simulated::alive(&std::fs::read_to_string(context.path("pid")).unwrap())
}

fn interrupted_because(ending: &str, reason: &str) {
    let context = context(ending);
    let answer = run(&context, &["--hang-after", "1"]);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    assert!(answer.stderr.contains(reason), "{reason}: {}", answer.stderr);
    let log = log(&context);
    let last: Vec<&str> = log.lines().rev().take(2).collect();
    assert!(last[0].contains("session_stop") && last[0].contains(reason), "{log}");
    assert!(last[1].contains("\"outcome\":\"interrupted\"") && last[1].contains(reason), "{log}");
    let result = std::fs::read_to_string(kept(&context, "result.yaml").unwrap()).unwrap();
    assert!(result.contains("outcome: \"interrupted\"") && !result.contains("outcome: \"reached\""), "{result}");
    assert!(!alive(&context));
}

#[test]
fn a_trainer_that_crashes_is_an_outcome_with_its_reason() {
    interrupted_because(
        "echo 'shape mismatch in layer 3' >&2; exit 101",
        "exited with status 101 (shape mismatch in layer 3)",
    );
}

#[test]
fn a_trainer_that_is_killed_for_memory_is_an_outcome_with_its_reason() {
    interrupted_because("kill -9 $$", "killed by signal 9, as the kernel does when memory runs out");
}

#[test]
fn a_trainer_that_hangs_is_ended_and_is_an_outcome_with_its_reason() {
    interrupted_because("exec sleep 600", "no sign of life for 1 s");
}

#[test]
fn a_trainer_that_babbles_is_an_outcome_with_its_reason() {
    interrupted_because("echo 'hello there'; exec sleep 600", "printed a line that is not an event: hello there");
}

#[test]
fn a_trainer_that_leaves_early_did_not_complete() {
    interrupted_because("exit 0", "ended after 0 of 2 runs");
}

#[test]
fn a_loss_that_is_no_number_is_the_outcome_diverged() {
    let stop = r#"sleep 0.05
phases='"phases":{"setup_seconds":0.0,"train_seconds":0.02,"evaluate_seconds":0.01,"log_seconds":0.0},"wall_seconds":0.05'
echo '{"event":"run_stop","run":1,"outcome":"diverged","reason":null,'"$phases"'}'
seed=$2
echo '{"event":"run_start","arm":"variant","run":2,"seed":"'"$seed"'"}'
echo '{"event":"run_stop","run":2,"outcome":"diverged","reason":null,"phases":{"setup_seconds":0.0,"train_seconds":0.0,"evaluate_seconds":0.0,"log_seconds":0.0},"wall_seconds":0.0}'"#;
    let context = context(stop);
    let answer = run(&context, &[]);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    assert_eq!(answer.stdout.matches("outcome: \"diverged\"").count(), 2, "{}", answer.stdout);
    assert!(answer.stdout.contains("reached: 0"));
}

/// libtorch may crash while it is being taken down; by then everything is measured and recorded.
#[test]
fn a_crash_after_the_last_run_changes_nothing() {
    let stop = r#"phases='"phases":{"setup_seconds":0.0,"train_seconds":0.02,"evaluate_seconds":0.01,"log_seconds":0.0},"wall_seconds":0.05'
echo '{"event":"run_stop","run":1,"outcome":"diverged","reason":null,'"$phases"'}'
exit 134"#;
    let context = context(stop);
    let answer = run(&context, &["--runs", "1"]);
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    assert!(answer.stdout.contains("stop_reason: \"completed\""), "{}", answer.stdout);
}

#[test]
fn a_session_that_ended_early_is_never_filed_or_signed() {
    let context = context("exit 101");
    assert_eq!(context.run(["keygen", "key"]).code, Some(0));
    let mut command = context.command();
    command.env("HLB_BENCH_TRAINER", context.path("trainer"));
    let submitted =
        answer(&command.args(["submit", "v.yaml", "--key", "key", "--principal", "ada@github"]).output().unwrap());
    assert_eq!(submitted.code, Some(2), "{}", submitted.stderr);
    assert!(kept(&context, "result.yaml.sig").is_none());
    assert!(!context.files().iter().any(|file| file.starts_with("submissions/shapes/")), "{:?}", context.files());
}

#[test]
fn ctrl_c_is_a_recorded_outcome_and_leaves_no_trainer() {
    let context = context("exec sleep 600");
    let mut child = spawn(&context);
    wait_until("an epoch", || kept(&context, "session.jsonl").is_some() && log(&context).contains("\"epoch\":1"));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(2));
    let log = log(&context);
    assert!(log.contains("\"outcome\":\"interrupted\"") && log.contains("interrupted by the user"), "{log}");
    assert!(!alive(&context));
}

/// The trainer of this test reads its standard input to the end, as the real one does, and then ends itself.
#[test]
fn the_death_of_hlb_bench_leaves_a_log_that_says_so_and_no_result_and_no_orphan() {
    let context = context("cat > /dev/null; kill -9 $$");
    let mut child = spawn(&context);
    wait_until("an epoch", || kept(&context, "session.jsonl").is_some() && log(&context).contains("\"epoch\":1"));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the trainer to end", || !alive(&context));
    assert!(kept(&context, "result.yaml").is_none());
    assert!(!log(&context).contains("session_stop"));
    let folder = kept(&context, "session.jsonl").unwrap().parent().unwrap().to_owned();
    let verified = context.run(["verify", folder.to_str().unwrap()]);
    assert_eq!(verified.code, Some(1));
    assert!(verified.stdout.contains("it was killed"), "{}{}", verified.stdout, verified.stderr);
}

/// The real trainer, killed from above in the middle of training: no orphan is left.
#[test]
fn the_real_trainer_dies_with_hlb_bench() {
    let Some(trainer) = real_trainer() else { return };
    let context = Context::new();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
    command.args(["run", "--runs", "1"]).current_dir(context.root()).env("HOME", context.path("home"));
    let mut child =
        command.env("HLB_BENCH_TRAINER", trainer).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("the warmup run", || kept(&context, "session.jsonl").is_some() && log(&context).contains("warmup_run"));
    let trainers = children_of(child.id());
    assert_eq!(trainers.len(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the trainer to end", || !simulated::alive(&trainers[0]));
    assert!(kept(&context, "result.yaml").is_none());
}

fn children_of(pid: u32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}
