//! Sessions that are killed at any moment and go on: what was logged stays as it was, what is missing is run, and the result
//! says so.

use std::fs;
use std::process::Child;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hlb_core::rules::MAX_RESUMES;
use hlb_protocol::run_log::{Arm, LoggedRun, Outcome, RunLog, whole_lines};
use hlb_result::{ResultFile, Warning};

use crate::support::archive::Numbers;
use crate::support::simulated::{Stage, alive, wait_until};

/// Moments at which a session is killed.
const KILLS: usize = 200;
/// How a session is run, and when it is killed.
struct Case {
    sessions: String,
    more: Vec<&'static str>,
    runs: u32,
    calibrated: bool,
    /// Exit code of a whole session.
    code: i32,
    /// Moments as shares: the first tenth is before the first line of the log, the rest after it.
    kills: Vec<f64>,
}

/// What came of the cases.
#[derive(Default)]
struct Tally {
    resumed: AtomicUsize,
    twice: AtomicUsize,
    abandoned: AtomicUsize,
    nothing_logged: AtomicUsize,
    finished_first: AtomicUsize,
}

/// Kills the program; its trainer then ends by itself.
fn kill(mut child: Child) {
    let id = child.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    child.kill().unwrap();
    child.wait().unwrap();
    for orphan in children.split_whitespace() {
        wait_until("the trainer to end", || !alive(orphan));
    }
}

fn parse(bytes: &[u8]) -> RunLog {
    RunLog::parse_unfinished(bytes).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

fn finished(log: &RunLog) -> Vec<LoggedRun> {
    log.in_order().into_iter().filter(|run| run.is_finished()).cloned().collect()
}

fn count(bytes: &[u8], event: &str) -> usize {
    String::from_utf8_lossy(whole_lines(bytes)).matches(&format!("\"event\":\"{event}\"")).count()
}

impl Case {
    fn arguments(&self, resume: bool) -> Vec<&str> {
        self.more.iter().copied().chain(resume.then_some("--resume")).collect()
    }

    /// Kills the session at its moments; the log that is left, or `None` where there is nothing to go on with.
    fn kill(&self, stage: &Stage, usual: &Usual, tally: &Tally) -> Option<Vec<u8>> {
        let mut before = Vec::new();
        for (index, share) in self.kills.iter().enumerate() {
            let child = stage.spawn("run", &self.sessions, &self.arguments(index > 0));
            usual.wait(*share, stage, &self.sessions, lines(&before));
            kill(child);
            let after = stage.log(&self.sessions);
            assert!(after.starts_with(whole_lines(&before)), "a resume changes nothing that was logged");
            if whole_lines(&after).is_empty() {
                self.nothing_to_resume(stage);
                tally.nothing_logged.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            if stage.result(&self.sessions).is_some() {
                self.check_complete(stage);
                tally.finished_first.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            self.check_killed(stage, &after);
            before = after;
        }
        Some(before)
    }

    fn nothing_to_resume(&self, stage: &Stage) {
        let refused = stage.run("run", &self.sessions, &self.arguments(true));
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains("there is no unfinished session of this variant"), "{}", refused.stderr);
    }

    fn check_killed(&self, stage: &Stage, log: &[u8]) {
        stage.wait_for_trainers(&self.sessions);
        let folder = stage.folder(&self.sessions).unwrap();
        let verified = stage.context.run(["verify", folder.to_str().unwrap()]);
        assert_eq!(verified.code, Some(1), "{}", verified.stderr);
        let words =
            parse(log).stop_reason.unwrap_or_else(|| "its run log has no `session_stop`, so it was killed".to_owned());
        let expected = format!("the session did not end with a result: {words} (after ");
        assert!(verified.stdout.contains(&expected), "{}", verified.stdout);
    }

    /// The session is whole and in order, and resuming it again says so.
    fn check_complete(&self, stage: &Stage) -> RunLog {
        let bytes = stage.log(&self.sessions);
        let log = RunLog::parse(&bytes).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(log.stop_reason.as_deref(), Some("completed"));
        let runs: Vec<_> = log.in_order().iter().map(|run| (run.arm, run.run)).collect();
        let arms: &[Arm] = if self.calibrated { &[Arm::Reference, Arm::Variant] } else { &[Arm::Variant] };
        let wanted: Vec<_> = (1..=self.runs).flat_map(|run| arms.iter().map(move |arm| (*arm, run))).collect();
        assert_eq!(runs, wanted, "every run is there once, in order");
        assert!(log.in_order().iter().all(|run| run.is_finished()));
        let folder = stage.folder(&self.sessions).unwrap();
        let verified = stage.context.run(["verify", folder.to_str().unwrap()]);
        assert!(verified.stdout.starts_with("UNSIGNED, otherwise in order"), "{}{}", verified.stdout, verified.stderr);
        log
    }

    fn check_resumed(&self, stage: &Stage, before: &[u8], tally: &Tally) {
        let whole = whole_lines(before);
        let killed = parse(whole);
        let complete = killed.stop_reason.is_some();
        let resumed = stage.run("run", &self.sessions, &self.arguments(true));
        assert_eq!(resumed.code, Some(self.code), "{}\n{}", resumed.stderr, String::from_utf8_lossy(before));
        let after = stage.log(&self.sessions);
        assert!(after.starts_with(whole), "a resume changes nothing that was logged");
        let log = self.check_complete(stage);
        let kept = finished(&killed);
        assert_eq!(finished(&log)[..kept.len()], kept[..], "runs that ended are kept as they were");
        let runs = self.runs as usize * if self.calibrated { 2 } else { 1 };
        let abandoned = count(&after, "run_start") - runs;
        self.check_warning(stage, count(&after, "session_resume"), abandoned);
        let processes = count(&after, "session_resume") - count(before, "session_resume");
        assert_eq!(processes == 0, complete, "only a session whose end is logged needs no more than its result");
        tally.resumed.fetch_add(1, Ordering::Relaxed);
        tally.twice.fetch_add(usize::from(self.kills.len() > 1), Ordering::Relaxed);
        tally.abandoned.fetch_add(abandoned, Ordering::Relaxed);
    }

    fn check_warning(&self, stage: &Stage, times: usize, abandoned: usize) {
        let text = stage.result(&self.sessions).unwrap();
        let result: ResultFile = hlb_core::yaml::parse(text.as_bytes(), "result.yaml").unwrap();
        let said = result.derived.warnings.iter().find_map(|warning| match warning {
            Warning::Resumed { times, abandoned_runs } => Some((*times as usize, *abandoned_runs as usize)),
            _ => None,
        });
        assert_eq!(said, (times > 0).then_some((times, abandoned)), "{text}");
    }

    fn run(&self, stage: &Stage, usual: &Usual, tally: &Tally) {
        if let Some(before) = self.kill(stage, usual, tally) {
            self.check_resumed(stage, &before, tally);
        }
        fs::remove_dir_all(stage.context.path(&self.sessions)).unwrap_or_default();
    }
}

/// Every fourth case is killed twice.
fn cases(count: usize, more: &[&'static str], code: i32) -> Vec<Case> {
    let runs = more[1].parse().unwrap();
    let mut numbers = Numbers::new(count as u64);
    #[expect(clippy::cast_precision_loss, reason = "a random share")]
    let mut share = move || (numbers.next() % 1_000_000) as f64 / 1e6;
    let case = |index: usize| Case {
        sessions: format!("s{index}"),
        more: more.to_vec(),
        runs,
        calibrated: more.contains(&"--calibrate"),
        code,
        kills: if index % 4 == 3 { vec![share(), share()] } else { vec![share()] },
    };
    (0..count).map(case).collect()
}

/// How an undisturbed session goes while as many run next to it as later.
struct Usual {
    /// Until the first line of its log.
    start: Duration,
    /// From there to the end.
    session: Duration,
    /// Lines of its log that do not depend on how long it lasts.
    lines: usize,
}

/// Lines of a log but those of sensors, which are as many as there were seconds.
fn lines(log: &[u8]) -> usize {
    let log = String::from_utf8_lossy(whole_lines(log)).into_owned();
    log.lines().filter(|line| !line.contains("\"event\":\"telemetry\"")).count()
}

impl Usual {
    /// Waits for a moment of a session whose log had so many lines when its process started: for a share of the lines that are
    /// to come, and then between two of them. Lines and not seconds, for what runs next to the session makes it slower or faster.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few lines"
    )]
    fn wait(&self, share: f64, stage: &Stage, sessions: &str, before: usize) {
        const START: f64 = 0.1;
        if share < START {
            return thread::sleep(self.start.mul_f64(share / START));
        }
        let ahead = self.lines.saturating_sub(before) as f64 * (share - START) / (1.0 - START);
        let (whole, rest) = (ahead.floor() as usize, ahead.fract());
        wait_until("a line", || lines(&stage.log(sessions)) > before + whole || stage.result(sessions).is_some());
        thread::sleep(self.session.mul_f64(rest / self.lines as f64));
    }
}

fn usual(stage: &Stage, case: &Case, workers: usize) -> Usual {
    let begun = Instant::now();
    thread::scope(|scope| {
        for worker in 0..workers {
            scope.spawn(move || {
                let whole = stage.run("run", &format!("whole{worker}"), &case.arguments(false));
                assert_eq!(whole.code, Some(case.code), "{}", whole.stderr);
            });
        }
    });
    let log = stage.log("whole0");
    let session = Duration::from_secs_f64(parse(&log).wall_seconds);
    Usual { start: begun.elapsed().saturating_sub(session), session, lines: lines(&log) }
}

fn run_all(stage: &Stage, cases: &[Case], workers: usize) -> Tally {
    let (tally, next) = (Tally::default(), AtomicUsize::new(0));
    let usual = usual(stage, &cases[0], workers);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    case.run(stage, &usual, &tally);
                }
            });
        }
    });
    tally
}

/// Enough of the kills must have hit a session in its middle, else nothing was shown.
fn check_tally(tally: &Tally, kills: usize) {
    let read = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    let [resumed, twice, abandoned] = [&tally.resumed, &tally.twice, &tally.abandoned].map(read);
    println!(
        "{kills} sessions killed: {resumed} resumed ({twice} twice, {abandoned} runs abandoned), {} before their first line, {} too late",
        read(&tally.nothing_logged),
        read(&tally.finished_first)
    );
    assert!(3 * resumed > kills && abandoned > 0, "too few were hit in the middle");
}

#[test]
fn a_session_killed_at_any_moment_goes_on() {
    let stage = Stage::small();
    let cases = cases(KILLS - KILLS / 10, &["--runs", "8"], 0);
    check_tally(&run_all(&stage, &cases, 4), cases.len());
}

#[test]
fn a_calibrated_session_killed_at_any_moment_goes_on() {
    let stage = Stage::shapes();
    let cases = cases(KILLS / 10, &["--runs", "3", "--calibrate"], 0);
    check_tally(&run_all(&stage, &cases, 4), cases.len());
}

/// One epoch does not reach the target, which is what the exit code says.
#[test]
fn a_session_of_the_real_trainer_killed_at_any_moment_goes_on() {
    let Some(stage) = Stage::real() else { return };
    let cases = cases(10, &["--runs", "4"], 1);
    check_tally(&run_all(&stage, &cases, 1), cases.len());
}

/// A session that was killed inside its second run.
fn killed(stage: &Stage, more: &[&str]) -> Vec<u8> {
    let mut child = stage.spawn("run", "sessions", more);
    stage.wait_for("sessions", "\"run\":2,\"seed\"");
    child.kill().unwrap();
    child.wait().unwrap();
    stage.wait_for_trainers("sessions");
    whole_lines(&stage.log("sessions")).to_vec()
}

/// The trainer stops in its second run until the file `go` is there.
const STOPS: &str = r"[ $run = 2 ] && until [ -e go ]; do nap 0.01; done";

fn go(stage: &Stage) {
    stage.context.write("go", "");
}

fn refused(stage: &Stage, more: &[&str], reason: &str) {
    let (log, files) = (stage.log("sessions"), stage.context.files());
    let answer = stage.run("run", "sessions", more);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    assert!(answer.stderr.contains(reason), "{reason}: {}", answer.stderr);
    assert_eq!((stage.log("sessions"), stage.context.files()), (log, files), "nothing is touched");
}

#[test]
fn what_is_no_longer_the_same_cannot_go_on() {
    let mut stage = Stage::shapes();
    stage.plays("", STOPS);
    killed(&stage, &["--runs", "3"]);
    go(&stage);
    let same = "is no longer the same; begin a new one without --resume";
    refused(&stage, &["--resume", "--runs", "4"], &format!("--runs {same}"));
    refused(&stage, &["--resume", "--deterministic"], &format!("--deterministic {same}"));
    refused(&stage, &["--resume", "--stop-at-target"], &format!("--stop-at-target {same}"));
    let variant = fs::read_to_string(stage.context.path("v.yaml")).unwrap();
    stage.context.write("v.yaml", variant.replace("epochs: 1", "epochs: 2"));
    refused(
        &stage,
        &["--resume"],
        "there is no unfinished session of this variant in sessions/shapes; leave out --resume",
    );
    stage.context.write("v.yaml", &variant);
    // The digest of the recipe that the session began with, as if this program had shipped another one then.
    let log = String::from_utf8(stage.log("sessions")).unwrap();
    let path = stage.folder("sessions").unwrap().join("session.jsonl");
    altered(&stage, &path, &log, "content_sha256", &format!("its data set {same}"));
    altered(&stage, &path, &log, "program_sha256", &format!("the program `hlb-bench` {same}"));
    fs::write(&path, &log).unwrap();
    stage.plays("", "# another build");
    refused(&stage, &["--resume"], &format!("the program `hlb-bench-trainer` {same}"));
    stage.plays("", STOPS);
    stage.subject.extend(["--threads".to_owned(), "1000".to_owned()]);
    let other = stage.run("run", "sessions", &["--resume"]);
    assert_eq!(other.code, Some(2));
    assert!(other.stderr.contains("cannot go on with cpu, 1000 threads, fp32"), "{}", other.stderr);
    // That is a session that ended early like any other, and its log is not spoilt.
    stage.subject.truncate(1);
    assert_eq!(stage.run("run", "sessions", &["--resume"]).code, Some(0));
}

/// Gives the log another digest at `key`, and sees the session refused for it.
fn altered(stage: &Stage, path: &std::path::Path, log: &str, key: &str, reason: &str) {
    let at = log.find(key).unwrap() + key.len() + 3;
    let digest = &log[at..at + 64];
    let other: String = digest.chars().rev().collect();
    fs::write(path, log.replacen(digest, &other, 1)).unwrap();
    refused(stage, &["--resume"], reason);
}

#[test]
fn a_session_that_runs_is_left_alone() {
    let stage = Stage::small();
    stage.plays("", STOPS);
    let mut child = stage.spawn("run", "sessions", &["--runs", "2"]);
    stage.wait_for("sessions", "\"run\":2,\"epoch\":1");
    let answer = stage.run("run", "sessions", &["--resume"]);
    assert_eq!(answer.code, Some(2), "{}", answer.stderr);
    assert!(answer.stderr.contains("another process is still writing"), "{}", answer.stderr);
    assert!(answer.stderr.contains("hint: wait for it to end"), "{}", answer.stderr);
    go(&stage);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(count(&stage.log("sessions"), "session_resume"), 0);
}

#[test]
fn there_must_be_something_to_resume() {
    let stage = Stage::small();
    refused(
        &stage,
        &["--resume"],
        "there is no unfinished session of this variant in sessions/cifar10; leave out --resume",
    );
    assert_eq!(stage.run("run", "sessions", &["--runs", "1"]).code, Some(0));
    refused(&stage, &["--resume"], "there is no unfinished session of this variant");
}

#[test]
fn a_session_that_was_resumed_too_often_stays_as_it_is() {
    let stage = Stage::small();
    stage.plays("", STOPS);
    let whole = killed(&stage, &["--runs", "3"]);
    let (at, folder) = (parse(&whole).wall_seconds, stage.folder("sessions").unwrap());
    let line = format!(
        "{{\"at_seconds\":{at},\"event\":\"session_resume\",\"started_at\":\"2026-12-01T00:00:00Z\",\"dataset_seconds\":0.5}}\n"
    );
    fs::write(folder.join("session.jsonl"), [&whole[..], line.repeat(MAX_RESUMES).as_bytes()].concat()).unwrap();
    fs::write(folder.join("result.yaml"), "of the last process").unwrap();
    refused(&stage, &["--resume"], "was resumed 100 times, which is the most; begin a new one");
    assert_eq!(stage.result("sessions").as_deref(), Some("of the last process"));
}

#[test]
fn a_torn_last_line_is_cut_off() {
    let stage = Stage::small();
    stage.plays("", STOPS);
    let whole = killed(&stage, &["--runs", "3"]);
    let path = stage.folder("sessions").unwrap().join("session.jsonl");
    fs::write(&path, [&whole[..], b"{\"at_seconds\":9.5,\"event\":\"epoch\",\"ru"].concat()).unwrap();
    go(&stage);
    assert_eq!(stage.run("run", "sessions", &["--resume"]).code, Some(0));
    let log = stage.log("sessions");
    assert!(log.starts_with(&whole) && RunLog::parse(&log).is_ok());
}

/// Killed before it could say a word, a resume is none.
#[test]
fn a_resume_that_is_killed_before_its_first_line_leaves_no_trace() {
    let stage = Stage::small();
    stage.plays("", STOPS);
    let whole = killed(&stage, &["--runs", "3"]);
    for milliseconds in [0, 1, 2, 4] {
        let child = stage.spawn("run", "sessions", &["--resume"]);
        thread::sleep(Duration::from_millis(milliseconds));
        kill(child);
    }
    assert_eq!(stage.log("sessions"), whole);
    go(&stage);
    let resumed = stage.run("run", "sessions", &["--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(resumed.stderr.contains("resumed: 1 of 3 runs are finished, the rest follows"), "{}", resumed.stderr);
    assert!(
        resumed.stderr.contains("the session ended early and was resumed once; 1 run was cut off"),
        "{}",
        resumed.stderr
    );
}

#[test]
fn an_interrupted_session_has_a_result_that_is_replaced() {
    let stage = Stage::small();
    stage.plays("", STOPS);
    let mut child = stage.spawn("run", "sessions", &["--runs", "2"]);
    stage.wait_for("sessions", "\"run\":2,\"epoch\":1");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert!(stage.result("sessions").unwrap().contains("stop_reason: \"interrupted by the user\""));
    // While it goes on there is no result, and what a write left half done is gone.
    let folder = stage.folder("sessions").unwrap();
    fs::write(folder.join(".draft-x7y"), "schem").unwrap();
    let mut child = stage.spawn("run", "sessions", &["--resume"]);
    stage.wait_for("sessions", "session_resume");
    assert!(stage.result("sessions").is_none());
    go(&stage);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let result = stage.result("sessions").unwrap();
    assert!(result.contains("stop_reason: \"completed\"") && result.contains("abandoned_runs: 1"), "{result}");
    let log = parse(&stage.log("sessions"));
    assert_eq!(log.abandoned[0].stop.as_ref().unwrap().outcome, Outcome::Interrupted);
    assert!(!folder.join(".draft-x7y").exists());
}

/// Killed between its last line and its result: no run is repeated for that.
#[test]
fn a_session_that_lacks_only_its_result_gets_it() {
    let stage = Stage::small();
    assert_eq!(stage.run("run", "sessions", &["--runs", "2"]).code, Some(0));
    let (log, result) = (stage.log("sessions"), stage.result("sessions").unwrap());
    fs::remove_file(stage.folder("sessions").unwrap().join("result.yaml")).unwrap();
    let resumed = stage.run("run", "sessions", &["--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(resumed.stderr.contains("all runs are finished, only the result was missing"), "{}", resumed.stderr);
    assert_eq!(stage.log("sessions"), log);
    let derived = |text: &str| text[text.find("\nderived:").unwrap()..].to_owned();
    assert_eq!(derived(&stage.result("sessions").unwrap()), derived(&result));
    // Without the last line the runs are still all there.
    let path = stage.folder("sessions").unwrap();
    fs::remove_file(path.join("result.yaml")).unwrap();
    let text = String::from_utf8(log).unwrap();
    let last = text.trim_end().rfind('\n').unwrap() + 1;
    fs::write(path.join("session.jsonl"), &text[..last]).unwrap();
    let trainers = fs::read_to_string(stage.context.path("sessions.pids")).unwrap();
    let resumed = stage.run("run", "sessions", &["--resume"]);
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert_eq!(fs::read_to_string(stage.context.path("sessions.pids")).unwrap(), trainers, "no trainer is started");
    assert!(resumed.stderr.contains("was resumed once; no run was run again"), "{}", resumed.stderr);
}

#[test]
fn a_submission_that_was_killed_is_resumed_signed_filed_and_verified() {
    let stage = Stage::small();
    stage.plays("", STOPS);
    assert_eq!(stage.context.run(["keygen", "key"]).code, Some(0));
    let more = ["--key", "key", "--principal", "ada@github", "--site", "site"];
    let mut child = stage.spawn("submit", "sessions", &[&more[..], &["--runs", "3"]].concat());
    stage.wait_for("sessions", "\"run\":2,\"epoch\":1");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!stage.context.path("submissions/cifar10").exists());
    go(&stage);
    let resumed = stage.run("submit", "sessions", &[&more[..], &["--resume"]].concat());
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    let entry = resumed.stdout.lines().next().unwrap().strip_prefix("entry ").unwrap();
    let result = fs::read_to_string(stage.context.path(entry).join("result.yaml")).unwrap();
    assert!(result.contains("abandoned_runs: 1"), "{result}");
    let verified = stage.context.run(["verify"]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    assert!(stage.folder("sessions").is_none(), "the session was filed");
    let page = fs::read_to_string(stage.context.path("site/index.html")).unwrap();
    assert!(page.contains("made"));
}
