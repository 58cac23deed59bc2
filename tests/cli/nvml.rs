//! GPUs without a GPU: NVML is an imagined one, built from `tests/fake_nvml` and told by a script what to answer.
//!
//! A process loads one NVML, so a test runs itself again as a process of its own with the library in its environment. Without a
//! C compiler these tests are skipped by name; with `CI` set they fail instead.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hlb_machine::{GpuSample, Machine, Sample, Sampler, ThrottleReason};
use serde_json::Value;

/// Set in the process that a test starts of itself.
const STAGE: &str = "HLB_BENCH_TEST_STAGE";
const LIBRARY: &str = "HLB_BENCH_NVML";
const SCRIPT: &str = "HLB_BENCH_FAKE_NVML_SCRIPT";

/// NVML's errors. Source: `nvmlReturn_t` in its header, version 13.
const ERRORS: [(u32, &str); 30] = [
    (1, "UNINITIALIZED"),
    (2, "INVALID_ARGUMENT"),
    (3, "NOT_SUPPORTED"),
    (4, "NO_PERMISSION"),
    (5, "ALREADY_INITIALIZED"),
    (6, "NOT_FOUND"),
    (7, "INSUFFICIENT_SIZE"),
    (8, "INSUFFICIENT_POWER"),
    (9, "DRIVER_NOT_LOADED"),
    (10, "TIMEOUT"),
    (11, "IRQ_ISSUE"),
    (12, "LIBRARY_NOT_FOUND"),
    (13, "FUNCTION_NOT_FOUND"),
    (14, "CORRUPTED_INFOROM"),
    (15, "GPU_IS_LOST"),
    (16, "RESET_REQUIRED"),
    (17, "OPERATING_SYSTEM"),
    (18, "LIB_RM_VERSION_MISMATCH"),
    (19, "IN_USE"),
    (20, "MEMORY"),
    (21, "NO_DATA"),
    (22, "VGPU_ECC_NOT_SUPPORTED"),
    (23, "INSUFFICIENT_RESOURCES"),
    (24, "FREQ_NOT_SUPPORTED"),
    (25, "ARGUMENT_VERSION_MISMATCH"),
    (26, "DEPRECATED"),
    (27, "NOT_READY"),
    (28, "GPU_NOT_FOUND"),
    (29, "INVALID_STATE"),
    (999, "UNKNOWN"),
];

/// What NVML is asked for, and the keys that it tells: of the machine's record, and of a sample.
const QUESTIONS: [(&str, &[&str], &[&str]); 16] = [
    ("nvmlDeviceGetName", &["name"], &[]),
    ("nvmlDeviceGetUUID", &["device_tag"], &[]),
    ("nvmlDeviceGetCudaComputeCapability", &["compute_capability"], &[]),
    ("nvmlDeviceGetMemoryInfo_v2", &["memory_bytes", "memory_used_bytes"], &["memory_used_bytes"]),
    ("nvmlDeviceGetEnforcedPowerLimit", &["power_limit_milliwatts"], &[]),
    ("nvmlDeviceGetPowerManagementDefaultLimit", &["default_power_limit_milliwatts"], &[]),
    ("nvmlDeviceGetPowerUsage", &["power_milliwatts"], &["power_milliwatts"]),
    ("nvmlDeviceGetMaxClockInfo", &["max_sm_clock_mhz"], &[]),
    ("nvmlDeviceGetClockInfo.sm", &["sm_clock_mhz"], &["sm_clock_mhz"]),
    ("nvmlDeviceGetClockInfo.memory", &["memory_clock_mhz"], &["memory_clock_mhz"]),
    ("nvmlDeviceGetTemperature", &["temperature_celsius"], &["temperature_celsius"]),
    ("nvmlDeviceGetEccMode", &["ecc_enabled"], &[]),
    ("nvmlDeviceGetMigMode", &["mig_enabled"], &[]),
    ("nvmlDeviceGetComputeRunningProcesses_v3", &["other_processes"], &["other_processes"]),
    ("nvmlDeviceGetTotalEnergyConsumption", &[], &["energy_millijoules"]),
    ("nvmlDeviceGetCurrentClocksThrottleReasons", &[], &["throttle_reasons"]),
];

/// The imagined NVML in a folder that goes with it.
pub(crate) struct Fake {
    folder: tempfile::TempDir,
}

impl Fake {
    /// Builds it, without the symbol `hidden`; `None`, said aloud, where there is no C compiler.
    pub(crate) fn build(test: &str, hidden: Option<&str>) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let exports = folder.path().join("exports");
        let local = hidden.map(|symbol| format!("local: {symbol};")).unwrap_or_default();
        fs::write(&exports, format!("{{ global: nvml*; {local} }};")).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake_nvml/fake_nvml.c");
        let mut command = Command::new("cc");
        command
            .args(["-std=c11", "-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o"])
            .arg(folder.path().join("nvml.so"));
        command.arg(source).arg(format!("-Wl,--version-script={}", exports.display()));
        let Ok(output) = command.output() else {
            assert!(env::var_os("CI").is_none(), "CI has a C compiler");
            println!("skipped: {test}: there is no C compiler `cc`");
            return None;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(Self { folder })
    }

    /// Tells it what to answer.
    pub(crate) fn script(&self, lines: &str) {
        fs::write(self.folder.path().join("script"), lines).unwrap();
    }

    /// Has a program use it.
    pub(crate) fn serve(&self, command: &mut Command) {
        let folder = self.folder.path();
        command.env(LIBRARY, folder.join("nvml.so")).env(SCRIPT, folder.join("script"));
        command.env("XDG_CONFIG_HOME", folder).env_remove("CUDA_VISIBLE_DEVICES");
    }
}

/// Runs the calling test, by its name, once more as a process with the imagined NVML, where `body` is what it does.
fn staged(test: &str, hidden: Option<&str>, body: impl FnOnce()) {
    if env::var_os(STAGE).is_some() {
        return body();
    }
    let Some(fake) = Fake::build(test, hidden) else { return };
    let module = module_path!().split_once("::").unwrap().1;
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("{module}::{test}")]).env(STAGE, "1");
    fake.serve(&mut command);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// Tells the imagined NVML of this process what to answer when it is opened next.
fn script(lines: &str) {
    fs::write(PathBuf::from(env::var_os(SCRIPT).unwrap()), lines).unwrap();
}

fn machine() -> Value {
    serde_json::to_value(Machine::read()).unwrap()
}

fn sampler() -> Sampler {
    Sampler::open(|| 0)
}

/// The keys that are `null`.
fn nulls(part: &Value) -> Vec<&str> {
    part.as_object().unwrap().iter().filter(|(_, value)| value.is_null()).map(|(key, _)| key.as_str()).collect()
}

fn assert_names(reason: &Value, error: &str) {
    let reason = reason.as_str().unwrap();
    assert!(reason.ends_with(&format!("(NVML_ERROR_{error})")), "{reason}");
}

#[test]
fn each_refusal_costs_the_record_one_value_and_is_named() {
    staged("each_refusal_costs_the_record_one_value_and_is_named", None, || {
        for (code, error) in ERRORS {
            for (question, keys, _) in QUESTIONS.iter().filter(|(_, keys, _)| !keys.is_empty()) {
                script(&format!("{question} 0 error {code}\n"));
                let gpu = &machine()["gpus"][0];
                let mut expected = keys.to_vec();
                expected.sort_unstable();
                assert_eq!(nulls(gpu), expected, "{question} {code}");
                for key in *keys {
                    assert_names(&gpu["unknown"][key], error);
                }
            }
        }
    });
}

#[test]
fn each_refusal_costs_a_sample_one_value_and_is_named() {
    staged("each_refusal_costs_a_sample_one_value_and_is_named", None, || {
        let utilization = ("nvmlDeviceGetUtilizationRates", &[][..], &["utilization_percent"][..]);
        for (code, error) in ERRORS {
            for (question, _, keys) in QUESTIONS.iter().chain([&utilization]).filter(|(_, _, keys)| !keys.is_empty()) {
                script(&format!("{question} 0 error {code}\n"));
                let sample = serde_json::to_value(sampler().sample()).unwrap();
                assert_eq!(nulls(&sample["gpus"][0]), *keys, "{question} {code}");
                assert_names(&sample["unknown"][format!("gpus[0].{}", keys[0])], error);
            }
        }
    });
}

#[test]
fn a_library_that_refuses_as_a_whole_leaves_a_machine_without_gpus() {
    staged("a_library_that_refuses_as_a_whole_leaves_a_machine_without_gpus", None, || {
        for (code, error) in ERRORS {
            for question in ["nvmlInit_v2", "nvmlDeviceGetCount_v2"] {
                script(&format!("{question} - error {code}\n"));
                let machine = machine();
                assert_eq!(machine["gpus"], serde_json::json!([]));
                assert_names(&machine["unknown"]["gpus"], error);
                assert!(machine["trained_gpu"].is_null());
                let sample = sampler().sample();
                assert!(sample.gpus.is_empty() && sample.unknown["gpus"].contains(error));
            }
            for (question, key) in [
                ("nvmlSystemGetDriverVersion", "driver_version"),
                ("nvmlSystemGetNVMLVersion", "nvml_version"),
                ("nvmlSystemGetCudaDriverVersion_v2", "cuda_driver_version"),
            ] {
                script(&format!("{question} - error {code}\n"));
                let machine = machine();
                assert!(machine[key].is_null());
                assert_names(&machine["unknown"][key], error);
                assert_eq!(machine["gpus"][0]["name"], "NVIDIA Imagined GPU");
            }
        }
    });
}

#[test]
fn a_library_without_a_function_costs_that_value() {
    staged("a_library_without_a_function_costs_that_value", Some("nvmlDeviceGetPowerUsage"), || {
        script("");
        let machine = machine();
        let gpu = &machine["gpus"][0];
        assert_eq!(nulls(gpu), ["power_milliwatts"]);
        let reason = "this NVML has no nvmlDeviceGetPowerUsage: it is too old or too new";
        assert_eq!(gpu["unknown"]["power_milliwatts"], reason);
        let sample = sampler().sample();
        assert_eq!((sample.gpus[0].power_milliwatts, sample.gpus[0].sm_clock_mhz), (None, Some(1980)));
        assert_eq!(sample.unknown["gpus[0].power_milliwatts"], reason);
    });
}

#[test]
fn a_library_that_cannot_be_opened_by_its_function_is_none() {
    staged("a_library_that_cannot_be_opened_by_its_function_is_none", Some("nvmlInit_v2"), || {
        let machine = machine();
        assert_eq!(machine["gpus"], serde_json::json!([]));
        assert!(machine["unknown"]["gpus"].as_str().unwrap().contains("no nvmlInit_v2"));
    });
}

#[test]
fn sensors_are_followed_through_a_session_and_a_reason_is_told_once() {
    staged("sensors_are_followed_through_a_session_and_a_reason_is_told_once", None, || {
        script(
            "nvmlDeviceGetClockInfo.sm 0 @2 ok 1410\n\
             nvmlDeviceGetPowerUsage 0 @2 ok 695000\n\
             nvmlDeviceGetTotalEnergyConsumption 0 @2 ok 1500250\n\
             nvmlDeviceGetUtilizationRates 0 @2 ok 97 40\n\
             nvmlDeviceGetCurrentClocksThrottleReasons 0 @2 ok 0x10000000004\n\
             nvmlDeviceGetTemperature 0 @2 error 3\n\
             nvmlDeviceGetTemperature 0 @4 ok 70\n\
             nvmlDeviceGetTemperature 0 @5 error 3\n",
        );
        let mut sampler = sampler();
        let told: Vec<Sample> = (0..5).map(|_| sampler.sample()).collect();
        assert_eq!(told[0].gpus, [idle()]);
        let busy = GpuSample {
            sm_clock_mhz: Some(1410),
            power_milliwatts: Some(695_000),
            temperature_celsius: None,
            utilization_percent: Some(97),
            energy_millijoules: Some(1_500_250),
            throttle_reasons: Some(vec![ThrottleReason::SwPowerCap, ThrottleReason::Other]),
            ..idle()
        };
        assert_eq!((&told[1].gpus[0], &told[2].gpus[0]), (&busy, &busy));
        assert_eq!(told[3].gpus[0].temperature_celsius, Some(70));
        let reasons = told.iter().map(|sample| sample.unknown.contains_key("gpus[0].temperature_celsius"));
        assert_eq!(reasons.collect::<Vec<_>>(), [false, true, false, false, true]);
    });
}

fn idle() -> GpuSample {
    GpuSample {
        sm_clock_mhz: Some(1980),
        memory_clock_mhz: Some(2619),
        power_milliwatts: Some(70_000),
        temperature_celsius: Some(31),
        utilization_percent: Some(0),
        memory_used_bytes: Some(517_996_544),
        energy_millijoules: Some(1_000_000),
        throttle_reasons: Some(vec![ThrottleReason::GpuIdle]),
        other_processes: Some(0),
    }
}

#[test]
fn a_gpu_that_falls_off_the_bus_loses_its_values_and_no_others() {
    staged("a_gpu_that_falls_off_the_bus_loses_its_values_and_no_others", None, || {
        let each = "nvmlDeviceGetCount_v2 - ok 2\n* 0 @3 error 15\n";
        let handle = "nvmlDeviceGetCount_v2 - ok 2\nnvmlDeviceGetHandleByIndex_v2 0 @3 error 15\n";
        let all_but_handle = format!("{each}nvmlDeviceGetHandleByIndex_v2 0 ok -\n");
        for lines in [each, handle, &all_but_handle] {
            script(lines);
            let mut sampler = sampler();
            assert_eq!(sampler.sample().gpus, [idle(), idle()]);
            assert_eq!(sampler.sample().gpus, [idle(), idle()]);
            let lost = sampler.sample();
            assert_eq!(lost.gpus, [GpuSample::default(), idle()]);
            let reasons: Vec<&String> =
                lost.unknown.iter().filter(|(key, _)| key.starts_with("gpus[0].")).map(|(_, reason)| reason).collect();
            assert_eq!(reasons.len(), 9);
            assert!(reasons.iter().all(|reason| reason.ends_with("(NVML_ERROR_GPU_IS_LOST)")), "{reasons:?}");
            assert_eq!(sampler.sample().gpus, [GpuSample::default(), idle()]);
        }
    });
}

#[test]
fn a_lost_gpu_keeps_its_place_in_the_record() {
    staged("a_lost_gpu_keeps_its_place_in_the_record", None, || {
        script(
            "nvmlDeviceGetCount_v2 - ok 2\nnvmlDeviceGetHandleByIndex_v2 0 error 15\nnvmlDeviceGetName 1 ok Second\n",
        );
        let machine = machine();
        assert_eq!(machine["gpus"][1]["name"], "Second");
        assert_eq!(nulls(&machine["gpus"][0]).len(), 15);
        assert_names(&machine["gpus"][0]["unknown"]["name"], "GPU_IS_LOST");
        assert!(machine["trained_gpu"].is_null());
        assert!(machine["unknown"]["trained_gpu"].as_str().unwrap().contains("PCI"));
    });
}

#[test]
fn only_strangers_on_the_gpu_are_counted() {
    staged("only_strangers_on_the_gpu_are_counted", None, || {
        let mut watched = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let (own, pid) = (std::process::id(), watched.id());
        script(&format!(
            "nvmlDeviceGetUtilizationRates 0 ok 50 0\n\
             nvmlDeviceGetComputeRunningProcesses_v3 0 ok 3 {own} {pid} 4000000\n\
             nvmlDeviceGetComputeRunningProcesses_v3 0 @2 ok 1 {pid}\n"
        ));
        let mut sampler = sampler();
        sampler.watch_process(pid);
        assert_eq!(sampler.sample().gpus[0].other_processes, Some(1));
        assert_eq!(sampler.sample().gpus[0].other_processes, Some(0));
        watched.kill().unwrap();
        watched.wait().unwrap();
    });
}

#[test]
fn own_work_is_not_that_of_others() {
    let mut sampler = sampler();
    // Sampling over and over is work of this process. A share of a few ticks may miss it, one of many does not.
    let known = (0..1_000_000).map(|_| sampler.sample().host);
    let mut shares = known.filter_map(|host| Some((host.cpu_percent?, host.other_cpu_percent?)));
    assert!(shares.any(|(all, other)| {
        assert!((0.0..=100.0).contains(&all) && other <= all, "{other} of {all}");
        other < all
    }));
}

/// `hlb-bench hardware --json` as the whole program prints it.
fn hardware(fake: &Fake, lines: &str, visible: Option<&str>) -> Value {
    fs::write(fake.folder.path().join("script"), lines).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
    command.args(["hardware", "--json"]);
    fake.serve(&mut command);
    command.envs(visible.map(|text| ("CUDA_VISIBLE_DEVICES", text)));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["machine"].take()
}

#[test]
fn the_program_records_the_gpu_that_cuda_would_take() {
    let Some(fake) = Fake::build("the_program_records_the_gpu_that_cuda_would_take", None) else { return };
    let two = "nvmlDeviceGetCount_v2 - ok 2\nnvmlDeviceGetName 1 ok Second\n";
    let machine = hardware(&fake, two, Some("1"));
    assert_eq!((&machine["trained_gpu"], &machine["gpus"][1]["name"]), (&1.into(), &"Second".into()));
    let swapped = format!("{two}nvmlDeviceGetPciInfo_v3 0 ok 0 9 0\n");
    assert_eq!(hardware(&fake, &swapped, None)["trained_gpu"], 1);
    let hidden = hardware(&fake, two, Some(""));
    assert!(hidden["unknown"]["trained_gpu"].as_str().unwrap().contains("hides all GPUs"));
}

#[test]
fn a_library_that_is_not_there_is_told_without_its_folder() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
    let output = command.args(["hardware", "--json"]).env(LIBRARY, "/home/nobody/odd/libodd.so").output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reason = said["machine"]["unknown"]["gpus"].as_str().unwrap();
    assert!(reason.contains("libodd.so") && !reason.contains("nobody"), "{reason}");
}
