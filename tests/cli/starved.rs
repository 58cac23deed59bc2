//! Sessions that lose what they need: a full disk, a removed log, a removed cache, no memory left.

use std::fs;

use hlb_protocol::run_log::{RunLog, whole_lines};

use crate::support::archive::imagenette;
use crate::support::context::{Answer, Context, answer};
use crate::support::simulated::Stage;

/// Runs a shell script in which `$0` is the program, `small` is a file system of its own that holds 1 MB, and sessions are
/// kept in it; `None`, said aloud, where the system does not let us have one.
pub(super) fn on_a_small_disk(stage: &Stage, test: &str, script: &str) -> Option<Answer> {
    fs::create_dir(stage.context.path("small")).unwrap();
    let script = format!("mount -t tmpfs -o size=1m none small || exit 99\n{script}");
    let mut command = std::process::Command::new("unshare");
    stage.environment(&mut command, "small");
    let answer = answer(&command.args(["-rm", "sh", "-c", &script, env!("CARGO_BIN_EXE_hlb-bench")]).output().unwrap());
    if answer.stderr.contains("unshare failed") || answer.code == Some(99) {
        println!("skipped {test}: {}", answer.stderr.trim());
        return None;
    }
    Some(answer)
}

/// The disk fills in the second run; the first is kept, and with space the session goes on.
#[test]
fn a_disk_that_fills_during_a_session_costs_no_run_that_ended() {
    let stage = Stage::small();
    // The log then has what is left of its last page, which is less than the runs to come need.
    stage.plays(
        "",
        "[ $run = 2 ] && ! [ -e go ] && ! [ -e small/filler ] && dd if=/dev/zero of=small/filler 2>/dev/null",
    );
    let run = format!("\"$0\" run {} --sessions small --runs 12", stage.subject.join(" "));
    let script = format!(
        "{run}; echo \"first $?\"\ncp small/*/*/session.jsonl before.jsonl; ls small/*/*/result.yaml\n\
         \"$0\" verify small/*/*\ntouch go; rm small/filler\n{run} --resume; echo \"second $?\"\n\
         cp small/*/*/session.jsonl after.jsonl"
    );
    let Some(answer) = on_a_small_disk(&stage, "a_disk_that_fills_during_a_session_costs_no_run_that_ended", &script)
    else {
        return;
    };
    assert!(
        answer.stdout.contains("first 2") && answer.stdout.contains("second 0"),
        "{}{}",
        answer.stdout,
        answer.stderr
    );
    assert!(answer.stderr.contains("cannot be written: No space left on device"), "{}", answer.stderr);
    let hint = "hint: the disk is full; the runs that ended are kept: free some space, then go on with `--resume`";
    assert!(answer.stderr.contains(hint), "{}", answer.stderr);
    assert!(answer.stderr.contains("small/*/*/result.yaml"), "there is no result: {}", answer.stderr);
    assert!(answer.stdout.contains("it was killed"), "{}", answer.stdout);
    let read = |name: &str| fs::read(stage.context.path(name)).unwrap();
    let (before, after) = (read("before.jsonl"), read("after.jsonl"));
    assert_eq!(before.last(), Some(&b'\n'), "no half line is left");
    assert!(RunLog::parse(&before).unwrap().runs[0].is_finished());
    assert!(after.starts_with(&before));
    assert_eq!(RunLog::parse(&after).unwrap().stop_reason.as_deref(), Some("completed"));
}

/// The disk fills after the last run: all that is missing is the result.
#[test]
fn a_disk_that_fills_before_the_result_costs_no_run() {
    let stage = Stage::small();
    // Room for the lines to come, not for a result.
    stage.plays(
        "",
        "[ $run = 2 ] && [ $epoch = 2 ] && ! [ -e go ] && { dd if=/dev/zero of=small/filler 2>/dev/null; \
         truncate -s -4096 small/filler; }",
    );
    let run = format!("\"$0\" run {} --sessions small --runs 2", stage.subject.join(" "));
    let script = format!(
        "{run}; echo \"first $?\"\ncp small/*/*/session.jsonl before.jsonl; ls -A small/*/* | grep draft\n\
         touch go; rm small/filler\n{run} --resume; echo \"second $?\"\ncp small/*/*/session.jsonl after.jsonl"
    );
    let Some(answer) = on_a_small_disk(&stage, "a_disk_that_fills_before_the_result_costs_no_run", &script) else {
        return;
    };
    assert!(
        answer.stdout.contains("first 2") && answer.stdout.contains("second 0"),
        "{}{}",
        answer.stdout,
        answer.stderr
    );
    assert!(answer.stderr.contains("No space left on device"), "{}", answer.stderr);
    assert!(answer.stderr.contains("hint: free some space on the disk"), "{}", answer.stderr);
    assert!(!answer.stdout.contains(".draft-"), "{}", answer.stdout);
    assert!(answer.stderr.contains("all runs are finished, only the result was missing"), "{}", answer.stderr);
    let read = |name: &str| fs::read(stage.context.path(name)).unwrap();
    assert_eq!(read("before.jsonl"), read("after.jsonl"));
}

/// A quota in the form that every system has: no file longer than this many kilobytes.
#[test]
fn a_file_that_may_not_grow_costs_no_run_that_ended() {
    let stage = Stage::small();
    let run = |limit: &str, more: &[&str]| {
        let mut command = std::process::Command::new("bash");
        stage.environment(&mut command, "sessions");
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_hlb-bench"), "run"]).args(&stage.subject).args(more);
        answer(&command.output().unwrap())
    };
    let first = run("8", &["--runs", "12"]);
    assert_eq!(first.code, Some(2), "{}", first.stderr);
    assert!(first.stderr.contains("cannot be written: File too large"), "{}", first.stderr);
    assert!(first.stderr.contains("hint: the runs that ended are kept; go on with `--resume`"), "{}", first.stderr);
    stage.wait_for_trainers("sessions");
    let before = stage.log("sessions");
    assert_eq!(whole_lines(&before).len(), before.len(), "no half line is left");
    assert!(RunLog::parse(&before).unwrap().runs[0].is_finished());
    assert!(stage.result("sessions").is_none());
    let second = run("unlimited", &["--resume"]);
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    assert!(stage.log("sessions").starts_with(&before));
}

/// Prepared images are mapped before the session starts: that their file is removed does not matter any more.
#[test]
fn a_cache_that_vanishes_during_a_session_is_not_missed() {
    let context = Context::new();
    let made = imagenette(8, 2);
    made.write(&context);
    let manifest = format!("{}.yaml", made.id);
    let fetched = context.run(["data", "fetch", "--manifest", &manifest, "--from", made.file]);
    assert_eq!(fetched.code, Some(0), "{}", fetched.stderr);
    let header = "name: made\nauthors: [Ada Lovelace]\ndescription: on made data\nextends: hlb-imagenette\n";
    let small = "epochs: 2\nbatch_size: 32\nstem: {images: 64, width: 8}\nblocks: {widths: [8, 16]}\naverage: null\n";
    context.write("v.yaml", format!("{header}{small}"));
    let stage = Stage::with(context, &["v.yaml", "--manifest", &manifest]);
    // Before a byte of the data has been read.
    stage.plays("count=count; [ -n \"$(ls -A cache)\" ] && rm -rf cache \"$HOME\"", "");
    let mut command = stage.command("run", "sessions", &["--runs", "2"]);
    command.env("HLB_BENCH_CACHE", stage.context.path("cache"));
    let answer = answer(&command.output().unwrap());
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(!stage.context.path("cache").exists() && !stage.context.path("home").exists());
    let bytes = (80 + 20) * (64 * 64 * 3 + 1);
    assert_eq!(fs::read_to_string(stage.context.path("count")).unwrap().trim(), bytes.to_string());
}

/// What libtorch says when memory runs out is the reason in the log; runs that ended are kept, and `--resume` goes on.
#[test]
fn memory_that_runs_out_is_an_outcome_with_its_reason() {
    let stage = Stage::small();
    let said = "out of memory: a batch of 64 does not fit; try `batch_size: 32`; libtorch: CUDA out of memory. Tried to allocate 2.00 GiB.";
    stage.plays("", &format!("[ $run = 2 ] && ! [ -e go ] && {{ echo '{said}' >&2; exit 2; }}"));
    let first = stage.run("run", "sessions", &["--runs", "3"]);
    assert_eq!(first.code, Some(2), "{}", first.stderr);
    assert!(first.stderr.contains(&format!("the trainer was lost: exited with status 2 ({said})")), "{}", first.stderr);
    assert!(first.stderr.contains("the same command with --resume runs the runs that are missing"), "{}", first.stderr);
    let before = stage.log("sessions");
    let log = RunLog::parse(&before).unwrap();
    assert!(log.stop_reason.as_deref().unwrap().contains(said));
    assert!(log.runs[0].is_finished() && !log.runs[1].is_finished() && log.runs.len() == 2);
    let result = stage.result("sessions").unwrap();
    assert!(result.contains("outcome: \"reached\"") && result.contains("outcome: \"interrupted\""), "{result}");
    stage.context.write("go", "");
    assert_eq!(stage.run("run", "sessions", &["--resume"]).code, Some(0));
    assert!(stage.log("sessions").starts_with(&before));
}

/// Half a line is no event, and not the reason either.
#[test]
fn a_trainer_that_is_killed_in_the_middle_of_a_line_is_an_outcome_with_its_reason() {
    let stage = Stage::small();
    stage.plays("", "[ $run = 2 ] && ! [ -e go ] && { printf '{\"event\":\"epo'; kill -9 $$; }");
    let first = stage.run("run", "sessions", &["--runs", "2"]);
    assert_eq!(first.code, Some(2), "{}", first.stderr);
    assert!(first.stderr.contains("killed by signal 9, as the kernel does when memory runs out"), "{}", first.stderr);
    stage.context.write("go", "");
    assert_eq!(stage.run("run", "sessions", &["--resume"]).code, Some(0));
}

/// Nobody will ever read what is written into a removed file: the session says so at once, not after its last run.
#[test]
fn a_log_that_is_removed_ends_the_session() {
    let stage = Stage::small();
    stage.plays("", "[ $run = 1 ] && [ $epoch = 1 ] && rm -rf sessions");
    let answer = stage.run("run", "sessions", &["--runs", "400"]);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    assert!(answer.stderr.contains("was removed while the session was running"), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("hint: runs that are not logged cannot be verified; begin a new session"),
        "{}",
        answer.stderr
    );
    assert!(!answer.stderr.contains("run 3/400"), "it ends at once: {}", answer.stderr);
    stage.wait_for_trainers("sessions");
}
