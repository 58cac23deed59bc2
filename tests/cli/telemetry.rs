//! A whole session on an imagined GPU: what its sensors say is in the run log, the result and its warnings. The trainer is a
//! script; nothing is claimed about training.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use hlb_core::yaml;
use hlb_protocol::run_log::RunLog;
use hlb_result::{EnergyMethod, ResultFile, Warning};

use crate::cli::nvml::Fake;
use crate::support::context::{Answer, Context, VARIANT, answer};

/// One run of one epoch that trains for 3.5 s and says it did so on a GPU.
const TRAINER: &str = r#"#!/bin/bash
if [ "$1" = --describe ]; then echo '{"libtorch_file":null,"libtorch_version":"0","cuda":true,"cuda_problem":null}'; exit; fi
read -r job
seed=$(printf '%s' "$job" | grep -o '"seed":"[0-9a-f]*"' | cut -d'"' -f4)
echo '{"event":"trainer_start","device":"cuda","threads":1,"precision":"fp16","libtorch_version":"0"}'
echo '{"event":"warmup_run","arm":"variant","seconds":0.001}'
sleep 0.2
echo '{"event":"run_start","arm":"variant","run":1,"seed":"'"$seed"'"}'
sleep 3.5
echo '{"event":"epoch","run":1,"epoch":1,"step":39,"loss":1.5,"accuracy":{"correct":1950,"total":2000},"train_seconds":3.4,"evaluate_seconds":0.1}'
echo '{"event":"run_stop","run":1,"outcome":"reached","reason":null,"phases":{"setup_seconds":0.0,"train_seconds":3.4,"evaluate_seconds":0.1,"log_seconds":0.0},"wall_seconds":3.5}'
sleep 0.8
"#;

/// Holds the session with an NVML that answers by `script`; `None` where there is no C compiler.
fn session(test: &str, script: &str) -> Option<(Context, Answer)> {
    let fake = Fake::build(test, None)?;
    fake.script(script);
    let context = Context::new();
    context.write("v.yaml", format!("{VARIANT}epochs: 1\naverage: null\nevaluate: {{weights: trained}}\n"));
    let trainer = context.write("trainer", TRAINER);
    std::fs::set_permissions(&trainer, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
    command.args(["run", "v.yaml", "--runs", "1", "--device", "cuda"]).current_dir(context.root());
    command.env("HOME", context.path("home")).env("HLB_BENCH_TRAINER", trainer);
    fake.serve(&mut command);
    let session = answer(&command.output().unwrap());
    Some((context, session))
}

fn result(session: &Answer) -> ResultFile {
    yaml::parse(session.stdout.as_bytes(), "result.yaml").unwrap_or_else(|error| panic!("{error}: {}", session.stderr))
}

fn log(context: &Context) -> RunLog {
    let name = context.files().into_iter().find(|file| file.ends_with("session.jsonl")).unwrap();
    RunLog::parse(&std::fs::read(context.path(&name)).unwrap()).unwrap()
}

/// An energy counter and a power that agree: 250 W.
const STEADY: &str = "nvmlDeviceGetPowerUsage 0 ok 250000
nvmlDeviceGetTotalEnergyConsumption 0 ok 1000000
nvmlDeviceGetTotalEnergyConsumption 0 @2 ok 1250000
nvmlDeviceGetTotalEnergyConsumption 0 @3 ok 1500000
nvmlDeviceGetTotalEnergyConsumption 0 @4 ok 1750000
nvmlDeviceGetTotalEnergyConsumption 0 @5 ok 2000000
nvmlDeviceGetTotalEnergyConsumption 0 @6 ok 2125000
";

#[test]
fn a_session_has_its_gpus_sensors_energy_and_warnings() {
    let script = format!(
        "{STEADY}nvmlDeviceGetCurrentClocksThrottleReasons 0 ok 4\nnvmlDeviceGetEnforcedPowerLimit 0 ok 300000\nnvmlDeviceGetPowerManagementDefaultLimit 0 ok 700000\nnvmlDeviceGetClockInfo.sm 0 ok 1410\n"
    );
    let Some((context, session)) = session("a_session_has_its_gpus_sensors_energy_and_warnings", &script) else {
        return;
    };
    assert_eq!(session.code, Some(0), "{}", session.stderr);
    let result = result(&session);
    let gpu = result.derived.telemetry.gpu.as_ref().unwrap();
    assert_eq!((gpu.index, gpu.sm_clock_mhz.median, gpu.throttled_share), (0, Some(1410.0), Some(1.0)));
    let energy = &result.derived.summary.energy;
    assert_eq!(energy.gpu_method, Some(EnergyMethod::Counter));
    // 3.5 s at 250 W; samples come a second apart, more or less.
    assert!(energy.gpu_joules.is_some_and(|joules| (joules - 875.0).abs() < 100.0), "{energy:?}");
    let words: Vec<&str> = result.derived.warnings.iter().map(Warning::label).collect();
    assert!(words.contains(&"throttled") && words.contains(&"power limited"), "{words:?}");
    assert!(
        session.stderr.contains("warning: the GPU's clocks were throttled in 100 % of the samples"),
        "{}",
        session.stderr
    );
    let samples = log(&context).samples;
    assert!(samples.len() >= 5, "one a second, one at the begin, one at the end");
    let counters = samples.iter().filter(|timed| timed.sample.is_of_counters()).count();
    assert_eq!(counters, 3, "at the start of the run, after its epoch and at its end");
}

#[test]
fn a_gpu_that_falls_off_the_bus_is_null_with_the_reason_and_the_session_goes_on() {
    let name = "a_gpu_that_falls_off_the_bus_is_null_with_the_reason_and_the_session_goes_on";
    let Some((context, session)) = session(name, &format!("{STEADY}* 0 @3 error 15\n")) else { return };
    assert_eq!(session.code, Some(0), "{}", session.stderr);
    let log = log(&context);
    let lost = log.samples.iter().find(|timed| timed.sample.unknown.contains_key("gpus[0].sm_clock_mhz")).unwrap();
    assert!(lost.sample.unknown["gpus[0].sm_clock_mhz"].contains("NVML_ERROR_GPU_IS_LOST"), "{lost:?}");
    assert_eq!(lost.sample.gpus[0].sm_clock_mhz, None);
    let energy = result(&session).derived.summary.energy;
    assert_eq!(energy.gpu_joules, None, "the counter does not cover the run");
}

#[test]
fn without_sensors_a_session_says_so_and_claims_nothing() {
    let refuse = "* 0 error 4\n";
    let Some((_, session)) = session("without_sensors_a_session_says_so_and_claims_nothing", refuse) else { return };
    assert_eq!(session.code, Some(0), "{}", session.stderr);
    let result = result(&session);
    let energy = &result.derived.summary.energy;
    assert_eq!((energy.gpu_joules, energy.gpu_method), (None, None));
    let reason = energy.gpu_unknown.as_deref().unwrap();
    assert!(reason.contains("NVML_ERROR_NO_PERMISSION") || reason.contains("not known which GPU"), "{reason}");
    assert_eq!(result.derived.effort.share_of_peak, None);
}
