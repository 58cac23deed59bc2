//! What lies on the runner: the unit, the cleaning, and the script that runs a session for a maintainer.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use crate::support::clone::{clone_with_remote, named, project};
use crate::support::context::{Answer, Context, answer};

/// What systemd says of the unit, with the programs that it starts in place; `None` where there is no systemd.
fn verified(change: (&str, &str)) -> Option<String> {
    let context = Context::new();
    let unit = fs::read_to_string(project("scripts/runner/hlb-bench-runner.service")).unwrap();
    let mut unit = unit.replace(change.0, change.1);
    for program in ["/usr/bin/nvidia-modprobe", "/opt/hlb-bench/clean-runner.sh", "/var/lib/hlb-runner/run.sh"] {
        let stand_in = context.write(program.rsplit_once('/').unwrap().1, "#!/bin/sh\n");
        fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
        unit = unit.replace(program, stand_in.to_str().unwrap());
    }
    let path = context.write("hlb-bench-runner.service", unit);
    match Command::new("systemd-analyze").arg("verify").arg(path).output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound && std::env::var_os("CI").is_none() => None,
        Err(error) => panic!("CI installs systemd-analyze: {error}"),
    }
}

#[test]
fn systemd_finds_no_fault_with_the_unit() {
    let Some(said) = verified(("", "")) else {
        println!("skipped systemd_finds_no_fault_with_the_unit: there is no systemd-analyze");
        return;
    };
    assert!(!said.contains("hlb-bench-runner.service"), "{said}");
    let bad = verified(("NoNewPrivileges=", "NoNewPrivilege=")).unwrap();
    assert!(bad.contains("hlb-bench-runner.service"), "{bad}");
}

#[test]
fn cleaning_refuses_what_is_no_runners_home() {
    let context = Context::new();
    context.write("pristine/run.sh", "");
    context.write("precious/file", "");
    context.write("runner/file", "");
    symlink(context.path("precious"), context.path("a-runner")).unwrap();
    let cleaned = |home: &str, pristine: &str| {
        let mut command = Command::new(project("scripts/runner/clean-runner.sh"));
        answer(&command.arg(context.path(home)).arg(context.path(pristine)).output().unwrap())
    };
    let refused = [
        ("precious", "pristine", "does not contain `runner`"),
        ("a-runner", "pristine", "is not a folder"),
        ("no-runner", "pristine", "is not a folder"),
        ("runner", "pristine", "has no `run.sh`"),
    ];
    for (home, pristine, said) in refused {
        let answer = cleaned(home, pristine);
        assert_eq!(answer.code, Some(2), "{home}");
        assert!(answer.stderr.contains(said), "{home}: {}", answer.stderr);
    }
    assert!(context.path("precious/file").exists() && context.path("runner/file").exists());
}

/// Asks for a job in a clone of a board; `key` is where the key is said to lie.
fn asked(context: &Context, arguments: [&str; 2], environment: &[(&str, &str)]) -> Answer {
    let mut command = Command::new(context.path("clone/scripts/benchmark.sh"));
    named(command.args(arguments).arg(context.path("out")).env("HLB_BENCH", "/bin/false"));
    command.env("HLB_BENCH_RUNNER_KEY", context.path("key")).envs(environment.iter().copied());
    answer(&command.output().unwrap())
}

fn board() -> Context {
    let context = Context::new();
    context.write("key", "");
    context.write("clone/key", "");
    context.write("clone/variants/good.yaml", "name: good\n");
    context.write("clone/submissions/shapes/2026-11-26-good/result.yaml", "");
    context.write("clone/README", "");
    let script = context.write("clone/scripts/benchmark.sh", fs::read(project("scripts/benchmark.sh")).unwrap());
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
    clone_with_remote(&context.path("clone"), &context.path("remote.git"));
    context
}

#[test]
fn a_form_that_was_filled_in_badly_starts_nothing() {
    let context = board();
    let bad = [
        (["train", "variants/good.yaml"], "is neither `submit` nor `reproduce`"),
        (["submit", "variants/../README"], "is not what `submit` takes"),
        (["submit", "../variants/good.yaml"], "is not what `submit` takes"),
        (["submit", "/etc/passwd"], "is not what `submit` takes"),
        (["submit", "variants/$(id).yaml"], "is not what `submit` takes"),
        (["submit", "variants/good.yaml\nx"], "is not what `submit` takes"),
        (["submit", "--help"], "is not what `submit` takes"),
        (["submit", "submissions/shapes/2026-11-26-good"], "is not what `submit` takes"),
        (["reproduce", "variants/good.yaml"], "is not what `reproduce` takes"),
        (["reproduce", "submissions/shapes/../shapes"], "is not what `reproduce` takes"),
        (["submit", "variants/absent.yaml"], "is not committed"),
        (["reproduce", "submissions/shapes/2026-11-26-absent"], "is not committed"),
    ];
    for (arguments, said) in bad {
        let refused = asked(&context, arguments, &[]);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(said), "{arguments:?}: {}", refused.stderr);
    }
    for runs in ["0", "-1", "1e3", "10 --as-runner", "1000", "x"] {
        let refused = asked(&context, ["submit", "variants/good.yaml"], &[("RUNS", runs)]);
        assert!(refused.code == Some(2) && refused.stderr.contains("is not a number of runs"), "{}", refused.stderr);
    }
    let refused = asked(&context, ["submit", "variants/good.yaml"], &[("DEVICE", "auto")]);
    assert!(refused.code == Some(2) && refused.stderr.contains("is not a device"), "{}", refused.stderr);
    // All is well but that the session, here, files nothing.
    let session = asked(&context, ["submit", "variants/good.yaml"], &[("RUNS", "2")]);
    assert!(session.stderr.contains("the session wrote no entry"), "{}", session.stderr);
}

#[test]
fn a_job_measures_the_gpu_or_fails() {
    let context = board();
    let program = context.write("program", "#!/bin/sh\necho asked: \"$@\" >&2; exit 2\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let program = program.to_str().unwrap();
    let jobs = [["submit", "variants/good.yaml"], ["reproduce", "submissions/shapes/2026-11-26-good"]];
    for (job, device) in jobs.into_iter().flat_map(|job| [(job, None), (job, Some("cpu"))]) {
        let chosen: Vec<_> = device.map(|device| ("DEVICE", device)).into_iter().collect();
        let ran = asked(&context, job, &[&[("HLB_BENCH", program)], &chosen[..]].concat());
        assert!(ran.stderr.contains(&format!("--device {} ", device.unwrap_or("cuda"))), "{}", ran.stderr);
    }
}

#[test]
fn a_key_in_the_workspace_or_a_changed_checkout_starts_nothing() {
    let context = board();
    let inside = context.path("clone/key");
    let good = ["reproduce", "submissions/shapes/2026-11-26-good"];
    let refused = asked(&context, good, &[("HLB_BENCH_RUNNER_KEY", inside.to_str().unwrap())]);
    assert!(refused.code == Some(2) && refused.stderr.contains("lies in the checkout"), "{}", refused.stderr);
    context.write("clone/submissions/allowed_signers", "");
    let refused = asked(&context, good, &[]);
    assert!(refused.code == Some(2) && refused.stderr.contains("differ from the commit"), "{}", refused.stderr);
}
