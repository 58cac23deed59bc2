//! What is set or loaded around a session: what changes clocks or arithmetic is refused, a library that hides from that gains
//! nothing, and the trainer sees only what the run log names.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use hlb_core::yaml;
use hlb_protocol::run_log::RunLog;
use hlb_result::ResultFile;

use crate::support::context::answer;
use crate::support::simulated::Stage;

/// The library that slows clocks; `None`, said aloud, where there is no C compiler.
fn slow_clock(stage: &Stage, test: &str, options: &[&str]) -> Option<PathBuf> {
    let library = stage.context.path("slow.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/preloaded/slow_clock.c");
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(&library);
    let Ok(output) = command.args(options).arg(source).output() else {
        assert!(std::env::var_os("CI").is_none(), "CI has a C compiler");
        println!("skipped: {test}: there is no C compiler `cc`");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(library)
}

#[test]
fn a_session_does_not_start_under_what_changes_clocks_or_arithmetic() {
    let stage = Stage::small();
    let evil = stage.context.write("evil/libgomp.so.1", "");
    let evil = evil.parent().unwrap().to_str().unwrap();
    for (name, value) in [
        ("LD_PRELOAD", "/nowhere/libfaketime.so.1"),
        ("LD_AUDIT", "/nowhere/audit.so"),
        ("GLIBC_TUNABLES", "glibc.malloc.check=0"),
        ("LD_LIBRARY_PATH", evil),
        ("CUDA_INJECTION64_PATH", "/nowhere/inject.so"),
        ("NVTX_INJECTION64_PATH", "/nowhere/inject.so"),
        ("NVIDIA_TF32_OVERRIDE", "1"),
    ] {
        let refused = answer(&stage.command("run", "s", &["--runs", "1"]).env(name, value).output().unwrap());
        assert_eq!(refused.code, Some(2), "{name}: {}", refused.stderr);
        assert!(refused.stderr.contains(name) && refused.stderr.contains(value), "{name}: {}", refused.stderr);
        assert!(refused.stderr.contains(&format!("env -u {name} hlb-bench")), "{name}: {}", refused.stderr);
        assert!(stage.folder("s").is_none(), "{name}");
    }
}

/// Nothing is asked, signed or written before.
#[test]
fn a_submission_is_refused_before_its_key_is_asked_for_or_listed() {
    let stage = Stage::small();
    assert_eq!(stage.context.run(["keygen", "key"]).code, Some(0));
    for key in ["key", "nowhere"] {
        let mut command = stage.command("submit", "s", &["--key", key, "--principal", "ada@github"]);
        let refused = answer(&command.env("FAKETIME", "-1d").output().unwrap());
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains("FAKETIME is set"), "{}", refused.stderr);
        assert!(!stage.context.path("submissions").exists());
    }
}

#[test]
fn a_library_that_wipes_the_variable_that_loaded_it_is_found_in_the_program() {
    let stage = Stage::small();
    let test = "a_library_that_wipes_the_variable_that_loaded_it_is_found_in_the_program";
    let Some(library) = slow_clock(&stage, test, &[]) else { return };
    let mut command = stage.command("run", "s", &["--runs", "1"]);
    let refused = answer(&command.env("LD_PRELOAD", &library).output().unwrap());
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("slow.so` is loaded into this program"), "{}", refused.stderr);
    assert!(stage.folder("s").is_none());
}

/// Refused or not, nothing is gained: seconds come from the kernel, and the C library's clock betrays what was done.
#[test]
fn a_library_that_nobody_finds_shortens_no_second_and_makes_the_clocks_disagree() {
    let stage = Stage::small();
    let test = "a_library_that_nobody_finds_shortens_no_second_and_makes_the_clocks_disagree";
    let Some(library) = slow_clock(&stage, test, &["-DHIDE"]) else { return };
    stage.plays("", "nap 0.5");
    let began = Instant::now();
    let mut command = stage.command("run", "s", &["--runs", "2"]);
    let session = answer(&command.env("LD_PRELOAD", &library).output().unwrap());
    let lasted = began.elapsed().as_secs_f64();
    let result: ResultFile = yaml::parse(session.stdout.as_bytes(), "result.yaml")
        .unwrap_or_else(|error| panic!("the library was to hide: {error}: {}", session.stderr));
    let log = RunLog::parse(&stage.log("s")).unwrap();
    let timed: f64 = log.runs.iter().map(|run| run.supervised_seconds).sum();
    assert!(timed > 1.0 && timed < lasted, "{timed} of {lasted}");
    assert!(!log.clocks_agree() && !result.derived.phases.clocks_agree);
    assert!(log.library_clock().all(|(at, library)| library.is_some_and(|library| library < at + 0.05)));
}

#[test]
fn the_trainer_sees_only_what_the_run_log_names() {
    let stage = Stage::small();
    stage.plays("compgen -e > seen", "");
    let mut command = stage.command("run", "s", &["--runs", "1"]);
    command.env("OMP_NUM_THREADS", "64").env("PYTORCH_CUDA_ALLOC_CONF", "x").env("LC_ALL", "C").env("SECRET", "x");
    command.env("HLB_BENCH_RUNNER_KEY", "/nowhere/key").env("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1");
    let session = answer(&command.output().unwrap());
    assert!(stage.result("s").is_some(), "{}", session.stderr);
    let log = RunLog::parse(&stage.log("s")).unwrap();
    let named: Vec<&str> = log.start.environment.iter().flatten().map(AsRef::as_ref).collect();
    assert!(["PATH", "HOME", "LC_ALL", "CUDA_DEVICE_ORDER"].iter().all(|name| named.contains(name)));
    // What the shell sets itself is not from outside.
    let set = ["PWD", "OLDPWD", "SHLVL", "_"];
    let seen = std::fs::read_to_string(stage.context.path("seen")).unwrap();
    let strange: Vec<&str> = seen.lines().filter(|it| !set.contains(it) && !named.contains(it)).collect();
    assert_eq!(strange, [""; 0]);
    assert!(!named.iter().any(|name| name.starts_with("HLB_BENCH_") || name.starts_with("TORCH_")), "{named:?}");
    assert!(log.clocks_agree());
    assert!(log.library_clock().all(|(at, library)| library.is_some_and(|library| (library - at).abs() < 0.05)));
    let used: Vec<_> = log.samples.iter().filter_map(|timed| timed.sample.host.own_cpu_milliseconds).collect();
    assert!(used.len() == log.samples.len() && used.is_sorted(), "{used:?}");
}
