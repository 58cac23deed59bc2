//! A GPU that cannot be used is never answered by training on the CPU without a word: the real CUDA half of libtorch, on
//! libraries that fail as those of a broken driver do.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::cli::nvml::Fake;
use crate::support::context::answer;
use crate::support::simulated::Stage;
use crate::support::stub_cuda::StubCuda;
use crate::support::trainer::real_trainer;

/// Errors of CUDA, and what has to be said of each.
const ERRORS: [(u32, &str); 10] = [
    (2, "memory of the GPU is full"),
    (3, "`nvidia-modprobe -c0 -u`"),
    (35, "install driver 580 or newer"),
    (46, "`nvidia-smi -c DEFAULT`"),
    (100, "CUDA_VISIBLE_DEVICES"),
    (214, "reset the GPU"),
    (802, "`nvidia-fabricmanager`"),
    (803, "of different versions"),
    (804, "compatibility library"),
    (999, "`/dev/nvidia-uvm` is missing"),
];

/// How the trainer describes itself with these libraries.
fn described(stub: &StubCuda, trainer: &Path) -> Value {
    let mut command = Command::new(trainer);
    let output = command.arg("--describe").env_clear().env("LD_LIBRARY_PATH", stub.folder()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn each_error_of_a_driver_is_named_with_its_next_step() {
    let test = "each_error_of_a_driver_is_named_with_its_next_step";
    let stage = Stage::small();
    let Some(trainer) = real_trainer() else { return };
    let Some(stub) = StubCuda::new(&stage.context, test) else { return };
    for (error, step) in ERRORS {
        stub.fail_with(error);
        let info = described(&stub, &trainer);
        let problem = info["cuda_problem"].as_str().unwrap_or_default();
        assert!(problem.starts_with(&format!("CUDA error {error} (as a driver says it): ")), "{info}");
        assert!(info["cuda"] == false && problem.contains(step), "{info}");
    }
    stub.lacks("libcudnn.so.9");
    let problem = described(&stub, &trainer)["cuda_problem"].to_string();
    assert!(problem.contains("libcudnn.so.9: cannot open") && problem.contains("`make setup CUDA=1`"), "{problem}");
}

#[test]
fn a_gpu_that_cannot_be_used_is_never_answered_by_the_cpu() {
    let test = "a_gpu_that_cannot_be_used_is_never_answered_by_the_cpu";
    let Some(stage) = Stage::real() else { return };
    let Some(stub) = StubCuda::new(&stage.context, test) else { return };
    stub.fail_with(802);
    let Some(nvml) = Fake::build(test, None) else { return };
    nvml.script("");
    let run = |sessions: &str, more: &[&str]| {
        let mut command = stage.command("run", sessions, more);
        nvml.serve(&mut command);
        answer(&command.env("LD_LIBRARY_PATH", stub.folder()).output().unwrap())
    };
    for (device, said) in [("auto", "training cannot use it"), ("cuda", "--device cuda cannot be used")] {
        let refused = run("s", &["--runs", "1", "--device", device]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        for words in [said, "`nvidia-fabricmanager`", "`--device cpu` measures the CPU"] {
            assert!(refused.stderr.contains(words), "{device}: {words}: {}", refused.stderr);
        }
        assert!(stage.folder("s").is_none());
    }
    if !Path::new("/dev/nvidiactl").exists() {
        let mut command = stage.command("run", "alone", &["--runs", "1", "--device", "auto"]);
        let session = answer(&command.env("LD_LIBRARY_PATH", stub.folder()).output().unwrap());
        assert!(session.stdout.contains("device: \"cpu\""), "{} {}", session.stdout, session.stderr);
        assert!(
            session.stderr.contains("NVIDIA's driver is here, but no GPU of it, so the CPU trains"),
            "{}",
            session.stderr
        );
    }
    let session = run("c", &["--runs", "1", "--device", "cpu"]);
    assert!(session.stdout.contains("device: \"cpu\""), "{} {}", session.stdout, session.stderr);
}
