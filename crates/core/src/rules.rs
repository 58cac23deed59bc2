//! Every threshold of the rules of measurement and of the board, once. The rules of measurement quote each by its name,
//! and a test compares the two.

/// Version of the rules that this program measures by; results compare only within one version.
pub const RULES_VERSION: &str = "2.0";
/// Version before it: its results are verified and shown, but no longer ranked.
pub const RULES_BEFORE: &str = "1.0";

/// Runs of a session unless another number is asked for.
pub const DEFAULT_RUNS: u32 = 5;
/// Runs that a session may have of each recipe.
pub const MAX_RUNS: u32 = 500;
/// Runs that a study may have of each variant.
pub const MAX_STUDY_RUNS: u32 = 1000;
/// Epochs that a session may have in all its runs, so that its run log can be read back.
pub const MAX_EPOCHS: u32 = 60_000;

/// Processors that a machine may state, and threads that training may have.
pub const MAX_CPUS: u32 = 4096;
/// GPUs that a machine may state.
pub const MAX_GPUS: u32 = 64;
/// Memory in bytes that a processor or a GPU has at least ...
pub const MIN_MEMORY_BYTES: u64 = 67_108_864;
/// ... and at most.
pub const MAX_MEMORY_BYTES: u64 = 281_474_976_710_656;
/// Mean loss of an epoch over which a run counts as diverged.
pub const MAX_LOSS: f64 = 1e6;
/// Tera-operations a second that a device may state of products of matrices.
pub const MAX_MATMUL_TERA: f64 = 1e5;
/// Days that a session may last, without the time between its processes.
pub const MAX_SESSION_DAYS: u32 = 60;
/// Seconds from the start of a process until it trains, at most.
pub const MAX_DATASET_SECONDS: f64 = 86_400.0;
/// Times that a session may be resumed.
pub const MAX_RESUMES: usize = 100;
/// Samples of the sensors that a run log may hold; those of 60 days in one process are fewer.
pub const MAX_SAMPLES: usize = 50_000;
/// Reasons for unknown readings that a run log may hold.
pub const MAX_REASONS: usize = 20_000;

/// p-value under which two rows, two mean accuracies, or a mean accuracy and the target are significantly different.
pub const SIGNIFICANCE: f64 = 0.01;
/// Deviation between the hosts of a hardware class of the logarithm of one recipe's time, assumed while few are known ...
pub const HOST_SPREAD_PRIOR: f64 = 0.012;
/// ... and the degrees of freedom that the assumption weighs as much as.
pub const HOST_SPREAD_PRIOR_DEGREES: f64 = 4.0;
/// Share of that deviation that is left in ratios to the paired reference ...
pub const HOST_SHARE_IN_RATIOS: f64 = 0.08;
/// ... and the degrees of freedom that it is taken as known with.
pub const HOST_SHARE_IN_RATIOS_DEGREES: f64 = 10.0;
/// Statistical power that runs are planned for: the chance of finding a true gain significant.
pub const WANTED_POWER: f64 = 0.9;

/// Share of the runs that reach the target in a ranked row.
pub const REACHED_SHARE: f64 = 0.9;
/// Runs that were started again, as a share of the runs of their recipe, over which a row is not ranked.
pub const RESTARTED_SHARE: f64 = 0.1;
/// Times that one run may be started again in a ranked row.
pub const MAX_RESTARTS: usize = 1;
/// The day of these rules: no session is older.
pub const RULES_FIRST_DAY: &str = "2026-11-22";
/// Days by which a session may start in the future: clocks may be wrong.
pub const MAX_DAYS_AHEAD: i64 = 1;

/// Seconds by which the calendar of the sensors may differ from the session's own.
pub const CALENDAR_TOLERANCE_SECONDS: i64 = 60;
/// Epochs from which on the accuracies of a run are its own: no other run counts the same after each.
pub const MIN_CURVE_EPOCHS: usize = 4;

/// Seconds that the C library's clock may differ by from the kernel's, and the clocks of the two programs on any run, since
/// a line can arrive late ...
pub const CLOCK_TOLERANCE_SECONDS: f64 = 0.05;
/// ... plus this share of the run, since clocks tick differently by a little.
pub const CLOCK_TOLERANCE_SHARE: f64 = 0.005;
/// Seconds by which the seconds booked to a run may exceed those that passed until a line arrived ...
pub const BOOKED_TOLERANCE_SECONDS: f64 = 1.0;
/// ... plus this share of those that passed. No clock error explains more.
pub const BOOKED_TOLERANCE_SHARE: f64 = 0.05;
/// Day of a session from which on its log has to hold the C library's clock next to the kernel's.
pub const TWO_CLOCKS_SINCE: &str = "2026-12-01";
/// Threads that a session can keep busy besides those of training ...
pub const OTHER_THREADS: u32 = 2;
/// ... and seconds of processor time over what all of them could have used, since samples and ticks are coarse. More is
/// impossible.
pub const CPU_TOLERANCE_SECONDS: f64 = 2.0;
/// Relative difference up to which a figure counts as computed again: machines round logarithms differently.
pub const FIGURE_TOLERANCE: f64 = 1e-11;

/// Runs from which on drift is stated.
pub const MIN_DRIFT_RUNS: usize = 4;
/// Change of the seconds per step between the halves of a session, as a share, over which it earns a warning.
pub const SPEED_DRIFT_SHARE: f64 = 0.02;
/// Change of the clock of what trained between the halves of a session, as a share, over which it earns a warning.
pub const FREQUENCY_DRIFT_SHARE: f64 = 0.03;
/// Share of the samples with throttled clocks over which a session earns a warning.
pub const THROTTLED_SHARE: f64 = 0.05;
/// Percent of all processors used by other programs, by median, over which a session earns a warning.
pub const OTHER_CPU_PERCENT: f64 = 5.0;
/// Share of the time that a control group stopped the processes over which a session earns a warning.
pub const CPU_LIMITED_SHARE: f64 = 0.005;
/// Seconds that calendar and monotonic clock differ by between two samples over which a session earns a warning.
pub const CLOCK_STEP_SECONDS: f64 = 0.5;
/// Share of the time that the calendar went too fast or too slow, without being set, over which a session earns a warning.
pub const CALENDAR_DRIFT_SHARE: f64 = 0.01;
/// Intervals of the sensors for each sample during a run, over which a session earns a warning.
pub const SILENT_INTERVALS: f64 = 3.0;
/// Percent of all processors that no sample can exceed, with room for rounding.
pub const MAX_CPU_PERCENT: f64 = 101.0;
/// Share of one processor, by median, under which nothing can have trained on processors.
pub const IDLE_CPU_SHARE: f64 = 0.25;
/// Samples from which on that is judged.
pub const MIN_CPU_SAMPLES: usize = 10;
/// Factor between the rates of operations of training and evaluation over which a session earns a warning.
pub const EVALUATION_FACTOR: f64 = 4.0;
/// Seconds that both have to take for that, evaluation at the rate of training.
pub const MIN_EVALUATION_SECONDS: f64 = 5.0;
/// Factor over the best rate of operations of all other sessions of a hardware class on a track, for a warning.
pub const CLASS_RATE_FACTOR: f64 = 3.0;

/// Factor that the times of a session and its reproduction may differ by.
pub const REPRODUCTION_TIME_FACTOR: f64 = 1.05;
/// Factor to either side over which the interval of their ratio is too wide to tell.
pub const REPRODUCTION_INTERVAL_FACTOR: f64 = 1.25;

/// Any known algorithm needs at least one in this many multiplications of a 3x3 convolution.
///
/// Winograd's F(4x4, 3x3) makes 16 outputs with 36 multiplications instead of 144 (Lavin and Gray, 2015,
/// arXiv:1509.09308), and as many for either gradient. Libraries for training go no further, since larger tiles lose
/// too much precision. F(6x6, 3x3), known from inference, would have to keep up nine tenths of a device's peak, with
/// its transforms for nothing, to be faster than this at that peak.
pub const CONVOLUTION_SAVING: u64 = 4;
/// Single-precision operations that a core is granted in one cycle.
///
/// Two units of 512 bits that multiply and add do 64. Twice that is granted, so that no core known today comes near.
pub const CPU_FLOP_PER_CYCLE: f64 = 128.0;
/// The same of bfloat16 numbers.
///
/// Intel's AMX does 1,024 (16 by 16 sums of 32 products in 16 cycles); twice that is granted.
pub const CPU_BF16_FLOP_PER_CYCLE: f64 = 2048.0;
/// Cycles a second that a core is granted: over the boost clock of any server.
pub const CPU_HERTZ: f64 = 6e9;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    /// A number as it stands in code or in prose, and a text without its quotes.
    fn plain(value: &str) -> String {
        value.replace(['_', ',', '"'], "")
    }

    /// The constants above, by the lines that define them.
    fn constants() -> BTreeMap<String, String> {
        let definition = |line: &'static str| {
            let (name, rest) = line.strip_prefix("pub const ")?.split_once(": ")?;
            let (_, value) = rest.strip_suffix(';')?.split_once(" = ")?;
            Some((name.to_owned(), plain(value)))
        };
        include_str!("rules.rs").lines().filter_map(definition).collect()
    }

    /// The rows `| `NAME` | value | meaning |` of the rules of measurement.
    fn quoted() -> BTreeMap<String, String> {
        let text = include_str!("../../../docs/reference/rules.md");
        let row = |line: &str| {
            let mut cells = line.strip_prefix("| `")?.split(" | ");
            let name = cells.next()?.strip_suffix('`')?;
            let is_constant =
                name.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_');
            is_constant.then_some((name.to_owned(), plain(cells.next()?)))
        };
        text.lines().filter_map(row).collect()
    }

    #[test]
    fn the_rules_quote_every_threshold_with_its_value() {
        assert!(constants().len() > 20);
        assert_eq!(quoted(), constants());
    }
}
