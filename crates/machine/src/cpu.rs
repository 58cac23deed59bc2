//! How busy the processors are, how much of it is ours, and how fast they run. From `/proc/stat` and its like (see proc(5)).

use crate::kernel::Kernel;

/// Fewest ticks of all processors for a share: a tick of 10 ms is counted for the process that runs at its end.
const FEWEST_TICKS: u64 = 10;
/// What proc(5) calls `USER_HZ`: 100 on every processor that this program is built for.
const MILLISECONDS_OF_TICK: u64 = 10;

/// Ticks of all processors since the machine started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    /// Working, or taken by the hypervisor: not available either way.
    busy: u64,
    total: u64,
}

/// A process whose use is ours.
#[derive(Debug, Clone, Copy)]
struct Watched {
    pid: u32,
    /// When it started, since a later process may have the same number.
    started: u64,
}

/// Shares of all processors since the last sample, in percent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shares {
    /// Busy share.
    pub(super) busy: f64,
    /// The part of it that is not ours.
    pub(super) other: Result<f64, String>,
}

/// The use of the processors since the last sample.
#[derive(Debug)]
pub(super) struct Usage {
    watched: Vec<Watched>,
    last: Option<Ticks>,
    last_own: Option<u64>,
}

impl Usage {
    /// Starts to count.
    pub(super) fn open(kernel: &Kernel) -> Self {
        let mut usage = Self { watched: Vec::new(), last: None, last_own: None };
        usage.last = ticks(kernel).ok();
        usage.last_own = usage.own(kernel).ok();
        usage
    }

    /// Counts what a process uses as ours, with what it used before: it is taken to be new.
    pub(super) fn watch(&mut self, kernel: &Kernel, pid: u32) {
        if self.watched.iter().any(|watched| watched.pid == pid) {
            return;
        }
        if let Ok((started, _)) = process(kernel, &format!("proc/{pid}/stat")) {
            self.watched.push(Watched { pid, started });
        }
    }

    /// The watched processes that have not ended.
    pub(super) fn watched(&self) -> impl Iterator<Item = u32> + '_ {
        self.watched.iter().map(|watched| watched.pid)
    }

    /// The shares since the last sample that had any.
    pub(super) fn sample(&mut self, kernel: &Kernel) -> Result<Shares, String> {
        let now = ticks(kernel)?;
        let last = *self.last.get_or_insert(now);
        let total = now.total.saturating_sub(last.total);
        if total < FEWEST_TICKS {
            return Err("too little time since the last sample".to_owned());
        }
        let busy = now.busy.saturating_sub(last.busy).min(total);
        self.last = Some(now);
        let other = self.own_since(kernel).map(|own| percent(busy.saturating_sub(own), total));
        Ok(Shares { busy: percent(busy, total), other })
    }

    /// Milliseconds of processors that this process, its ended children and those watched have used, as of the last sample
    /// that had any. The kernel counts them, whatever a clock in this process says.
    pub(super) fn own_milliseconds(&self) -> Result<u64, String> {
        let ticks = self.last_own.ok_or("what this process used is not known")?;
        Ok(ticks.saturating_mul(MILLISECONDS_OF_TICK))
    }

    /// Ticks that were ours since the last sample.
    fn own_since(&mut self, kernel: &Kernel) -> Result<u64, String> {
        let now = self.own(kernel);
        let last = std::mem::replace(&mut self.last_own, now.as_ref().ok().copied());
        let last = last.ok_or("what this process used before is not known")?;
        now.map(|now| now.saturating_sub(last))
    }

    /// Ticks of this process, of its ended children and of those watched. A watched child that ends moves from the last to
    /// the second, so the sum does not jump.
    fn own(&mut self, kernel: &Kernel) -> Result<u64, String> {
        let (_, mut sum) = process(kernel, "proc/self/stat")?;
        self.watched.retain(|watched| match process(kernel, &format!("proc/{}/stat", watched.pid)) {
            Ok((started, used)) if started == watched.started => {
                sum += used;
                true
            }
            _ => false,
        });
        Ok(sum)
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^52 ticks are more than a million years")]
fn percent(part: u64, total: u64) -> f64 {
    (1000.0 * part as f64 / total as f64).round() / 10.0
}

fn ticks(kernel: &Kernel) -> Result<Ticks, String> {
    let text = kernel.text("proc/stat")?;
    parse_ticks(&text).ok_or_else(|| "/proc/stat does not begin with the ticks of all processors".to_owned())
}

/// User, nice, system, idle, wait for input, interrupts, soft interrupts, stolen. The time of guests is part of the first two.
fn parse_ticks(text: &str) -> Option<Ticks> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line.split_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
    let idle = fields.get(3)? + fields.get(4).unwrap_or(&0);
    let total: u64 = fields.iter().sum();
    Some(Ticks { busy: total - idle, total })
}

/// When a process started, and the ticks that it and its ended children used.
fn process(kernel: &Kernel, path: &str) -> Result<(u64, u64), String> {
    let text = kernel.text(path)?;
    parse_process(&text).ok_or_else(|| format!("/{path} is not of the form that proc(5) tells of"))
}

/// Fields 14 to 17 and 22. The name before them may contain any character, even `)`.
fn parse_process(text: &str) -> Option<(u64, u64)> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some((field(22)?, field(14)? + field(15)? + field(16)? + field(17)?))
}

/// Where the frequency of the processors is read.
#[derive(Debug)]
pub(super) struct Frequency {
    /// A file for each processor that says; empty where the driver says nothing.
    files: Vec<String>,
}

impl Frequency {
    /// Looks once which processors say.
    pub(super) fn open(kernel: &Kernel) -> Self {
        let folder = "sys/devices/system/cpu";
        let names = kernel.names(folder).unwrap_or_default();
        let file = |name: &String| format!("{folder}/{name}/cpufreq/scaling_cur_freq");
        let files = names.iter().filter(|name| is_numbered(name)).map(file);
        Self { files: files.filter(|file| kernel.number(file).is_ok()).collect() }
    }

    /// Mean of all processors in MHz.
    pub(super) fn sample(&self, kernel: &Kernel) -> Result<u32, String> {
        let found: Vec<f64> = if self.files.is_empty() {
            let text = kernel.text("proc/cpuinfo")?;
            text.lines().filter_map(megahertz).collect()
        } else {
            self.files.iter().filter_map(|file| kilohertz(kernel, file)).collect()
        };
        mean(&found).ok_or_else(|| "the kernel tells no frequency".to_owned())
    }
}

fn is_numbered(name: &str) -> bool {
    let digits = name.strip_prefix("cpu").unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn megahertz(line: &str) -> Option<f64> {
    let (_, value) = line.strip_prefix("cpu MHz")?.split_once(':')?;
    value.trim().parse().ok().filter(|value: &f64| *value > 0.0)
}

fn kilohertz(kernel: &Kernel, file: &str) -> Option<f64> {
    let value = u32::try_from(kernel.number(file).ok()?).ok()?;
    (value > 0).then(|| f64::from(value) / 1e3)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive number of MHz; a cast keeps it within the type"
)]
fn mean(values: &[f64]) -> Option<u32> {
    (!values.is_empty()).then(|| (values.iter().sum::<f64>() / values.len() as f64).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::MadeKernel;

    fn stat(busy: u64, idle: u64, stolen: u64) -> String {
        format!("cpu  {busy} 0 0 {idle} 0 0 0 {stolen} 0 0\ncpu0 1 2 3\n")
    }

    fn process(own: u64, children: u64, started: u64) -> String {
        format!("7 (a) b (c) S 1 1 1 0 -1 0 0 0 0 0 {own} 0 {children} 0 20 0 1 0 {started} 0 0")
    }

    fn shares(made: &MadeKernel, usage: &mut Usage) -> (f64, f64) {
        let shares = usage.sample(&made.kernel).expect("known");
        (shares.busy, shares.other.expect("known"))
    }

    #[test]
    fn what_is_neither_ours_nor_idle_is_others() {
        let made = MadeKernel::new(&[("proc/stat", &stat(0, 0, 0)), ("proc/self/stat", &process(0, 0, 1))]);
        let mut usage = Usage::open(&made.kernel);
        made.set("proc/stat", &stat(100, 290, 10));
        made.set("proc/self/stat", &process(20, 0, 1));
        made.set("proc/9/stat", &process(60, 0, 50));
        usage.watch(&made.kernel, 9);
        assert_eq!(shares(&made, &mut usage), (27.5, 7.5));
        assert_eq!(usage.own_milliseconds(), Ok(800));
    }

    /// A machine at its start with a trainer, process 9, that is watched.
    fn with_a_trainer() -> (MadeKernel, Usage) {
        let files =
            [("proc/stat", stat(0, 0, 0)), ("proc/self/stat", process(0, 0, 1)), ("proc/9/stat", process(0, 0, 5))];
        let made = MadeKernel::new(&files.each_ref().map(|(path, text)| (*path, text.as_str())));
        let mut usage = Usage::open(&made.kernel);
        usage.watch(&made.kernel, 9);
        (made, usage)
    }

    #[test]
    fn a_trainer_that_ends_becomes_ours_in_another_way() {
        let (made, mut usage) = with_a_trainer();
        made.set("proc/stat", &stat(100, 100, 0));
        made.set("proc/9/stat", &process(90, 0, 5));
        assert_eq!(shares(&made, &mut usage), (50.0, 5.0));
        made.set("proc/stat", &stat(200, 200, 0));
        made.set("proc/self/stat", &process(0, 180, 1));
        made.remove("proc/9/stat");
        assert_eq!(shares(&made, &mut usage), (50.0, 5.0));
    }

    #[test]
    fn a_later_process_of_the_same_number_is_not_ours() {
        let (made, mut usage) = with_a_trainer();
        made.set("proc/stat", &stat(100, 100, 0));
        made.set("proc/9/stat", &process(100, 0, 6));
        assert_eq!(shares(&made, &mut usage), (50.0, 50.0));
    }

    #[test]
    fn a_share_of_no_time_is_unknown_and_its_time_counts_for_the_next() {
        let made = MadeKernel::new(&[("proc/stat", &stat(0, 0, 0)), ("proc/self/stat", &process(0, 0, 1))]);
        let mut usage = Usage::open(&made.kernel);
        made.set("proc/stat", &stat(9, 0, 0));
        assert!(usage.sample(&made.kernel).unwrap_err().contains("too little time"));
        made.set("proc/stat", &stat(9, 9, 0));
        assert_eq!(shares(&made, &mut usage), (50.0, 50.0));
    }

    #[test]
    fn without_our_own_use_the_others_are_unknown() {
        let made = MadeKernel::new(&[("proc/stat", &stat(0, 0, 0))]);
        let mut usage = Usage::open(&made.kernel);
        made.set("proc/stat", &stat(50, 50, 0));
        let shares = usage.sample(&made.kernel).expect("known");
        assert_eq!((shares.busy, shares.other.is_err()), (50.0, true));
        assert!(usage.own_milliseconds().is_err());
        made.set("proc/stat", "intr 1\n");
        assert!(usage.sample(&made.kernel).is_err());
    }

    #[test]
    fn frequency_is_of_all_processors_and_never_zero() {
        let made = MadeKernel::new(&[("proc/cpuinfo", "cpu MHz\t\t: 2000.5\ncpu MHz\t\t: 3000.1\n")]);
        assert_eq!(Frequency::open(&made.kernel).sample(&made.kernel), Ok(2500));
        made.set("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1000000\n");
        made.set("sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "1400000\n");
        made.set("sys/devices/system/cpu/cpufreq/boost", "1\n");
        assert_eq!(Frequency::open(&made.kernel).sample(&made.kernel), Ok(1200));
        let silent = MadeKernel::new(&[("proc/cpuinfo", "cpu MHz : 0\n")]);
        assert!(Frequency::open(&silent.kernel).sample(&silent.kernel).is_err());
    }
}
