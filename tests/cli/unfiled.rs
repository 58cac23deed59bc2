//! Sessions that are complete and could not be signed or filed: nothing is trained again for that.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::cli::starved::on_a_small_disk;
use crate::support::context::{Answer, answer};
use crate::support::simulated::{Stage, wait_until};

const SUBMIT: [&str; 8] = ["--runs", "2", "--key", "key", "--principal", "ada@github", "--site", "site"];

/// A stage with a key of Ada's.
fn stage() -> Stage {
    let stage = Stage::small();
    assert_eq!(stage.context.run(["keygen", "key"]).code, Some(0));
    stage
}

fn resume(stage: &Stage) -> Answer {
    stage.run("submit", "sessions", &[&SUBMIT[..], &["--resume"]].concat())
}

/// The folders of entries on the board.
fn entries(stage: &Stage) -> Vec<String> {
    let is_result = |file: &String| {
        // A killed process leaves what it was filing in a hidden folder, which boards pass over.
        file.starts_with("submissions/") && file.ends_with("/result.yaml") && !file.contains("/.filing-")
    };
    stage.context.files().into_iter().filter(is_result).collect()
}

fn trainers(stage: &Stage) -> usize {
    fs::read_to_string(stage.context.path("sessions.pids")).unwrap_or_default().lines().count()
}

/// The failure names the way on, and that way files the session as it is.
fn files_what_is_there(stage: &Stage, failed: &Answer, resume: impl Fn() -> Answer) {
    assert_eq!(failed.code, Some(2), "{}{}", failed.stdout, failed.stderr);
    assert!(failed.stderr.contains("`submit --resume` files it without training again"), "{}", failed.stderr);
    let (log, result, started) = (stage.log("sessions"), stage.result("sessions"), trainers(stage));
    let resumed = resume();
    assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
    assert!(resumed.stderr.contains("the session is complete, so that nothing is trained again"), "{}", resumed.stderr);
    let [entry] = &entries(stage)[..] else { panic!("{:?}", entries(stage)) };
    let folder = stage.context.path(entry).parent().unwrap().to_owned();
    assert_eq!(fs::read(folder.join("session.jsonl")).unwrap(), log);
    assert_eq!(fs::read_to_string(folder.join("result.yaml")).ok(), result);
    assert_eq!(trainers(stage), started, "nothing is trained");
    assert!(stage.folder("sessions").is_none(), "the session was filed");
    let verified = stage.context.run(["verify"]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
}

#[test]
fn a_session_whose_key_is_gone_is_filed_when_it_is_back() {
    let stage = stage();
    stage.plays("mv key away", "");
    let failed = stage.run("submit", "sessions", &SUBMIT);
    fs::rename(stage.context.path("away"), stage.context.path("key")).unwrap();
    files_what_is_there(&stage, &failed, || resume(&stage));
}

/// Neither its data nor its trainer has to be there still.
#[test]
fn what_was_trained_on_is_not_needed_to_file() {
    let stage = stage();
    stage.plays("mv key away", "");
    let failed = stage.run("submit", "sessions", &SUBMIT);
    fs::rename(stage.context.path("away"), stage.context.path("key")).unwrap();
    fs::remove_dir_all(stage.context.path("home")).unwrap();
    fs::remove_file(stage.context.path("trainer")).unwrap();
    files_what_is_there(&stage, &failed, || resume(&stage));
}

#[test]
fn a_session_whose_agent_is_gone_is_filed_when_it_is_back() {
    let stage = stage();
    let socket = stage.context.path("agent");
    let mut agent = Command::new("ssh-agent");
    let Ok(mut agent) = agent.args(["-D", "-a"]).arg(&socket).stdout(std::process::Stdio::null()).spawn() else {
        println!("skipped a_session_whose_agent_is_gone_is_filed_when_it_is_back: no ssh-agent");
        return;
    };
    wait_until("the agent", || socket.exists());
    let added = Command::new("ssh-add").arg(stage.context.path("key")).env("SSH_AUTH_SOCK", &socket).output().unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    fs::remove_file(stage.context.path("key")).unwrap();
    let submit = |more: &[&str]| {
        let arguments = [&["--key", "key.pub"], &SUBMIT[..2], &SUBMIT[4..], more].concat();
        answer(&stage.command("submit", "sessions", &arguments).env("SSH_AUTH_SOCK", &socket).output().unwrap())
    };
    stage.plays("mv agent away", "");
    let failed = submit(&[]);
    fs::rename(stage.context.path("away"), &socket).unwrap();
    files_what_is_there(&stage, &failed, || submit(&["--resume"]));
    agent.kill().unwrap();
    agent.wait().unwrap();
}

/// However much room there is, from none to enough for all but the last file.
#[test]
fn a_disk_that_is_full_when_the_entry_is_filed_costs_nothing() {
    for pages in [0, 1, 2, 4] {
        let stage = stage();
        stage.plays(
            &format!(
                "[ -e small/filler ] || {{ dd if=/dev/zero of=small/filler 2>/dev/null; \
                 truncate -s -$((4096 * {pages})) small/filler; }}"
            ),
            "",
        );
        let run = format!("\"$0\" submit {} {} --submissions small", stage.subject.join(" "), SUBMIT.join(" "));
        let script = format!(
            "{run}; echo \"first $?\"\nrm small/filler; touch small/filler\n{run} --resume; echo \"second $?\"\n\"$0\" verify small; ls small/*/*/result.yaml"
        );
        let test = "a_disk_that_is_full_when_the_entry_is_filed_costs_nothing";
        let Some(answer) = on_a_small_disk(&stage, test, &script) else { return };
        let said = format!("{pages}: {}{}", answer.stdout, answer.stderr);
        assert!(said.contains("first 2") && said.contains("second 0"), "{said}");
        assert!(said.contains("No space left on device"), "{said}");
        assert!(said.contains("`submit --resume` files it without training again"), "{said}");
        assert_eq!((answer.stdout.matches("/result.yaml").count(), answer.code), (1, Some(0)), "{said}");
        assert_eq!(fs::read_to_string(stage.context.path("small.pids")).unwrap().lines().count(), 1, "{said}");
    }
}

/// A folder that `--resume` could not find is not left behind, and not promised.
#[test]
fn a_disk_without_room_for_the_first_line_has_no_session() {
    let stage = Stage::small();
    let run = format!("\"$0\" run {} --sessions small --runs 1", stage.subject.join(" "));
    let script = format!(
        "dd if=/dev/zero of=small/filler 2>/dev/null\nfor page in 0 1 2 3 4 5 6 7 8 9; do\n{run} 2>said; code=$?\n\
         find small -name session.jsonl -size +0 | grep -q . && break\n\
         echo \"$code $(ls -A small/* 2>/dev/null | grep -c -- -made-) $(grep -c resume said)\"; tail -n 2 said >&2\n\
         truncate -s -4096 small/filler\ndone"
    );
    let test = "a_disk_without_room_for_the_first_line_has_no_session";
    let Some(answer) = on_a_small_disk(&stage, test, &script) else { return };
    assert!(answer.stdout.lines().count() > 2, "{}{}", answer.stdout, answer.stderr);
    assert!(answer.stdout.lines().all(|line| line == "2 0 0"), "{}{}", answer.stdout, answer.stderr);
    assert!(answer.stderr.contains("hint: make room for it on the disk, then begin it again"), "{}", answer.stderr);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        fs::copy(item.path(), to.join(item.file_name())).unwrap();
    }
}

/// Whatever a kill leaves: the session unsigned, signed, or filed and not yet removed.
#[test]
fn a_submission_that_is_killed_when_it_is_filed_is_filed_once() {
    let stage = stage();
    for delay in 0..8_u64 {
        let mut child = stage.spawn("submit", "sessions", &SUBMIT);
        wait_until("a result", || stage.result("sessions").is_some() || !entries(&stage).is_empty());
        thread::sleep(Duration::from_millis(6 * delay));
        child.kill().unwrap();
        child.wait().unwrap();
        let (there, started) = (stage.folder("sessions").is_some(), trainers(&stage));
        let resumed = resume(&stage);
        if there && stage.folder("sessions").is_none() {
            assert_eq!(resumed.code, Some(0), "{}", resumed.stderr);
        }
        assert_eq!(trainers(&stage), started, "nothing is trained");
        assert_eq!(entries(&stage).len(), 1, "{}", resumed.stderr);
        assert_eq!(stage.context.run(["verify"]).code, Some(0));
        // As if the process had been killed before it removed what it had filed.
        let entry = stage.context.path(&entries(&stage)[0]).parent().unwrap().to_owned();
        copy(&entry, &stage.context.path("sessions/cifar10/left"));
        stage.context.write("sessions/cifar10/left/.draft-of-a-signature", "half of it");
        let again = resume(&stage);
        assert_eq!((again.code, entries(&stage).len()), (Some(0), 1), "{}", again.stderr);
        assert!(stage.folder("sessions").is_none());
        fs::remove_dir_all(stage.context.path("submissions/cifar10")).unwrap();
        fs::remove_dir_all(stage.context.path("sessions")).unwrap_or_default();
    }
}

/// A `run` in between, finished or not, is something else; what stopped is what goes on, and what is filed.
#[test]
fn a_submission_that_stopped_goes_on_whatever_was_run_since() {
    for (is_finished, more) in [(true, &[][..]), (true, &["--runs", "3"]), (false, &[]), (false, &["--runs", "3"])] {
        let stage = stage();
        stage.plays("", "[ $run = 2 ] && ! [ -e go ] && exit 9");
        let submit = |more: &[&str]| stage.run("submit", "sessions", &[&SUBMIT[2..], more].concat());
        let stopped = submit(&["--runs", "3"]);
        assert_eq!(stopped.code, Some(2), "{}", stopped.stderr);
        let folder = stage.folder("sessions").unwrap();
        thread::sleep(Duration::from_millis(1100));
        stage.plays("", if is_finished { "" } else { "exit 9" });
        stage.run("run", "sessions", &["--runs", "2"]);
        stage.plays("", "[ $run = 2 ] && ! [ -e go ] && exit 9");
        stage.context.write("go", "");
        let resumed = submit(&[more, &["--resume"]].concat());
        assert_eq!(resumed.code, Some(0), "{is_finished} {more:?}: {}", resumed.stderr);
        assert!(resumed.stderr.contains("resumed: 1 of 3 runs are finished"), "{}", resumed.stderr);
        assert!(!folder.exists() && stage.folder("sessions").is_some(), "the `run` is not filed");
    }
}
