//! What numbers and texts of a run log may be. The session asks before it writes, and whoever reads the log asks the same.

use std::fmt::Display;

use crate::run_log::event::SessionStart;
use crate::run_log::line::LOG_SCHEMA;
use crate::run_log::log::TimedSample;
use hlb_core::rules::{
    MAX_DATASET_SECONDS, MAX_EPOCHS, MAX_LOSS, MAX_MATMUL_TERA, MAX_REASONS, MAX_RUNS, MAX_SAMPLES, MAX_SESSION_DAYS,
};
use hlb_core::text::{SafeText, show};
use hlb_machine::Sample;

/// Most characters of a reason or name: as many as [`show`] lets through.
const TEXT: usize = 240;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// The problem is made into text only if there is one.
pub(super) fn expect(good: bool, problem: impl Display) -> Result<(), String> {
    if good { Ok(()) } else { Err(problem.to_string()) }
}

/// A duration: a finite number that is not negative.
pub(super) fn positive(name: &str, value: f64) -> Result<(), String> {
    expect(value.is_finite() && value >= 0.0, format_args!("`{name}` is {value}"))
}

/// Seconds from the start of a process until it trains.
pub fn dataset_seconds(value: f64) -> Result<(), String> {
    positive("dataset_seconds", value)?;
    expect(value <= MAX_DATASET_SECONDS, format_args!("`dataset_seconds` is {value}, over {MAX_DATASET_SECONDS}"))
}

/// Seconds since the session started.
pub(super) fn at_seconds(value: f64) -> Result<(), String> {
    positive("at_seconds", value)?;
    let days = f64::from(MAX_SESSION_DAYS);
    expect(value <= days * SECONDS_PER_DAY, format_args!("the session lasts more than {days} days"))
}

/// Threads of libtorch.
pub fn threads(count: u32) -> Result<(), String> {
    hlb_machine::range::threads(count).map_err(|error| error.to_string())
}

/// Tera-operations a second of products of matrices.
pub fn matmul_tera(rate: f64) -> Result<(), String> {
    let possible = rate > 0.0 && rate <= MAX_MATMUL_TERA;
    expect(possible, format_args!("products of matrices at {rate} tera-operations a second"))
}

/// Mean training loss of an epoch; one that is not in range counts as diverged.
pub fn loss(value: f64) -> Result<(), String> {
    // Also false where the loss is not a number.
    expect((0.0..=MAX_LOSS).contains(&value), format_args!("the loss is {value}"))
}

/// A reason or a name.
pub(super) fn text(name: &str, text: &str) -> Result<(), String> {
    let read: Result<SafeText<TEXT>, _> = text.parse();
    read.map(drop).map_err(|error| format!("`{name}` is `{}`: {error}", show(text)))
}

/// What a run log holds of the sensors. Both are bounded, so that reading a log takes little more memory than its file.
#[derive(Debug, Clone, Copy, Default)]
pub struct SensorCount {
    samples: usize,
    reasons: usize,
}

impl SensorCount {
    /// That of the samples in a log.
    pub fn of(samples: &[TimedSample]) -> Self {
        let reasons = samples.iter().map(|timed| timed.sample.unknown.len()).sum();
        Self { samples: samples.len(), reasons }
    }

    /// Counts one more, if the log may hold it.
    pub(super) fn add(&mut self, sample: &Sample) -> Result<(), String> {
        sample.check().map_err(|error| error.to_string())?;
        (self.samples, self.reasons) = (self.samples + 1, self.reasons + sample.unknown.len());
        expect(self.samples <= MAX_SAMPLES, format_args!("more than {MAX_SAMPLES} samples"))?;
        expect(self.reasons <= MAX_REASONS, format_args!("more than {MAX_REASONS} reasons for unknown readings"))
    }

    /// The sample as the log may hold it, which is counted; `None` if it holds enough of them.
    pub fn fit(&mut self, sample: Sample) -> Option<Sample> {
        let mut sample = sample.bounded();
        if self.reasons + sample.unknown.len() > MAX_REASONS {
            sample.unknown.clear();
        }
        let fits = self.samples < MAX_SAMPLES && self.add(&sample).is_ok();
        fits.then_some(sample)
    }
}

/// What a session sets out to do.
pub fn start(start: &SessionStart) -> Result<(), String> {
    expect(start.schema == LOG_SCHEMA, format_args!("the schema is not `{LOG_SCHEMA}`"))?;
    expect((1..=MAX_RUNS).contains(&start.runs), format_args!("{} runs, 1 to {MAX_RUNS} are possible", start.runs))?;
    let lengths = [Some(start.recipe), start.reference];
    let epochs = lengths.iter().flatten().fold(0_u32, |sum, length| sum.saturating_add(length.epochs));
    expect(
        epochs.saturating_mul(start.runs) <= MAX_EPOCHS,
        format_args!("{} runs of {epochs} epochs are more than {MAX_EPOCHS}", start.runs),
    )?;
    let follows = start.announced.as_ref().is_none_or(|announced| announced.nonce() == start.nonce);
    expect(follows, "the nonce does not follow from the announcement and its commit")?;
    let two_programs = start.program_sha256 != start.trainer_sha256;
    expect(two_programs, "`program_sha256` and `trainer_sha256` are the same, but they are two programs")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use hlb_machine::HostSample;

    #[test]
    fn a_loss_is_a_number_of_some_size() {
        for good in [0.0, -0.0, 2.3, 1e6] {
            assert!(loss(good).is_ok(), "{good}");
        }
        for bad in [-5.0, -1e-300, 1e6 + 1.0, 1e300, f64::INFINITY, f64::NAN] {
            assert!(loss(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_session_lasts_years_and_no_data_set_takes_days() {
        assert!(at_seconds(60.0 * 86_400.0).is_ok());
        assert!(at_seconds(10.0 * 365.0 * 86_400.0).is_err());
        for bad in [1e9, 86_400.5, -1.0, f64::NAN] {
            assert!(dataset_seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_was_made_to_fit_is_what_a_reader_takes() {
        let unknown = (0..10).map(|index| (format!("gpus[{index}]"), "lost".to_owned())).collect();
        let sample = Sample { host: HostSample::default(), gpus: Vec::new(), unknown };
        let without = Sample { unknown: BTreeMap::new(), ..sample.clone() };
        let (mut writer, mut reader) = (SensorCount::default(), SensorCount::default());
        let mut kept = 0;
        for index in 0..MAX_SAMPLES + 10 {
            let next = if index < MAX_REASONS / 10 + 10 { &sample } else { &without };
            let fitted = writer.fit(next.clone());
            kept += usize::from(fitted.is_some());
            assert!(fitted.is_none_or(|fitted| reader.add(&fitted).is_ok()));
        }
        assert_eq!((kept, writer.reasons), (MAX_SAMPLES, MAX_REASONS));
        assert!(reader.add(&without).is_err());
    }

    #[test]
    fn a_reason_is_a_line_that_can_be_shown() {
        assert!(text("reason", "completed").is_ok());
        for bad in ["", "a\nb", "\u{202e}", &"x".repeat(241)] {
            assert!(text("reason", bad).is_err(), "{bad:?}");
        }
    }
}
