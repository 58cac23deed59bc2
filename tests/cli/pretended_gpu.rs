//! Whole sessions on a GPU that is not there: the real trainer and the real CUDA half of libtorch, on libraries that pretend one.
//!
//! They show that every call is made in its order, that a step can be captured as a graph by CUDA's rules, and that a graph that
//! cannot be had is done without. They show no number: the GPU computes nothing, so every loss is zero, a shortcut agrees with the
//! plain way for that reason alone, and what a kernel needs of memory or of its arguments is not looked at.

use std::collections::BTreeMap;
use std::process::Command;

use hlb_protocol::run_log::{RunLog, ShortcutName};
use serde_json::{Value, json};

use crate::support::context::{Answer, answer};
use crate::support::simulated::Stage;
use crate::support::stub_cuda::StubCuda;

/// What a session ends with whose runs all came to their ends, none with the target: nothing is learned here.
const MISSED: Option<i32> = Some(1);

/// A stage with the pretended GPU; `None`, said aloud, where it cannot be built.
fn stage(test: &str) -> Option<(Stage, StubCuda)> {
    let stage = Stage::small_real()?;
    let stub = StubCuda::new(&stage.context, test)?;
    stub.pretend();
    Some((stage, stub))
}

/// A session whose stand-ins fail at this, in a folder of that name, and how often they noted what.
fn session(stage: &Stage, stub: &StubCuda, fails: &str, more: &[&str]) -> (Answer, BTreeMap<String, u32>) {
    stub.let_fail(fails);
    let mut command = stage.command("run", fails, &[&["--runs", "1", "--device", "cuda"], more].concat());
    let answer = answer(&command.env("LD_LIBRARY_PATH", stub.folder()).output().unwrap());
    (answer, stub.notes())
}

/// Each shortcut of the session, and why it was refused.
fn shortcuts(stage: &Stage, sessions: &str) -> Vec<(ShortcutName, Option<String>)> {
    let log = RunLog::parse(&stage.log(sessions)).unwrap();
    log.shortcuts.into_iter().map(|shortcut| (shortcut.name, shortcut.refused.map(|why| why.to_string()))).collect()
}

#[test]
fn the_trainer_says_what_the_gpu_says_of_itself() {
    let test = "the_trainer_says_what_the_gpu_says_of_itself";
    let Some((stage, stub)) = stage(test) else { return };
    let mut command = Command::new(stage.trainer());
    let output = command.arg("--describe").env_clear().env("LD_LIBRARY_PATH", stub.folder()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let info: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&info["cuda"], &info["cuda_problem"]), (&json!(true), &Value::Null));
    assert_eq!(info["gpu"], json!({"name": "Pretended H100", "uuid": "GPU-01112131-4151-6171-8191-a1b1c1d1e1f1"}));
    assert_eq!(info["cuda_versions"], json!({"runtime": 13000, "cudnn": 91900, "cublas_lt": 130_100}));
}

#[test]
fn a_session_runs_to_its_end_with_its_steps_as_graphs() {
    let test = "a_session_runs_to_its_end_with_its_steps_as_graphs";
    let Some((stage, stub)) = stage(test) else { return };
    for more in [&[][..], &["--deterministic"]] {
        let sessions = if more.is_empty() { "nothing" } else { "deterministic" };
        let (answer, mut noted) = session(&stage, &stub, sessions, more);
        assert_eq!(answer.code, MISSED, "{} {}", answer.stdout, answer.stderr);
        // Of a step that is captured as of one that is not.
        assert!(noted.remove("a stage is launched").unwrap_or(0) > 100, "{noted:?}");
        for words in ["device: \"cuda\"", "precision: \"fp16\"", "name: \"cuda_graph\""] {
            assert!(stage.result(sessions).unwrap().contains(words), "{words}: {:?}", stage.result(sessions));
        }
        let used = [ShortcutName::FusedSgd, ShortcutName::FusedStages, ShortcutName::CudaGraph];
        assert_eq!(shortcuts(&stage, sessions), used.map(|name| (name, None)));
        // One graph while the bias of the whitening is trained and one from then on; four steps of each are rehearsed twice, and
        // the run has eight, as has each of the two that are compared bit by bit.
        let steps = if more.is_empty() { 8 } else { 3 * 8 };
        let compiled = ("--gpu-architecture=sm_90", 1);
        let expected = [compiled, ("capture begins", 2), ("capture ends", 2), ("replay", 2 * 2 * 4 + steps)];
        assert_eq!(noted, expected.map(|(what, times)| (what.to_owned(), times)).into());
    }
}

#[test]
fn a_graph_that_cannot_be_had_is_done_without_and_the_log_says_why() {
    let test = "a_graph_that_cannot_be_had_is_done_without_and_the_log_says_why";
    let Some((stage, stub)) = stage(test) else { return };
    let unsupported = "CUDA error: operation not permitted when stream is capturing";
    for (fails, reason) in [
        ("begin", unsupported),
        ("kernel", unsupported),
        ("memory", "CUDA out of memory. Tried to allocate "),
        ("end", unsupported),
        ("replay", "CUDA error: as a driver says it"),
    ] {
        let (answer, noted) = session(&stage, &stub, fails, &[]);
        assert_eq!(answer.code, MISSED, "{fails}: {} {}", answer.stdout, answer.stderr);
        let decided = shortcuts(&stage, fails);
        let [
            (ShortcutName::FusedSgd, None),
            (ShortcutName::FusedStages, None),
            (ShortcutName::CudaGraph, Some(refused)),
        ] = &decided[..]
        else {
            panic!("{fails}: {decided:?}")
        };
        assert!(refused.starts_with(reason), "{fails}: {refused}");
        assert!(answer.stderr.contains(&format!("cuda_graph: not used, {reason}")), "{fails}: {}", answer.stderr);
        // No step is replayed, and memory comes from where it came before.
        assert!(noted.get("replay").copied().unwrap_or(0) <= 1, "{fails}: {noted:?}");
        assert!(!noted.contains_key("libtorch believes in a capture"), "{fails}: {noted:?}");
    }
}

#[test]
fn stages_that_cannot_be_compiled_or_launched_are_done_without_and_the_log_says_why() {
    let test = "stages_that_cannot_be_compiled_or_launched_are_done_without_and_the_log_says_why";
    let Some((stage, stub)) = stage(test) else { return };
    let compiler = "NVRTC cannot compile for sm_90, error 6: stage_gpu.h(1): error: as a compiler says it";
    let refused = |fails: &str, reason: &str| {
        let (answer, noted) = session(&stage, &stub, fails, &[]);
        assert_eq!(answer.code, MISSED, "{fails}: {} {}", answer.stdout, answer.stderr);
        let stages = (ShortcutName::FusedStages, Some(reason.to_owned()));
        let expected = [(ShortcutName::FusedSgd, None), stages, (ShortcutName::CudaGraph, None)];
        assert_eq!(shortcuts(&stage, fails), expected, "{fails}");
        assert!(!noted.contains_key("a stage is launched"), "{fails}: {noted:?}");
    };
    refused("compile", compiler);
    refused("launch", "cuLaunchKernel failed with error 1");
    stub.lacks("libnvrtc.so.13");
    let missing = "NVRTC cannot be loaded: libnvrtc.so.13: cannot open shared object file: No such file or directory";
    refused("nothing", missing);
}
