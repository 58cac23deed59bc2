//! What a reader should know before trusting a row, in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use hlb_core::text::SafeText;
use hlb_machine::ThrottleReason;

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
    /// The paired reference took longer than it does on other hosts of the hardware class, which makes a ratio to it small. A
    /// board says so, never a result.
    SlowReference {
        /// Over the time on the typical host.
        times: f64,
    },
}

impl Warning {
    /// Short, for a row.
    pub fn label(&self) -> &'static str {
        self.words().0
    }

    /// A label for a row, and a sentence without its full stop.
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    fn words(&self) -> (&'static str, String) {
        match self {
            Self::Throttled { share, reasons } => ("throttled", throttled_text(*share, reasons)),
            Self::OtherGpuProcess { processes } => {
                ("shared GPU", format!("up to {processes} other processes used the GPU"))
            }
            Self::PowerLimitBelowDefault { limit_milliwatts, default_milliwatts } => {
                let [limit, default] = [*limit_milliwatts, *default_milliwatts].map(|power| f64::from(power) / 1e3);
                ("power limited", format!("the GPU's power limit is {limit:.0} W, it comes with {default:.0} W"))
            }
            Self::Mig => ("part of a GPU", "the GPU is split into instances (MIG)".to_owned()),
            Self::HostUnderLoad { other_cpu_percent: percent } => {
                ("host under load", format!("other processes used {percent:.1} % of the processors, by median"))
            }
            Self::FewerCpusThanThreads { threads, millicpus } => {
                let processors = *millicpus as f64 / 1e3;
                ("fewer CPUs than threads", format!("training had {threads} threads for {processors:.1} processors"))
            }
            Self::CpuLimited { seconds } => {
                ("CPU limited", format!("the control group stopped the processes for {seconds:.1} s"))
            }
            Self::FrequencyDrift { first_half_mhz: first, second_half_mhz: second } => (
                "clock drift",
                format!(
                    "the clock of what trained was {first:.0} MHz in the first half of the session and {second:.0} MHz in the second"
                ),
            ),
            Self::SpeedDrift { second_half_over_first: ratio } => (
                "speed drift",
                format!("a step took {ratio:.3} times as long in the second half of the session as in the first"),
            ),
            Self::SwapInUse { bytes } => {
                ("swapping", format!("{:.1} MiB of memory were swapped out", *bytes as f64 / 1_048_576.0))
            }
            Self::ClockStepped { seconds } => (
                "clock set",
                format!(
                    "the system's clock was set by {seconds:.1} s during the session; durations are not taken from it"
                ),
            ),
            Self::NoLowerBound => (
                "no lower bound",
                "the table of peaks does not list the GPU that trained, so no time of it is called impossible"
                    .to_owned(),
            ),
            Self::Resumed { times, abandoned_runs } => ("resumed", resumed_text(*times, *abandoned_runs)),
            Self::FewSamples { samples, seconds } => {
                ("no sensors", format!("the sensors said {samples} times something in {seconds:.0} s of runs"))
            }
            Self::ImpossibleCpuShare { percent } => (
                "impossible CPU share",
                format!("{percent:.1} % of the processors were busy while training, which cannot be"),
            ),
            Self::CalendarDrift { calendar_seconds, seconds } => (
                "calendar drift",
                format!("the calendar went {calendar_seconds:.1} s in {seconds:.1} s, without being set"),
            ),
            Self::UnlikelyEvaluation { evaluation_over_training: ratio } => (
                "evaluation out of proportion",
                format!("evaluation made {ratio:.2} times as many operations a second as training"),
            ),
            Self::EqualAccuracies { runs: [first, second] } => {
                ("equal accuracies", format!("runs {first} and {second} have the same accuracy after every epoch"))
            }
            Self::NeverWrong => ("never wrong", "every evaluation of every run was right about every image".to_owned()),
            Self::PriceOfOtherMachine { priced, gpus } => {
                let priced = priced.as_ref().map_or("no GPU", SafeText::as_str);
                let said =
                    format!("the price is that of a machine with {priced}, and this one has {gpus} GPUs or others");
                ("price of another machine", said)
            }
            Self::OverClass { times } => (
                "far over its class",
                format!("training made {times:.1} times as many operations a second as any other session of its class"),
            ),
            Self::SlowReference { times } => (
                "slow reference",
                format!("the paired reference took {times:.2} times as long as on the typical host of its class"),
            ),
        }
    }
}

/// A sentence without its full stop.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().1)
    }
}

fn throttled_text(share: f64, reasons: &[ThrottleReason]) -> String {
    let reasons = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("the GPU's clocks were throttled in {:.0} % of the samples: {reasons}", 100.0 * share)
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
