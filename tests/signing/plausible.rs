//! Sessions that cannot have happened, or happened once already: well formed, signed, and refused.

use std::fs;
use std::path::Path;

use hlb_core::artifact::sha256_hex;
use hlb_core::yaml;
use hlb_machine::GpuSample;
use hlb_protocol::run_log::{Event, LogLine, RunLog};
use hlb_result::{LOG_FILE, RESULT_FILE, ResultFile, Warning, derive};

use crate::support::fixture::{Fixture, Hand, Spec, gpu_machine, gpu_sample, sample};

/// Puts another log into an entry, with every figure that follows from it, and signs all of it again: what a forger can do.
fn forge(fixture: &Fixture, folder: &Path, change: impl Fn(&mut LogLine)) -> Result<(), String> {
    let text = fs::read_to_string(folder.join(LOG_FILE)).unwrap();
    let changed = |line: &str| {
        let mut line: LogLine = serde_json::from_str(line).unwrap();
        change(&mut line);
        serde_json::to_string(&line).unwrap() + "\n"
    };
    let text: String = text.lines().map(changed).collect();
    let log = RunLog::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let entry = fixture.board().tracks.into_iter().flat_map(|track| track.rows).next().unwrap().entry;
    let mut result: ResultFile = entry.result.clone();
    result.session.nonce.clone_from(&log.start.nonce);
    (result.log.sha256, result.log.bytes) = (sha256_hex(text.as_bytes()), text.len() as u64);
    result.derived = derive(hlb_result::Basis { log: &log, ..entry.basis() });
    fs::write(folder.join(LOG_FILE), text).unwrap();
    fs::write(folder.join(RESULT_FILE), yaml::emit(&result).unwrap()).unwrap();
    fixture.sign(folder, Hand::Submitter);
    Ok(())
}

fn reasons(fixture: &Fixture) -> Vec<String> {
    fixture.board().rejected.into_iter().map(|rejected| rejected.reason).collect()
}

/// Divides every second of training and of the wall clock.
fn faster(by: f64) -> impl Fn(&mut LogLine) {
    move |line| {
        line.at_seconds /= by;
        match &mut line.event {
            Event::Epoch(epoch) => {
                epoch.train_seconds /= by;
                epoch.evaluate_seconds /= by;
            }
            Event::RunStop(stop) => {
                stop.wall_seconds /= by;
                stop.phases.train_seconds /= by;
                stop.phases.evaluate_seconds /= by;
                stop.phases.setup_seconds /= by;
                stop.phases.log_seconds /= by;
            }
            _ => {}
        }
    }
}

#[test]
fn a_time_that_no_processor_reaches_is_rejected() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("fast"));
    forge(&fixture, &folder, faster(10.0)).unwrap();
    assert_eq!(reasons(&fixture), [""; 0], "ten times as fast may be another machine");
    forge(&fixture, &folder, faster(1000.0)).unwrap();
    assert!(
        reasons(&fixture)[0].contains("run 1, epoch 1 trained in 0.0002 s, which is impossible"),
        "{:?}",
        reasons(&fixture)
    );
}

#[test]
fn a_time_that_the_gpu_cannot_reach_is_rejected() {
    let fixture = Fixture::new();
    let mut spec = Spec { device: "cuda".to_owned(), machine: gpu_machine(), ..Spec::named("fast") };
    spec.sample.gpus = vec![gpu_sample()];
    let folder = fixture.file(&spec);
    assert_eq!(reasons(&fixture), [""; 0]);
    let effort = fixture.board().tracks[0].rows[0].entry.result.derived.effort.clone();
    assert!(effort.share_of_peak.is_some_and(|share| share > 0.0 && share < 0.01), "{effort:?}");
    forge(&fixture, &folder, faster(500_000.0)).unwrap();
    assert!(
        reasons(&fixture)[0].contains("which is impossible: the device's peak rate allows no less than"),
        "{:?}",
        reasons(&fixture)
    );
}

#[test]
fn a_log_under_another_nonce_is_still_a_copy() {
    let fixture = Fixture::new();
    let first = fixture.file(&Spec::named("honest"));
    let copy = fixture.file(&Spec { folder: "2027-03-14-honest-2".to_owned(), ..Spec::named("honest") });
    assert_eq!(reasons(&fixture), [""; 0], "two sessions of one variant");
    let times: Vec<LogLine> = fs::read_to_string(first.join(LOG_FILE))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &LogLine| matches!(line.event, Event::Epoch(_)))
        .collect();
    let seconds = |run, epoch| {
        times.iter().find_map(|line| match &line.event {
            Event::Epoch(found) if (found.run, found.epoch) == (run, epoch) => Some(found.train_seconds),
            _ => None,
        })
    };
    forge(&fixture, &copy, |line| {
        if let Event::Epoch(epoch) = &mut line.event
            && epoch.run == 3
        {
            epoch.train_seconds = seconds(3, epoch.epoch).unwrap();
        }
        if let Event::RunStop(stop) = &mut line.event
            && stop.run == 3
        {
            stop.phases.train_seconds = seconds(3, 7).unwrap();
        }
    })
    .unwrap();
    assert_eq!(reasons(&fixture), ["every time of run 3 of its session is already that of shapes/2027-03-14-honest"]);
}

#[test]
fn a_run_that_repeats_another_to_the_last_digit_is_refused() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let log = fixture.board().tracks[0].rows[0].entry.log.clone();
    let refused = forge(&fixture, &folder, |line| match &mut line.event {
        Event::Epoch(epoch) if epoch.run == 2 => {
            epoch.train_seconds = log.runs[0].epochs[epoch.epoch as usize - 1].train_seconds;
        }
        Event::RunStop(stop) if stop.run == 2 => {
            let copied = log.runs[0].epochs.last().unwrap().train_seconds;
            stop.wall_seconds += copied - stop.phases.train_seconds;
            stop.phases.train_seconds = copied;
        }
        _ => {}
    });
    let refused = refused.unwrap_err();
    assert!(refused.contains("runs 1 and 2 have the same times to the last digit"), "{refused}");
}

/// A supervisor that was stopped for a while sees the same, so the session is kept, and never ranked.
#[test]
fn seconds_that_pass_in_no_phase_unrank_a_session() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let from = fixture.board().tracks[0].rows[0].entry.log.runs[0].epochs_at_seconds[2];
    forge(&fixture, &folder, |line| {
        if line.at_seconds >= from {
            line.at_seconds += 30.0;
        }
    })
    .unwrap();
    let row = fixture.board().tracks[0].rows[0].clone();
    assert_eq!(row.rank, None);
    assert_eq!(row.unranked_because, ["the clocks of its two programs differ by more than 0.5 %"]);
}

fn warnings(spec: &Spec) -> Vec<Warning> {
    let fixture = Fixture::new();
    fixture.file(spec);
    let board = fixture.board();
    assert_eq!(board.rejected, []);
    board.tracks.iter().flat_map(|track| &track.rows).next().unwrap().entry.result.derived.warnings.clone()
}

#[test]
fn a_quiet_machine_earns_no_warning() {
    assert_eq!(warnings(&Spec::named("quiet")), []);
    let mut spec = Spec { device: "cuda".to_owned(), machine: gpu_machine(), ..Spec::named("quiet") };
    spec.sample.gpus = vec![gpu_sample()];
    assert_eq!(warnings(&spec), []);
}

#[test]
fn what_the_sensors_saw_is_warned_of() {
    use hlb_machine::ThrottleReason;
    let mut machine = gpu_machine();
    machine.gpus[0].power_limit_milliwatts = Some(500_000);
    machine.gpus[0].mig_enabled = Some(true);
    let mut spec = Spec { device: "cuda".to_owned(), machine, ..Spec::named("loud") };
    spec.sample.gpus = vec![GpuSample {
        throttle_reasons: Some(vec![ThrottleReason::GpuIdle, ThrottleReason::SwPowerCap]),
        other_processes: Some(2),
        ..gpu_sample()
    }];
    spec.sample.host.other_cpu_percent = Some(31.0);
    spec.sample.host.swap_used_bytes = Some(1 << 20);
    assert_eq!(
        warnings(&spec),
        [
            Warning::Throttled { share: 1.0, reasons: vec![ThrottleReason::SwPowerCap] },
            Warning::OtherGpuProcess { processes: 2 },
            Warning::PowerLimitBelowDefault { limit_milliwatts: 500_000, default_milliwatts: 700_000 },
            Warning::Mig,
            Warning::HostUnderLoad { other_cpu_percent: 31.0 },
            Warning::SwapInUse { bytes: 1 << 20 },
        ]
    );
}

#[test]
fn more_threads_than_processors_are_warned_of() {
    let mut spec = Spec::named("cramped");
    spec.machine.host.cpu_limit_millicpus = Some(1500);
    assert_eq!(warnings(&spec), [Warning::FewerCpusThanThreads { threads: 2, millicpus: 1500 }]);
}

#[test]
fn a_clock_that_was_set_is_warned_of_and_changes_no_duration() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let before = fixture.board().tracks[0].rows[0].entry.result.derived.clone();
    forge(&fixture, &folder, |line| {
        if let (true, Event::Telemetry(sample)) = (line.at_seconds > 60.0, &mut line.event) {
            sample.host.system_clock_milliseconds -= 3_600_000;
        }
    })
    .unwrap();
    let after = fixture.board().tracks[0].rows[0].entry.result.derived.clone();
    assert_eq!(after.warnings, [Warning::ClockStepped { seconds: -3600.0 }]);
    assert_eq!(after.summary, before.summary);
}

#[test]
fn a_session_that_slows_down_is_warned_of() {
    let mut spec = Spec::named("tired");
    for (index, run) in spec.runs.iter_mut().enumerate() {
        run.epoch_seconds *= if index < 5 { 1.0 } else { 1.2 };
    }
    let found = warnings(&spec);
    let [Warning::SpeedDrift { second_half_over_first }] = found[..] else { panic!("{found:?}") };
    assert!((second_half_over_first - 1.2).abs() < 0.03, "{second_half_over_first}");
}

#[test]
fn energy_is_counted_from_the_start_of_a_run_until_the_target_is_met() {
    let fixture = Fixture::new();
    let mut spec = Spec { device: "cuda".to_owned(), machine: gpu_machine(), ..Spec::named("counted") };
    spec.sample.gpus = vec![gpu_sample()];
    fixture.file(&spec);
    let result = fixture.board().tracks[0].rows[0].entry.result.clone();
    let energy = &result.derived.summary.energy;
    assert_eq!(energy.gpu_method, Some(hlb_result::EnergyMethod::Counter));
    // 412 W over training and evaluation, the start of the model included.
    let run = &result.derived.runs[3];
    let epochs = f64::from(run.first_reached_epoch.unwrap());
    let seconds = run.time_to_accuracy_seconds.unwrap() + epochs * 0.2 + 0.05;
    let joules = run.gpu_energy_joules.unwrap();
    assert!((joules / (412.0 * seconds) - 1.0).abs() < 0.001, "{joules} J in {seconds} s");
    assert!(energy.gpu_joules.is_some_and(|median| (median / joules - 1.0).abs() < 0.05), "{energy:?}");
    assert_eq!((energy.cpu_joules, energy.cpu_unknown.as_deref()), (None, Some("the processor counts no energy")));
}

#[test]
fn without_a_counter_power_is_integrated_and_without_power_nothing_is_known() {
    let fixture = Fixture::new();
    let mut spec = Spec { device: "cuda".to_owned(), machine: gpu_machine(), ..Spec::named("powered") };
    spec.sample.gpus = vec![GpuSample { energy_millijoules: None, ..gpu_sample() }];
    fixture.file(&spec);
    let mut blind = Spec { sample: sample(), folder: "2027-03-14-blind".to_owned(), name: "blind".to_owned(), ..spec };
    blind.sample.gpus = vec![GpuSample { energy_millijoules: None, power_milliwatts: None, ..gpu_sample() }];
    blind.sample.unknown.insert("gpus[0].power_milliwatts".to_owned(), "NVML: not supported".to_owned());
    fixture.file(&blind);
    let board = fixture.board();
    let energy = |name: &str| {
        let row = board.tracks[0].rows.iter().find(|row| row.path.ends_with(name)).unwrap();
        row.entry.result.derived.summary.energy.clone()
    };
    assert_eq!(energy("powered").gpu_method, Some(hlb_result::EnergyMethod::IntegratedPower));
    assert!(energy("powered").gpu_joules.is_some_and(|joules| joules > 6000.0));
    assert_eq!(energy("blind").gpu_unknown.as_deref(), Some("NVML: not supported"));
    assert_eq!(energy("blind").gpu_joules, None);
}

#[test]
fn a_calibrated_session_states_its_ratio() {
    let fixture = Fixture::new();
    let mut spec = Spec { reference_epoch_seconds: Some(3.0), ..Spec::named("calibrated") };
    spec.changes = "loss:\n  label_smoothing: 0.1\n".to_owned();
    fixture.file(&spec);
    let board = fixture.board();
    assert_eq!(board.rejected, []);
    let calibration = board.tracks[0].rows[0].entry.result.derived.calibration.clone().unwrap();
    let (time, step) = (calibration.time_ratio.unwrap(), calibration.step_ratio.unwrap());
    assert!((time.value - 2.5 / 3.0).abs() < 0.02 && time.high.unwrap() < 1.0, "{time:?}");
    assert!((step.value - 2.5 / 3.0).abs() < 0.02 && step.low.unwrap() < step.value, "{step:?}");
    assert_eq!((calibration.reference_reached, calibration.runs.len()), (10, 10));
    assert!(calibration.p_same_time.unwrap() < 0.001);
}

#[test]
fn rows_are_ranked_within_their_hardware_class_and_compared_with_the_next() {
    let fixture = Fixture::new();
    let row = |name: &str, seconds: f64| Spec { runs: Spec::runs(10, seconds, 16), ..Spec::named(name) };
    fixture.file(&row("quick", 2.0));
    fixture.file(&row("slow", 2.5));
    fixture.file(&row("slow-too", 2.501));
    let mut gpu = Spec { device: "cuda".to_owned(), machine: gpu_machine(), ..row("gpu", 0.5) };
    gpu.sample.gpus = vec![gpu_sample()];
    fixture.file(&gpu);
    let board = fixture.board();
    let rows = &board.tracks[0].rows;
    let shown: Vec<_> = rows.iter().map(|row| (row.entry.result.variant.name.as_str(), row.rank)).collect();
    assert_eq!(shown, [("gpu", Some(1)), ("quick", Some(1)), ("slow", Some(2)), ("slow-too", Some(3))]);
    let level: Vec<_> = rows.iter().map(|row| row.tied_with_next.as_ref().map(|level| level.name.as_str())).collect();
    assert_eq!(level, [None, None, Some("slow-too"), None]);
}
