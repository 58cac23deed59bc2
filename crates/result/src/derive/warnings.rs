//! What a reader should know before trusting a row. The bounds are in `docs/reference/rules.md`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::derive::basis::Basis;
use crate::derive::calibration::Drift;
use crate::derive::energy;
use crate::derive::telemetry::{in_runs, is_throttling, spread, throttled_share};
use hlb_core::rules::{
    CLOCK_STEP_SECONDS, CPU_LIMITED_SHARE, FREQUENCY_DRIFT_SHARE, OTHER_CPU_PERCENT, THROTTLED_SHARE,
};
use hlb_core::text::SafeText;
use hlb_core::units::DeviceKind;
use hlb_machine::{Gpu, Sample, ThrottleReason};
use hlb_protocol::run_log::{RunLog, TimedSample};

/// What a reader should know before trusting a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Warning {
    /// The GPU's clocks were throttled in more samples than the rules allow.
    Throttled {
        /// Share of the samples, 0 to 1.
        share: f64,
        /// Why they were.
        reasons: Vec<ThrottleReason>,
    },
    /// Another process used the GPU.
    OtherGpuProcess {
        /// Most at once.
        processes: u32,
    },
    /// The GPU may draw less power than it comes with.
    PowerLimitBelowDefault {
        /// Enforced, in milliwatts.
        limit_milliwatts: u32,
        /// As it comes, in milliwatts.
        default_milliwatts: u32,
    },
    /// The GPU is split into instances (MIG).
    Mig,
    /// Other processes used more of the processors than the rules allow.
    HostUnderLoad {
        /// Percent of all processors, by median.
        other_cpu_percent: f64,
    },
    /// Training had more threads than processors it may use.
    FewerCpusThanThreads {
        /// Threads of libtorch.
        threads: u32,
        /// Processors, in thousandths.
        millicpus: u64,
    },
    /// The control group stopped the processes for longer than the rules allow.
    CpuLimited {
        /// Seconds for which they were stopped.
        seconds: f64,
    },
    /// The clock of what trained differs between the two halves of the session by more than the rules allow.
    FrequencyDrift {
        /// Median of the first half, in MHz.
        first_half_mhz: f64,
        /// Median of the second half, in MHz.
        second_half_mhz: f64,
    },
    /// Training became slower or faster over the session, significantly and by more than the rules allow.
    SpeedDrift {
        /// Seconds per step in the second half over those in the first.
        second_half_over_first: f64,
    },
    /// Memory was swapped out during runs.
    SwapInUse {
        /// Most bytes at once.
        bytes: u64,
    },
    /// The system's clock was set during the session; durations are not taken from it.
    ClockStepped {
        /// Largest step in seconds.
        seconds: f64,
    },
    /// The GPU that trained is not in the table of peaks, so that no time of it is called impossible. This follows from
    /// the result, and is not among the warnings in it.
    NoLowerBound,
    /// The session ended early and was resumed.
    Resumed {
        /// How often.
        times: u32,
        /// Runs that were abandoned and run again with the same seed.
        abandoned_runs: u32,
    },
    /// The sensors said too little during runs.
    FewSamples {
        /// Samples in the runs that have too few of them.
        samples: u32,
        /// Seconds of these runs.
        seconds: f64,
    },
    /// The share of the processors that was busy cannot be.
    ImpossibleCpuShare {
        /// In percent of all processors.
        percent: f64,
    },
    /// The calendar went faster or slower than the monotonic clock.
    CalendarDrift {
        /// Seconds that the calendar went.
        calendar_seconds: f64,
        /// Seconds that passed.
        seconds: f64,
    },
    /// Evaluation made far more or far fewer operations a second than training.
    UnlikelyEvaluation {
        /// Operations a second of evaluation over those of training.
        evaluation_over_training: f64,
    },
    /// Two runs of a recipe have the same accuracy after every epoch.
    EqualAccuracies {
        /// Numbers of the runs.
        runs: [u32; 2],
    },
    /// Every evaluation of every run was right about every image.
    NeverWrong,
    /// The price is that of a machine with other GPUs.
    PriceOfOtherMachine {
        /// GPUs of the machine that has the price; `null` for none.
        priced: Option<SafeText<80>>,
        /// GPUs of the machine that trained.
        gpus: u32,
    },
    /// Training made far more operations a second than in any other session of its hardware class on its track. A board
    /// says so, never a result.
    OverClass {
        /// Over the best of the others.
        times: f64,
    },
}

impl Warning {
    /// Short, for a row.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::OtherGpuProcess { .. } => "shared GPU",
            Self::PowerLimitBelowDefault { .. } => "power limited",
            Self::Mig => "part of a GPU",
            Self::HostUnderLoad { .. } => "host under load",
            Self::FewerCpusThanThreads { .. } => "fewer CPUs than threads",
            Self::CpuLimited { .. } => "CPU limited",
            Self::FrequencyDrift { .. } => "clock drift",
            Self::SpeedDrift { .. } => "speed drift",
            Self::SwapInUse { .. } => "swapping",
            Self::ClockStepped { .. } => "clock set",
            Self::NoLowerBound => "no lower bound",
            Self::Resumed { .. } => "resumed",
            Self::FewSamples { .. } => "no sensors",
            Self::ImpossibleCpuShare { .. } => "impossible CPU share",
            Self::CalendarDrift { .. } => "calendar drift",
            Self::UnlikelyEvaluation { .. } => "evaluation out of proportion",
            Self::EqualAccuracies { .. } => "equal accuracies",
            Self::NeverWrong => "never wrong",
            Self::PriceOfOtherMachine { .. } => "price of another machine",
            Self::OverClass { .. } => "far over its class",
        }
    }
}

/// A sentence without its full stop.
impl fmt::Display for Warning {
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Throttled { share, reasons } => {
                let reasons = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                write!(f, "the GPU's clocks were throttled in {:.0} % of the samples: {reasons}", 100.0 * share)
            }
            Self::OtherGpuProcess { processes } => write!(f, "up to {processes} other processes used the GPU"),
            Self::PowerLimitBelowDefault { limit_milliwatts, default_milliwatts } => {
                let [limit, default] = [*limit_milliwatts, *default_milliwatts].map(|power| f64::from(power) / 1e3);
                write!(f, "the GPU's power limit is {limit:.0} W, it comes with {default:.0} W")
            }
            Self::Mig => f.write_str("the GPU is split into instances (MIG)"),
            Self::HostUnderLoad { other_cpu_percent } => {
                write!(f, "other processes used {other_cpu_percent:.1} % of the processors, by median")
            }
            Self::FewerCpusThanThreads { threads, millicpus } => {
                write!(f, "training had {threads} threads for {:.1} processors", *millicpus as f64 / 1e3)
            }
            Self::CpuLimited { seconds } => write!(f, "the control group stopped the processes for {seconds:.1} s"),
            Self::FrequencyDrift { first_half_mhz: first, second_half_mhz: second } => write!(
                f,
                "the clock of what trained was {first:.0} MHz in the first half of the session and {second:.0} MHz in the second"
            ),
            Self::SpeedDrift { second_half_over_first: ratio } => {
                write!(f, "a step took {ratio:.3} times as long in the second half of the session as in the first")
            }
            Self::SwapInUse { bytes } => write!(f, "{:.1} MiB of memory were swapped out", *bytes as f64 / 1_048_576.0),
            Self::ClockStepped { seconds } => write!(
                f,
                "the system's clock was set by {seconds:.1} s during the session; durations are not taken from it"
            ),
            Self::NoLowerBound => f.write_str(
                "the table of peaks does not list the GPU that trained, so no time of it is called impossible",
            ),
            Self::Resumed { times, abandoned_runs } => f.write_str(&resumed_text(*times, *abandoned_runs)),
            other => other.fmt_of_doubt(f),
        }
    }
}

impl Warning {
    /// What says that figures do not fit each other.
    fn fmt_of_doubt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewSamples { samples, seconds } => {
                write!(f, "the sensors said {samples} times something in {seconds:.0} s of runs")
            }
            Self::ImpossibleCpuShare { percent } => {
                write!(f, "{percent:.1} % of the processors were busy while training, which cannot be")
            }
            Self::CalendarDrift { calendar_seconds, seconds } => {
                write!(f, "the calendar went {calendar_seconds:.1} s in {seconds:.1} s, without being set")
            }
            Self::UnlikelyEvaluation { evaluation_over_training: ratio } => {
                write!(f, "evaluation made {ratio:.2} times as many operations a second as training")
            }
            Self::EqualAccuracies { runs: [first, second] } => {
                write!(f, "runs {first} and {second} have the same accuracy after every epoch")
            }
            Self::PriceOfOtherMachine { priced, gpus } => {
                let priced = priced.as_ref().map_or("no GPU", SafeText::as_str);
                write!(f, "the price is that of a machine with {priced}, and this one has {gpus} GPUs or others")
            }
            Self::OverClass { times } => {
                write!(
                    f,
                    "training made {times:.1} times as many operations a second as any other session of its class"
                )
            }
            _ => f.write_str("every evaluation of every run was right about every image"),
        }
    }
}

fn resumed_text(times: u32, abandoned_runs: u32) -> String {
    let often = if times == 1 { "once".to_owned() } else { format!("{times} times") };
    let runs = match abandoned_runs {
        0 => "no run was run again".to_owned(),
        1 => "1 run was cut off and run again with the same seed".to_owned(),
        more => format!("{more} runs were cut off and run again with the same seeds"),
    };
    format!("the session ended early and was resumed {often}; {runs}")
}

pub(super) fn of(basis: Basis, drift: Option<&Drift>) -> Vec<Warning> {
    let samples = in_runs(basis.log);
    let mut found = Vec::new();
    if let Some(index) = energy::trained_gpu(basis) {
        found.extend(throttled(&samples, index));
        found.extend(other_processes(&samples, index));
        found.extend(basis.machine.gpus.get(index).into_iter().flat_map(of_record));
    }
    found.extend(host_under_load(&samples));
    found.extend(fewer_cpus(basis));
    found.extend(cpu_limited(&samples));
    found.extend(frequency_drift(basis, &samples));
    found.extend(
        drift
            .filter(|drift| drift.is_notable())
            .map(|drift| Warning::SpeedDrift { second_half_over_first: drift.second_half_over_first.value }),
    );
    found.extend(swap(&samples));
    found.extend(clock_stepped(basis.log));
    found.extend(resumed(basis.log));
    found
}

fn throttled(samples: &[&TimedSample], index: usize) -> Option<Warning> {
    let share = throttled_share(samples, index).filter(|share| *share > THROTTLED_SHARE)?;
    let of_sample = |timed: &&TimedSample| timed.sample.gpus.get(index)?.throttle_reasons.clone();
    let mut reasons: Vec<ThrottleReason> =
        samples.iter().filter_map(of_sample).flatten().filter(|reason| is_throttling(*reason)).collect();
    reasons.sort_unstable();
    reasons.dedup();
    Some(Warning::Throttled { share, reasons })
}

fn other_processes(samples: &[&TimedSample], index: usize) -> Option<Warning> {
    let counts = samples.iter().filter_map(|timed| timed.sample.gpus.get(index)?.other_processes);
    counts.max().filter(|most| *most > 0).map(|processes| Warning::OtherGpuProcess { processes })
}

fn of_record(gpu: &Gpu) -> Vec<Warning> {
    let limits = gpu.power_limit_milliwatts.zip(gpu.default_power_limit_milliwatts);
    let limited = limits.filter(|(limit, default)| limit < default).map(|(limit_milliwatts, default_milliwatts)| {
        Warning::PowerLimitBelowDefault { limit_milliwatts, default_milliwatts }
    });
    let mig = gpu.mig_enabled.filter(|enabled| *enabled).map(|_| Warning::Mig);
    limited.into_iter().chain(mig).collect()
}

fn host_under_load(samples: &[&TimedSample]) -> Option<Warning> {
    let other_cpu_percent = spread(samples, |sample| sample.host.other_cpu_percent).median?;
    (other_cpu_percent > OTHER_CPU_PERCENT).then_some(Warning::HostUnderLoad { other_cpu_percent })
}

fn fewer_cpus(basis: Basis) -> Option<Warning> {
    let trainer = basis.log.trainer.as_ref().filter(|trainer| trainer.device == DeviceKind::Cpu)?;
    let host = &basis.machine.host;
    let there = u64::from(host.logical_cpus) * 1000;
    let millicpus = host.cpu_limit_millicpus.map_or(there, |limit| limit.min(there));
    let threads = trainer.threads;
    (millicpus < u64::from(threads) * 1000).then_some(Warning::FewerCpusThanThreads { threads, millicpus })
}

#[expect(clippy::cast_precision_loss, reason = "2^52 microseconds are a century")]
fn cpu_limited(samples: &[&TimedSample]) -> Option<Warning> {
    let readings: Vec<(f64, u64)> = samples
        .iter()
        .filter_map(|timed| Some((timed.at_seconds, timed.sample.host.cpu_limited_microseconds?)))
        .collect();
    let (first, last) = (readings.first()?, readings.last()?);
    let seconds = last.1.saturating_sub(first.1) as f64 / 1e6;
    (seconds > CPU_LIMITED_SHARE * (last.0 - first.0)).then_some(Warning::CpuLimited { seconds })
}

fn frequency_drift(basis: Basis, samples: &[&TimedSample]) -> Option<Warning> {
    let trained = energy::trained_gpu(basis);
    let clock = |sample: &Sample| match trained {
        Some(index) => sample.gpus.get(index)?.sm_clock_mhz.map(f64::from),
        None => sample.host.frequency_mhz.map(f64::from),
    };
    let (first, second) = samples.split_at(samples.len() / 2);
    let (first_half_mhz, second_half_mhz) = (spread(first, clock).median?, spread(second, clock).median?);
    let drifted = (second_half_mhz / first_half_mhz - 1.0).abs() > FREQUENCY_DRIFT_SHARE;
    drifted.then_some(Warning::FrequencyDrift { first_half_mhz, second_half_mhz })
}

fn swap(samples: &[&TimedSample]) -> Option<Warning> {
    let most = samples.iter().filter_map(|timed| timed.sample.host.swap_used_bytes).max();
    most.filter(|bytes| *bytes > 0).map(|bytes| Warning::SwapInUse { bytes })
}

/// The largest step of the calendar against the monotonic clock between two samples of one process. Between two processes
/// of a resumed session there is a gap, which does not count.
#[expect(clippy::cast_precision_loss, reason = "2^52 milliseconds are a long time")]
fn clock_stepped(log: &RunLog) -> Option<Warning> {
    let step = |pair: &[TimedSample]| {
        let passed = pair[1].at_seconds - pair[0].at_seconds;
        let calendar = |timed: &TimedSample| timed.sample.host.system_clock_milliseconds;
        let shown = calendar(&pair[1]).saturating_sub(calendar(&pair[0])) as f64 / 1e3;
        shown - passed
    };
    let steps = log.samples_by_segment().flat_map(|(_, samples)| samples.windows(2)).map(step);
    let largest = steps.max_by(|a, b| a.abs().total_cmp(&b.abs()))?;
    (largest.abs() > CLOCK_STEP_SECONDS).then_some(Warning::ClockStepped { seconds: largest })
}

fn resumed(log: &RunLog) -> Option<Warning> {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let times = count(log.segments.len() - 1);
    (times > 0).then(|| Warning::Resumed { times, abandoned_runs: count(log.abandoned.len()) })
}
