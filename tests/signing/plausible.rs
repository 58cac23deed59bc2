//! Sessions that cannot have happened, or happened once already: well formed, signed, and refused.

#![expect(clippy::cast_possible_truncation, reason = "milliseconds of a session of minutes")]

use std::fs;
use std::path::Path;

use hlb_board::Row;
use hlb_core::artifact::sha256_hex;
use hlb_core::units::DeviceKind;
use hlb_core::yaml;
use hlb_machine::GpuSample;
use hlb_protocol::run_log::{Epoch, Event, LogLine, Outcome, RunLog, RunStart, SessionResume};
use hlb_result::{Entry, LOG_FILE, RESULT_FILE, ResultFile, SessionFacts, Warning, derive};

use crate::support::fixture::{Fixture, Hand, Spec, gpu_machine, gpu_sample, sample};

/// Puts another log into an entry, with every figure that follows from it, and signs all of it again: what a forger can do.
fn forge(fixture: &Fixture, folder: &Path, change: impl Fn(&mut LogLine)) -> Result<(), String> {
    forge_lines(fixture, folder, |lines| lines.iter_mut().for_each(&change))
}

/// The same with lines added or left out.
fn forge_lines(fixture: &Fixture, folder: &Path, change: impl FnOnce(&mut Vec<LogLine>)) -> Result<(), String> {
    let text = fs::read_to_string(folder.join(LOG_FILE)).unwrap();
    let mut lines: Vec<LogLine> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    change(&mut lines);
    let text: String = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    let log = RunLog::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let all = fixture.board().tracks.into_iter().flat_map(|track| track.rows).map(|row| row.entry);
    let again = |entry: Entry| entry.reproductions.into_iter().map(|again| *again.entry).collect::<Vec<_>>();
    let mut all = all.flat_map(|entry| std::iter::once(entry.clone()).chain(again(entry)));
    let entry = all.find(|entry| entry.folder == folder).unwrap();
    let mut result: ResultFile = entry.result.clone();
    result.session = SessionFacts::new(&log, log.trainer.as_ref().unwrap());
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
            Event::WarmupRun(warmup) => warmup.seconds /= by,
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
    let mut spec = Spec { device: DeviceKind::Cuda, machine: gpu_machine(), ..Spec::named("fast") };
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
    let copy = fixture.file(&Spec { folder: "2026-11-26-honest-2".to_owned(), ..Spec::named("honest") });
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
    let of = |other: &str| {
        format!("every time of run 3 of its session is also that of shapes/{other}, and only one can be genuine")
    };
    assert_eq!(reasons(&fixture), [of("2026-11-26-honest-2"), of("2026-11-26-honest")]);
}

#[test]
fn a_run_that_repeats_another_to_the_last_digit_is_refused() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let log = fixture.board().tracks[0].rows[0].entry.log.clone();
    forge(&fixture, &folder, |line| match &mut line.event {
        Event::Epoch(epoch) if epoch.run == 2 => {
            epoch.train_seconds = log.runs[0].epochs[epoch.epoch as usize - 1].train_seconds;
        }
        Event::RunStop(stop) if stop.run == 2 => {
            let copied = log.runs[0].epochs.last().unwrap().train_seconds;
            stop.wall_seconds += copied - stop.phases.train_seconds;
            stop.phases.train_seconds = copied;
        }
        _ => {}
    })
    .unwrap();
    assert_eq!(
        reasons(&fixture),
        ["run 1 and run 2 have every time in common, which no two runs do; each run of a session has to be trained"]
    );
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
    let mut spec = Spec { device: DeviceKind::Cuda, machine: gpu_machine(), ..Spec::named("quiet") };
    spec.sample.gpus = vec![gpu_sample()];
    assert_eq!(warnings(&spec), []);
}

#[test]
fn what_the_sensors_saw_is_warned_of() {
    use hlb_machine::ThrottleReason;
    let mut machine = gpu_machine();
    machine.gpus[0].power_limit_milliwatts = Some(500_000);
    machine.gpus[0].mig_enabled = Some(true);
    let mut spec = Spec { device: DeviceKind::Cuda, machine, ..Spec::named("loud") };
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

/// A log whose program writes both clocks and processor time: two processors at work.
fn with_two_clocks(line: &mut LogLine) {
    let library = Some(line.at_seconds);
    match &mut line.event {
        Event::SessionStart(start) => start.environment = Some(vec!["PATH".parse().unwrap()]),
        Event::Telemetry(sample) => {
            sample.host.library_clock_seconds = library;
            sample.host.own_cpu_milliseconds = Some(2 * sample.host.system_clock_milliseconds.unsigned_abs());
        }
        Event::RunStop(stop) => stop.library_clock_seconds = library,
        _ => {}
    }
}

/// What the board says of a log that was changed after it had both clocks.
fn after_two_clocks(change: impl Fn(&mut LogLine)) -> (Vec<String>, Option<bool>) {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("clocks"));
    forge(&fixture, &folder, |line| {
        with_two_clocks(line);
        change(line);
    })
    .unwrap();
    let board = fixture.board();
    let row = board.tracks.iter().flat_map(|track| &track.rows).next();
    (reasons(&fixture), row.map(|row| row.entry.result.derived.phases.clocks_agree))
}

#[test]
fn a_log_with_both_clocks_and_processor_time_verifies() {
    assert_eq!(after_two_clocks(|_| {}), (Vec::new(), Some(true)));
}

#[test]
fn a_library_clock_that_does_not_tell_the_kernels_time_makes_a_row_ineligible() {
    let slowed = |line: &mut LogLine| {
        if let Event::RunStop(stop) = &mut line.event
            && stop.run == 3
        {
            stop.library_clock_seconds = stop.library_clock_seconds.map(|seconds| seconds - 0.06);
        }
    };
    assert_eq!(after_two_clocks(slowed), (Vec::new(), Some(false)));
    let sample = |line: &mut LogLine| {
        if let (true, Event::Telemetry(sample)) = (line.at_seconds > 60.0, &mut line.event) {
            sample.host.library_clock_seconds = Some(line.at_seconds / 10.0);
        }
    };
    assert_eq!(after_two_clocks(sample), (Vec::new(), Some(false)));
}

#[test]
fn a_log_whose_program_has_both_clocks_may_not_lack_one() {
    for last in [false, true] {
        let lacking = move |line: &mut LogLine| match &mut line.event {
            Event::Telemetry(sample) if !last && line.at_seconds > 60.0 => sample.host.library_clock_seconds = None,
            Event::RunStop(stop) if last && stop.run == 10 => stop.library_clock_seconds = None,
            _ => {}
        };
        let (reasons, _) = after_two_clocks(lacking);
        assert!(reasons[0].contains("it lacks `library_clock_seconds`, which `hlb-bench` writes"), "{reasons:?}");
    }
    let fixture = Fixture::new();
    let (day, folder) = ("2026-12-01T00:00:00Z".to_owned(), "2026-12-01-later".to_owned());
    let folder = fixture.file(&Spec { started_at: day, folder, ..Spec::named("later") });
    assert_eq!(reasons(&fixture), [""; 0]);
    forge(&fixture, &folder, |line| match &mut line.event {
        Event::Telemetry(sample) => sample.host.library_clock_seconds = None,
        Event::RunStop(stop) => stop.library_clock_seconds = None,
        _ => {}
    })
    .unwrap();
    assert!(reasons(&fixture)[0].contains("it lacks `library_clock_seconds`"), "{:?}", reasons(&fixture));
}

/// Its last line comes after its last epoch, and is no less a line for that.
#[test]
fn a_run_that_was_interrupted_after_its_last_epoch_keeps_its_library_clock() {
    let interrupted = |library: fn(f64) -> Option<f64>| {
        after_two_clocks(move |line| {
            if let Event::RunStop(stop) = &mut line.event
                && stop.run == 10
            {
                line.at_seconds += 0.06;
                (stop.outcome, stop.reason) = (Outcome::Interrupted, Some("stopped".to_owned()));
                stop.library_clock_seconds = library(line.at_seconds);
            }
        })
    };
    assert_eq!(interrupted(Some), (Vec::new(), Some(true)));
    assert_eq!(interrupted(|at| Some(at - 0.06)), (Vec::new(), Some(false)));
    let (reasons, _) = interrupted(|_| None);
    assert!(reasons[0].contains("it lacks `library_clock_seconds`"), "{reasons:?}");
}

#[test]
fn processors_that_worked_longer_than_time_passed_are_impossible() {
    let scaled = |line: &mut LogLine| {
        faster(1.5)(line);
        with_two_clocks(line);
    };
    let (reasons, _) = after_two_clocks(scaled);
    assert!(reasons[0].contains("which is impossible: it kept at most 2 busy"), "{reasons:?}");
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
    let mut spec = Spec { device: DeviceKind::Cuda, machine: gpu_machine(), ..Spec::named("counted") };
    spec.sample.gpus = vec![gpu_sample()];
    fixture.file(&spec);
    let result = fixture.board().tracks[0].rows[0].entry.result.clone();
    let energy = &result.derived.summary.energy;
    assert_eq!(energy.gpu_method, Some(hlb_result::EnergyMethod::Counter));
    // 412 W over training and evaluation, the start of the model included.
    let run = &result.derived.runs[3];
    let seconds = run.time_to_accuracy_seconds.unwrap() * 1.08 + 0.05;
    let joules = run.gpu_energy_joules.unwrap();
    assert!((joules / (412.0 * seconds) - 1.0).abs() < 0.001, "{joules} J in {seconds} s");
    assert!(energy.gpu_joules.is_some_and(|median| (median / joules - 1.0).abs() < 0.05), "{energy:?}");
    assert_eq!((energy.cpu_joules, energy.cpu_unknown.as_deref()), (None, Some("the processor counts no energy")));
}

#[test]
fn without_a_counter_power_is_integrated_and_without_power_nothing_is_known() {
    let fixture = Fixture::new();
    let mut spec = Spec { device: DeviceKind::Cuda, machine: gpu_machine(), ..Spec::named("powered") };
    spec.sample.gpus = vec![GpuSample { energy_millijoules: None, ..gpu_sample() }];
    fixture.file(&spec);
    let mut blind = Spec { sample: sample(), folder: "2026-11-26-blind".to_owned(), name: "blind".to_owned(), ..spec };
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

/// The same with paired runs of the reference, each epoch of which takes so long.
fn beside(seconds: f64, spec: Spec) -> Spec {
    Spec { reference_epoch_seconds: Some(seconds), ..spec }
}

/// A reference that was slowed down makes a ratio small, so a reader has to see it.
#[test]
fn a_reference_slower_than_on_other_hosts_is_warned_of() {
    let fixture = Fixture::new();
    let row = |name: &str, seconds: f64| beside(seconds, Spec { runs: Spec::runs(10, 2.0, 16), ..Spec::named(name) });
    for name in ["one", "two", "three"] {
        fixture.file(&row(name, 2.5));
    }
    let warned = || {
        let rows = fixture.board().tracks[0].rows.clone();
        let warned = |row: &Row| row.warnings.iter().any(|warning| matches!(warning, Warning::SlowReference { .. }));
        rows.iter().filter(|row| warned(row)).map(|row| row.entry.result.variant.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(warned(), [""; 0]);
    fixture.file(&row("slowed", 3.5));
    assert_eq!(warned(), ["slowed"]);
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
fn rows_are_ranked_within_their_hardware_class_and_share_a_rank_unless_they_differ() {
    let fixture = Fixture::new();
    let row = |name: &str, seconds: f64| beside(2.5, Spec { runs: Spec::runs(10, seconds, 16), ..Spec::named(name) });
    fixture.file(&row("quick", 2.0));
    fixture.file(&row("slow", 2.5));
    fixture.file(&row("slow-too", 2.501));
    let mut gpu = Spec { device: DeviceKind::Cuda, machine: gpu_machine(), ..row("gpu", 0.5) };
    gpu.sample.gpus = vec![gpu_sample()];
    fixture.file(&gpu);
    let unpaired = Spec { changes: "logit_scale: 0.17\n".to_owned(), ..Spec::named("unpaired") };
    fixture.file(&unpaired);
    let board = fixture.board();
    let (rows, unranked) = board.tracks[0].rows.split_at(4);
    assert!(unranked[0].unranked_because[0].starts_with("it has no paired reference"), "{unranked:?}");
    let shown: Vec<_> = rows.iter().map(|row| (row.entry.result.variant.name.as_str(), row.rank)).collect();
    assert_eq!(shown, [("gpu", Some(1)), ("quick", Some(1)), ("slow", Some(2)), ("slow-too", Some(2))]);
    let level: Vec<_> = rows.iter().map(|row| row.tied_with_next.as_ref().map(|level| level.name.as_str())).collect();
    assert_eq!(level, [None, None, Some("slow-too"), None]);
}

/// The epochs of a log, as a forger would take them.
fn epochs(folder: &Path) -> Vec<Epoch> {
    let log = RunLog::parse(&fs::read(folder.join(LOG_FILE)).unwrap()).unwrap();
    log.runs.into_iter().flat_map(|run| run.epochs).collect()
}

/// Has the runs of a session show what others did, changed a little.
fn copying(from: Vec<Epoch>, change: impl Fn(&Epoch, &mut Epoch)) -> impl Fn(&mut LogLine) {
    let find =
        move |run: u32, epoch: u32| from.iter().find(|one| (one.run, one.epoch) == (run, epoch)).cloned().unwrap();
    move |line| match &mut line.event {
        Event::Epoch(epoch) => change(&find(epoch.run, epoch.epoch), epoch),
        Event::RunStop(stop) => {
            let mut last = find(stop.run, 7);
            last.train_seconds = stop.phases.train_seconds;
            change(&find(stop.run, 7), &mut last);
            stop.wall_seconds += last.train_seconds - stop.phases.train_seconds;
            stop.phases.train_seconds = last.train_seconds;
        }
        _ => {}
    }
}

#[test]
fn a_copied_session_is_refused_whatever_was_done_to_its_times() {
    type Change = fn(&Epoch, &mut Epoch);
    let cases: [(&str, Change); 5] = [
        ("the series of losses", |from, to| to.loss = from.loss),
        ("the series of losses", |from, to| to.loss = if from.epoch == 4 { 1.1 * from.loss } else { from.loss }),
        ("the series of accuracies and losses", |from, to| {
            (to.loss, to.accuracy) = (from.loss * (1.0 + 1e-7), from.accuracy);
        }),
        ("the series of ratios of times", |from, to| to.train_seconds = 0.999 * from.train_seconds),
        ("the series of ratios of times", |from, to| {
            to.train_seconds = from.train_seconds + 1e-9 * f64::from(from.run);
        }),
    ];
    for (what, change) in cases {
        let fixture = Fixture::new();
        let first = fixture.file(&Spec::named("honest"));
        let copy = fixture.file(&Spec { folder: "2026-11-26-honest-2".to_owned(), ..Spec::named("honest") });
        forge(&fixture, &copy, copying(epochs(&first), change)).unwrap();
        let found = reasons(&fixture);
        let of = |other: &str| {
            format!("{what} of run 1 of its session is also that of shapes/{other}, and only one can be genuine")
        };
        assert_eq!(found, [of("2026-11-26-honest-2"), of("2026-11-26-honest")]);
    }
}

#[test]
fn a_reproduction_that_copies_its_entry_makes_both_invalid() {
    let fixture = Fixture::new();
    let first = fixture.file(&Spec::named("honest"));
    let again = Spec { hand: Hand::Runner, ..Spec::named("honest") };
    let again = fixture.file_reproduction(&first, "2026-11-27-honest", &again);
    assert_eq!(reasons(&fixture), [""; 0]);
    let copied = copying(epochs(&first), |from, to| to.train_seconds = 1.0004 * from.train_seconds);
    forge(&fixture, &again, copied).unwrap();
    let found = reasons(&fixture);
    assert!(found[0].contains("the series of ratios of times of run 1 is that of the entry"), "{found:?}");
}

#[test]
fn a_reproduction_that_copies_another_or_is_older_than_its_entry_is_refused() {
    let fixture = Fixture::new();
    let first = fixture.file(&Spec::named("honest"));
    let again = Spec { hand: Hand::Runner, ..Spec::named("honest") };
    let one = fixture.file_reproduction(&first, "2026-11-27-honest", &again);
    let other = fixture.file_reproduction(&first, "2026-11-28-honest", &again);
    forge(&fixture, &other, copying(epochs(&one), |from, to| to.loss = from.loss)).unwrap();
    let found = reasons(&fixture);
    assert!(found[0].contains("the series of losses of run 1 is that of another reproduction"), "{found:?}");
    fs::remove_dir_all(&other).unwrap();
    let older = Spec { started_at: "2026-11-24T09:26:53Z".to_owned(), ..again };
    fixture.file_reproduction(&first, "2026-11-24-honest", &older);
    let found = reasons(&fixture);
    assert!(found[0].contains("it began before the session that it reproduces"), "{found:?}");
}

#[test]
fn a_reproduction_from_the_future_is_refused() {
    let fixture = Fixture::new();
    let first = fixture.file(&Spec::named("honest"));
    let again = Spec { hand: Hand::Runner, started_at: "2027-11-27T09:26:53Z".to_owned(), ..Spec::named("honest") };
    fixture.file_reproduction(&first, "2027-11-27-honest", &again);
    let found = reasons(&fixture);
    assert!(found[0].contains("its session starts on 2027-11-27, which is in the future"), "{found:?}");
}

#[test]
fn a_reproduction_on_an_unknown_gpu_says_nothing() {
    for known in [true, false] {
        let fixture = Fixture::new();
        let mut spec = Spec { device: DeviceKind::Cuda, machine: gpu_machine(), ..Spec::named("gpu") };
        spec.sample.gpus = vec![gpu_sample()];
        spec.reference_epoch_seconds = Some(2.6);
        let first = fixture.file(&spec);
        spec.machine.trained_gpu = spec.machine.trained_gpu.filter(|_| known);
        fixture.file_reproduction(&first, "2026-11-27-gpu", &Spec { hand: Hand::Runner, ..spec });
        assert_eq!(reasons(&fixture), [""; 0]);
        let entry = fixture.board().tracks[0].rows[0].entry.clone();
        let said = entry.reproductions[0].agreement.reasons.iter().any(|reason| reason.contains("unknown which GPU"));
        assert_eq!((entry.trust.level(), said), if known { (3, false) } else { (1, true) });
    }
}

#[test]
fn a_reproduction_whose_runs_were_chosen_says_nothing() {
    let fixture = Fixture::new();
    let first = fixture.file(&Spec::named("honest"));
    let again = Spec { hand: Hand::Runner, ..Spec::named("honest") };
    let again = fixture.file_reproduction(&first, "2026-11-27-honest", &again);
    let trust = || fixture.board().tracks[0].rows[0].entry.trust.level();
    assert_eq!(trust(), 3);
    forge_lines(&fixture, &again, |lines| cut_off(lines, 3, &[4, 1], LATER)).unwrap();
    fixture.sign(&again, Hand::Runner);
    assert_eq!((reasons(&fixture), trust()), (Vec::new(), 1));
}

#[test]
fn a_run_that_was_copied_within_its_session_is_refused() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let own = epochs(&folder);
    let first = own.iter().filter(|epoch| epoch.run == 1);
    let tenfold = (1..=10).flat_map(|run| first.clone().map(move |epoch| Epoch { run, ..epoch.clone() })).collect();
    forge(&fixture, &folder, copying(tenfold, |from, to| to.loss = from.loss)).unwrap();
    assert_eq!(
        reasons(&fixture),
        [
            "run 1 and run 2 have the series of losses in common, which no two runs do; each run of a session has to be trained"
        ]
    );
}

/// The session as if it had begun at another time, its sensors too.
fn unranked(started_at: &str) -> Vec<String> {
    let fixture = Fixture::new();
    let day = &started_at[..10];
    let spec = Spec { started_at: started_at.to_owned(), folder: format!("{day}-old"), ..Spec::named("old") };
    fixture.file(&spec);
    let board = fixture.board();
    assert_eq!(board.rejected, []);
    board.tracks[0].rows[0].unranked_because.clone()
}

#[test]
fn a_session_from_before_the_rules_is_not_ranked() {
    assert_eq!(unranked("2026-11-22T00:00:00Z"), [""; 0]);
    for day in ["2026-11-21", "2025-11-23", "2015-01-01", "1970-01-02", "0001-01-01"] {
        let expected = format!("its session starts on {day}, which is before the day of the rules, 2026-11-22");
        assert_eq!(unranked(&format!("{day}T23:59:59Z")), [expected]);
    }
    for odd in ["2026-11-26T09:26:53+00:00", "2026-11-26t09:26:53Z", "2026-11-26T09:26:60Z", "2026-11-26T09:26:53.5Z"] {
        assert_eq!(unranked(odd), ["its session states no calendar time"]);
    }
}

#[test]
fn a_calendar_that_contradicts_the_session_unranks_it() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let shift = |milliseconds: i64| {
        move |line: &mut LogLine| {
            if let Event::Telemetry(sample) = &mut line.event {
                sample.host.system_clock_milliseconds += milliseconds;
            }
        }
    };
    let found = || fixture.board().tracks[0].rows[0].unranked_because.clone();
    forge(&fixture, &folder, shift(59_000)).unwrap();
    assert_eq!(found(), [""; 0]);
    forge(&fixture, &folder, shift(2_000)).unwrap();
    let expected = "the calendar of its sensors differs by more than 60 s from the time that the session states";
    assert_eq!(found(), [expected]);
}

#[test]
fn a_key_does_not_speak_for_sessions_from_before_it_was_valid() {
    let fixture = Fixture::new();
    fixture.file(&Spec::named("honest"));
    let list = fixture.submissions().join(hlb_board::SIGNERS_FILE);
    let text = fs::read_to_string(&list).unwrap();
    let valid_after = |day: &str| {
        fs::write(&list, text.replace("namespaces=", &format!("valid-after=\"{day}Z\",namespaces="))).unwrap();
        reasons(&fixture)
    };
    assert_eq!(valid_after("20261126"), [""; 0]);
    let found = valid_after("20261127");
    assert!(found.len() == 1 && found[0].contains("may not sign"), "{found:?}");
}

/// Ends the process at each of these lines of a run, counted from 0, and starts the run again in a new one.
fn cut_off(lines: &mut Vec<LogLine>, run: u32, after: &[usize], resumed_at: &str) {
    let begins = |line: &LogLine| matches!(&line.event, Event::RunStart(start) if start.run == run);
    let begin = lines.iter().position(begins).unwrap();
    let is_of_run = |line: &&LogLine| !matches!(line.event, Event::Telemetry(_));
    let whole: Vec<LogLine> = lines[begin..].iter().filter(is_of_run).take(9).cloned().collect();
    let trainer = lines.iter().find(|line| matches!(line.event, Event::TrainerStart(_))).unwrap().clone();
    let mut before = Vec::new();
    let mut at_seconds = whole[0].at_seconds;
    for count in after {
        before.extend(whole[..*count].iter().map(|line| {
            let mut line = line.clone();
            line.at_seconds += at_seconds - whole[0].at_seconds;
            line
        }));
        at_seconds = before.last().unwrap().at_seconds;
        let resume = SessionResume { started_at: resumed_at.to_owned(), dataset_seconds: 0.1, environment: None };
        before.push(LogLine { at_seconds, event: Event::SessionResume(resume) });
        before.push(LogLine { at_seconds, ..trainer.clone() });
    }
    let by = at_seconds - whole[0].at_seconds;
    for line in &mut lines[begin..] {
        line.at_seconds += by;
    }
    let calendar = hlb_core::clock::parse(resumed_at).map(|time| time.timestamp_millis());
    let own = lines[begin..].iter_mut().take_while(|line| !matches!(line.event, Event::SessionResume(_)));
    for line in own {
        let passed = (1000.0 * (line.at_seconds - at_seconds)) as i64;
        if let (Event::Telemetry(sample), Some(calendar)) = (&mut line.event, calendar) {
            sample.host.system_clock_milliseconds = calendar + passed;
        }
    }
    lines.splice(begin..begin, before);
}

fn unranked_after(change: impl Fn(&mut Vec<LogLine>)) -> Vec<String> {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    forge_lines(&fixture, &folder, change).unwrap();
    let board = fixture.board();
    assert_eq!(board.rejected, []);
    board.tracks[0].rows[0].unranked_because.clone()
}

/// When a process of the entry may have gone on.
const LATER: &str = "2026-11-26T10:00:00Z";

#[test]
fn runs_that_were_started_again_are_counted() {
    assert_eq!(unranked_after(|lines| cut_off(lines, 3, &[4], LATER)), [""; 0]);
    assert_eq!(
        unranked_after(|lines| cut_off(lines, 3, &[4, 1], LATER)),
        ["run 3 was cut off 2 times, in a ranked row once at most"]
    );
    let both = |lines: &mut Vec<LogLine>| {
        cut_off(lines, 7, &[2], "2026-11-26T11:00:00Z");
        cut_off(lines, 3, &[4], LATER);
    };
    assert_eq!(unranked_after(both), ["2 of 10 runs were cut off, in a ranked row 1 of 10 at most"]);
}

#[test]
fn a_session_goes_on_after_it_ended() {
    let found = unranked_after(|lines| cut_off(lines, 3, &[4], "1999-01-01T00:00:00Z"));
    assert_eq!(found, ["it was resumed before it ended, by the calendar"]);
    let found = unranked_after(|lines| cut_off(lines, 3, &[4], "someday"));
    assert_eq!(found, ["it was resumed at a time that is not written as YYYY-MM-DDTHH:MM:SSZ"]);
}

#[test]
fn a_run_whose_last_epoch_is_known_is_not_run_again() {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    let refused = forge_lines(&fixture, &folder, |lines| cut_off(lines, 3, &[8], LATER)).unwrap_err();
    assert!(refused.contains("run 3 is out of order"), "{refused}");
    let without_its_end = |lines: &mut Vec<LogLine>| {
        cut_off(lines, 3, &[8], LATER);
        let again = |line: &LogLine| matches!(&line.event, Event::RunStart(RunStart { run: 3, .. }));
        let begin = lines.iter().rposition(again).unwrap();
        let end = begin + lines[begin..].iter().position(|line| matches!(line.event, Event::RunStop(_))).unwrap();
        let first = lines[begin].at_seconds;
        let by = lines[end].at_seconds - first;
        lines.drain(begin..=end);
        lines[begin..].iter_mut().for_each(|line| line.at_seconds -= by);
    };
    forge_lines(&fixture, &folder, without_its_end).unwrap();
    let row = fixture.board().tracks[0].rows[0].clone();
    assert_eq!((row.unranked_because.clone(), row.rank), (Vec::new(), Some(1)));
    forge(&fixture, &folder, with_two_clocks).unwrap();
    assert_eq!(reasons(&fixture), [""; 0]);
    let run = &row.entry.result.derived.runs[2];
    assert_eq!(run.reason.as_deref(), Some("its process ended after the last epoch"));
    assert!(run.time_to_accuracy_seconds.is_some() && row.entry.log.abandoned.is_empty());
}

fn warnings_after(change: impl Fn(&mut LogLine)) -> Vec<&'static str> {
    let fixture = Fixture::new();
    let folder = fixture.file(&Spec::named("honest"));
    forge(&fixture, &folder, change).unwrap();
    fixture.board().tracks[0].rows[0].warnings.iter().map(Warning::label).collect()
}

#[test]
fn figures_that_do_not_fit_each_other_are_warned_of() {
    let sampled = |change: fn(f64, &mut hlb_machine::HostSample)| {
        move |line: &mut LogLine| {
            let at = line.at_seconds;
            if let Event::Telemetry(sample) = &mut line.event {
                change(at, &mut sample.host);
            }
        }
    };
    assert_eq!(warnings_after(sampled(|_, host| host.cpu_percent = Some(10_000.0))), ["impossible CPU share"]);
    assert_eq!(warnings_after(sampled(|_, host| host.cpu_percent = Some(0.0))), ["impossible CPU share"]);
    let still = sampled(|_, host| host.system_clock_milliseconds = 1_805_016_413_000);
    assert_eq!(warnings_after(still), ["clock set"]);
    let slow = sampled(|at, host| host.system_clock_milliseconds -= (300.0 * at) as i64);
    assert_eq!(warnings_after(slow), ["calendar drift"]);
    let always_right = |line: &mut LogLine| {
        if let Event::Epoch(epoch) = &mut line.event {
            epoch.accuracy.correct = epoch.accuracy.total;
        }
    };
    assert_eq!(warnings_after(always_right), ["never wrong"]);
    let alike = |line: &mut LogLine| {
        if let Event::Epoch(epoch) = &mut line.event {
            epoch.accuracy.correct = [300, 600, 1000, 1400, 1700, 1880, 1910][epoch.epoch as usize - 1];
        }
    };
    assert_eq!(warnings_after(alike), ["equal accuracies"]);
    let no_evaluation = |line: &mut LogLine| match &mut line.event {
        Event::Epoch(epoch) => epoch.evaluate_seconds *= 1e-9,
        Event::RunStop(stop) => {
            stop.phases.setup_seconds += stop.phases.evaluate_seconds;
            stop.phases.evaluate_seconds = 1e-9;
        }
        _ => {}
    };
    assert_eq!(warnings_after(no_evaluation), ["evaluation out of proportion"]);
}

#[test]
fn sensors_that_say_nothing_are_warned_of() {
    for run in [None, Some(3)] {
        let fixture = Fixture::new();
        let folder = fixture.file(&Spec::named("honest"));
        let log = fixture.board().tracks[0].rows[0].entry.log.clone();
        let silent = |at: f64| {
            let of_run = |number: u32| {
                let run = &log.runs[number as usize - 1];
                (run.began_at_seconds..=run.began_at_seconds + run.supervised_seconds).contains(&at)
            };
            run.is_none_or(of_run)
        };
        let change = |lines: &mut Vec<LogLine>| {
            lines.retain(|line| !matches!(line.event, Event::Telemetry(_)) || !silent(line.at_seconds));
        };
        forge_lines(&fixture, &folder, change).unwrap();
        let found: Vec<_> = fixture.board().tracks[0].rows[0].warnings.iter().map(Warning::label).collect();
        assert_eq!(found, ["no sensors"], "{run:?}");
    }
}

#[test]
fn a_price_of_another_machine_is_warned_of() {
    let table = hlb_machine::price::Table::shipped();
    let price = |name: &str| table.find(name, "2026-11-22").ok();
    let on_a_gpu = || {
        let mut spec = Spec { device: DeviceKind::Cuda, machine: gpu_machine(), ..Spec::named("priced") };
        spec.sample.gpus = vec![gpu_sample()];
        spec
    };
    let labels = |spec: Spec| warnings(&spec).iter().map(Warning::label).collect::<Vec<_>>();
    assert_eq!(labels(Spec { price: price("aws/p5.4xlarge"), ..on_a_gpu() }), [""; 0]);
    for other in ["aws/p5.48xlarge", "aws/p3.2xlarge"] {
        assert!(price(other).is_some(), "{other}");
        assert_eq!(labels(Spec { price: price(other), ..on_a_gpu() }), ["price of another machine"], "{other}");
    }
    assert_eq!(labels(Spec { price: price("aws/p3.2xlarge"), ..Spec::named("priced") }), ["price of another machine"]);
}

#[test]
fn a_session_far_over_its_class_is_warned_of_and_stays_ranked() {
    let fixture = Fixture::new();
    let row = |name: &str, seconds: f64| Spec { runs: Spec::runs(10, seconds, 16), ..Spec::named(name) };
    fixture.file(&beside(2.5, row("slow", 2.5)));
    fixture.file(&beside(2.5, row("twice", 1.25)));
    let found = || {
        let rows = fixture.board().tracks[0].rows.clone();
        rows.iter().map(|row| (row.rank, row.warnings.clone())).collect::<Vec<_>>()
    };
    assert_eq!(found(), [(Some(1), vec![]), (Some(2), vec![])]);
    fixture.file(&beside(2.5, row("forged", 0.3)));
    let found = found();
    let [Warning::OverClass { times }] = found[0].1[..] else { panic!("{found:?}") };
    assert!((times - 1.25 / 0.3).abs() < 0.01 && found[0].0 == Some(1) && found[1].1.is_empty(), "{found:?}");
}

#[test]
fn an_entry_that_rewrites_the_history_of_records_is_named() {
    let fixture = Fixture::new();
    let dated = |name: &str, day: &str, seconds: f64| {
        let hand = Hand::Runner;
        beside(2.5, Spec { runs: Spec::runs(10, seconds, 16), hand, ..Spec::dated(name, day) })
    };
    fixture.file(&dated("first", "2026-11-23", 2.5));
    fixture.file(&dated("second", "2026-11-27", 2.0));
    let base = fixture.board();
    let of_today = fixture.file(&dated("third", "2026-11-29", 1.5));
    let rewritten = || {
        let found = hlb_board::rewritten_records(&base, &fixture.board());
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(rewritten(), [""; 0]);
    fs::remove_dir_all(of_today).unwrap();
    let class = "2x Intel(R) Xeon(R) Processor @ 2.60GHz";
    let between = fixture.file(&dated("between", "2026-11-25", 2.2));
    let expected = format!("shapes/2026-11-25-between of 2026-11-25 becomes a record in the past of {class}");
    assert_eq!(rewritten(), [expected]);
    fs::remove_dir_all(between).unwrap();
    fixture.file(&dated("backdated", "2026-11-22", 1.9));
    let lost = |name: &str| format!("shapes/{name} of {} is no longer a record of {class}", &name[..10]);
    let expected = format!("shapes/2026-11-22-backdated of 2026-11-22 becomes a record in the past of {class}");
    assert_eq!(rewritten(), [lost("2026-11-23-first"), lost("2026-11-27-second"), expected]);
}
