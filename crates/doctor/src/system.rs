//! Processors, load, clocks and what is set around this program.

use hlb_core::clock::MonotonicClock;
use hlb_core::hint::Hint as _;
use hlb_core::rules::{CLOCK_STEP_SECONDS, OTHER_CPU_PERCENT};
use hlb_machine::{Host, HostSample};
use hlb_session::check_environment;

use crate::finding::Finding;

/// Whether anything outside of the programs would change what they measure.
pub(crate) fn environment() -> Finding {
    match check_environment() {
        Ok(()) => Finding::good("environment", "nothing changes clocks or arithmetic"),
        Err(error) => {
            let next = error.hint().unwrap_or_else(|| "measure on a machine without it".to_owned());
            Finding::wrong("environment", error.to_string(), next)
        }
    }
}

/// Whether training gets as many processors as it has threads.
pub(crate) fn processors(host: &Host, threads: u32) -> Finding {
    let limit = host.cpu_limit_millicpus.filter(|limit| *limit < u64::from(host.logical_cpus) * 1000);
    let name = host.class();
    let Some(limit) = limit else { return Finding::good("processors", name) };
    let (whole, rest) = (limit / 1000, limit % 1000);
    let value = format!("{name}, of which the control group allows {whole}.{rest:03}");
    if limit < u64::from(threads) * 1000 {
        let next = format!("run with `--threads {}`, or raise the limit", whole.max(1));
        return Finding::note("processors", value, next).bound(format!("{threads} threads train by default"));
    }
    Finding::good("processors", value)
}

/// What other programs do, by two samples a while apart.
pub(crate) fn load(later: &HostSample) -> Vec<Finding> {
    let others = later.other_cpu_percent.map(|percent| {
        let value = format!("{percent:.1} % of the processors are used by others");
        let finding = if percent > OTHER_CPU_PERCENT {
            Finding::note("load", value, "end other programs: a row under load bears a warning")
        } else {
            Finding::good("load", value)
        };
        finding.bound(format!("{OTHER_CPU_PERCENT} % at most"))
    });
    let frequency = later.frequency_mhz.map(|mhz| Finding::good("frequency", format!("{mhz} MHz")));
    let swap = later.swap_used_bytes.map(|bytes| match bytes >> 20 {
        0 => Finding::good("swap", "none is used"),
        mebibytes => {
            Finding::note("swap", format!("{mebibytes} MiB are swapped out"), "free memory, or run `swapoff -a`")
        }
    });
    others.into_iter().chain(frequency).chain(swap).collect()
}

/// Whether calendar and clocks went as far as the monotonic clock did: `calendar` seconds in `passed` seconds.
pub(crate) fn clocks(clock: &MonotonicClock, calendar: f64, passed: f64) -> Finding {
    let ahead = clock.library_ahead_seconds();
    let step = calendar - passed;
    let value =
        format!("the calendar went {calendar:.3} s in {passed:.3} s, the C library's clock {:.3} s", passed + ahead);
    let finding = if ahead.abs() > CLOCK_STEP_SECONDS {
        Finding::wrong("clocks", value, "something replaces the C library's clock: measure on a machine without it")
    } else if step.abs() > CLOCK_STEP_SECONDS {
        Finding::note("clocks", value, "the clock was set: let it settle, as `timedatectl` shows")
    } else {
        Finding::good("clocks", value)
    };
    finding.bound(format!("{CLOCK_STEP_SECONDS} s apart at most"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;
    use hlb_machine::Machine;

    #[test]
    fn a_limit_below_the_threads_is_worth_a_note() {
        let mut host = Machine::read().host;
        (host.logical_cpus, host.cpu_limit_millicpus) = (8, Some(1500));
        let found = processors(&host, 8);
        assert_eq!(found.verdict, Verdict::Note);
        assert!(found.value.ends_with("allows 1.500") && found.next.is_some_and(|next| next.contains("--threads 1")));
        assert_eq!(processors(&host, 1).verdict, Verdict::Good);
        host.cpu_limit_millicpus = None;
        assert_eq!(processors(&host, 8).verdict, Verdict::Good);
    }

    #[test]
    fn load_and_swap_are_worth_a_note() {
        let verdicts = |sample: HostSample| load(&sample).iter().map(|finding| finding.verdict).collect::<Vec<_>>();
        let sample = |other, swap| HostSample {
            other_cpu_percent: Some(other),
            swap_used_bytes: Some(swap),
            ..HostSample::default()
        };
        assert_eq!(verdicts(sample(1.0, 0)), [Verdict::Good, Verdict::Good]);
        assert_eq!(verdicts(sample(50.0, 1 << 30)), [Verdict::Note, Verdict::Note]);
    }

    #[test]
    fn a_calendar_that_jumps_is_worth_a_note() {
        let clock = MonotonicClock::start();
        assert_eq!(clocks(&clock, 1.0, 1.001).verdict, Verdict::Good);
        assert_eq!(clocks(&clock, 3600.0, 1.0).verdict, Verdict::Note);
    }
}
