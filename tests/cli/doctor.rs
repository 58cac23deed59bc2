//! `doctor`: a line for each thing that was looked at, and an exit code that scripts can ask for.

use std::process::Command;

use serde_json::Value;

use crate::support::context::{Answer, answer};
use crate::support::simulated::Stage;
use crate::support::stub_cuda::StubCuda;

/// A trainer that says this of itself and of its device.
const TRAINER: &str = r#"#!/bin/sh
if [ "$1" = --describe ]; then echo '{"libtorch_file":null,"libtorch_version":"2.11.0","cuda":false,"cuda_problem":@PROBLEM@}'; fi
if [ "$1" = --examine ]; then
  echo '{"device":"cpu","precision":"fp32","matmul_tera":0.1,"copy_gigabytes":9.0,"launch_microseconds":2.0,"relative_error":@ERROR@,"repeats":true}'
fi
"#;

fn examined(stage: &Stage, problem: &str, error: &str, more: &[&str]) -> Answer {
    stage.plays_script(&TRAINER.replace("@PROBLEM@", problem).replace("@ERROR@", error));
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
    stage.environment(&mut command, "s");
    answer(&command.arg("doctor").args(more).output().unwrap())
}

fn finding<'a>(report: &'a Value, what: &str) -> &'a Value {
    let found = report["findings"].as_array().unwrap().iter().find(|finding| finding["what"] == what);
    found.unwrap_or_else(|| panic!("{what} was not looked at: {report:#}"))
}

#[test]
fn a_machine_in_order_is_ready_and_says_what_was_looked_at() {
    let stage = Stage::small();
    let said = examined(&stage, "null", "0.000001", &[]);
    assert_eq!(said.code, Some(0), "{} {}", said.stdout, said.stderr);
    for line in ["ok    environment", "ok    libtorch", "matrix products", "this machine is ready to measure"] {
        assert!(said.stdout.contains(line), "{line}: {}", said.stdout);
    }
    let report: Value =
        serde_json::from_str(&examined(&stage, "null", "0.000001", &["--json", "--device", "auto"]).stdout).unwrap();
    assert_eq!(report["ready"], true);
    for what in
        ["environment", "processors", "clocks", "gpus", "arithmetic", "repeats", "disk of sessions", "data sets", "key"]
    {
        let finding = finding(&report, what);
        assert!(["good", "note"].contains(&finding["verdict"].as_str().unwrap()), "{finding}");
    }
    assert!(finding(&report, "data sets")["value"].as_str().unwrap().starts_with("shapes"));
}

#[test]
fn what_is_wrong_is_named_with_its_next_step_and_fails() {
    let stage = Stage::small();
    let problem = r#""CUDA error 802 (system not yet initialized): start it""#;
    let said = examined(&stage, problem, "0.0", &["--device", "cuda"]);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert!(said.stdout.contains("wrong cuda"), "{}", said.stdout);
    assert!(
        said.stdout.contains("`--device cpu` measures the CPU") && said.stdout.contains("not ready"),
        "{}",
        said.stdout
    );
    let said = examined(&stage, "null", "0.5", &[]);
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("wrong arithmetic"), "{}", said.stdout);
    stage.plays_script("#!/bin/sh\necho no libtorch here >&2; exit 3\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
    stage.environment(&mut command, "s");
    let said = answer(&command.arg("doctor").output().unwrap());
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("wrong trainer") && said.stdout.contains("no libtorch here"), "{}", said.stdout);
}

#[test]
fn a_driver_that_cannot_be_used_is_found_by_the_real_trainer() {
    let test = "a_driver_that_cannot_be_used_is_found_by_the_real_trainer";
    let Some(stage) = Stage::real() else { return };
    let Some(stub) = StubCuda::new(&stage.context, test) else { return };
    stub.fail_with(35);
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
    stage.environment(&mut command, "s");
    let said =
        answer(&command.args(["doctor", "--device", "cuda"]).env("LD_LIBRARY_PATH", stub.folder()).output().unwrap());
    assert_eq!(said.code, Some(1), "{} {}", said.stdout, said.stderr);
    assert!(said.stdout.contains("wrong cuda") && said.stdout.contains("driver 580 or newer"), "{}", said.stdout);
}
