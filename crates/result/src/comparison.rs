//! Which of two sessions is faster, and how certain that is.

use serde::Serialize;

use crate::derive::{RunFigures, times};
use crate::entry::{Entry, Trust};
use crate::relative::{Hosts, Samples, TimeRatio};
use hlb_core::hint::Hint;
use hlb_core::rules::{CLOCK_TOLERANCE_SHARE, MAX_RUNS, SIGNIFICANCE, WANTED_POWER};
use hlb_core::stats::{Estimate, Interval, p_means_differ, rounded_up_p, wilcoxon};
use hlb_core::text::visible_path;
use hlb_core::tree::Change;
use hlb_core::units::human_percent;
use hlb_recipe::variant;

/// Two sessions that cannot be compared.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ComparisonError {
    #[error("A is for track `{a}` and B for track `{b}`; only sessions on one track compare")]
    Tracks { a: String, b: String },
    #[error("A and B are one and the same session; name two")]
    SameSession,
    #[error("A ran on {a} and B on {b}, so not on one host; leave out --same-host")]
    TwoHosts { a: String, b: String },
}

impl Hint for ComparisonError {}

/// What two sessions say about their recipes. Programs read its JSON.
#[derive(Debug, Serialize)]
pub struct Comparison {
    track: String,
    /// Which session is faster, if either.
    pub verdict: Conclusion,
    /// The figures that the verdict rests on.
    verdict_from: TimeBasis,
    /// The verdict and what it rests on.
    pub sentence: String,
    /// The gain as seen: the share of the slower one's time that the faster one saves.
    gain_seen: Option<f64>,
    /// Runs of each that show such a gain with the wanted chance; only where the times are not significantly
    /// different.
    runs_needed: Option<u32>,
    same_hardware_class: bool,
    /// Which figures to trust, and why.
    pub trust: String,
    /// Time-to-accuracy of B over that of A.
    pub times: TimeRatio,
    /// The same of the times relative to the paired reference of each; `null` unless both have one.
    pub calibrated: Option<TimeRatio>,
    /// Seconds of one optimizer step of B over one of A; `null` where batch size or hardware
    /// differ.
    pub seconds_per_step: Option<TimeRatio>,
    /// Two-sided p-value (Welch) of the mean final accuracies being the same; `null` where a run
    /// has none.
    pub p_same_final_accuracy: Option<f64>,
    /// The session that was named first.
    pub a: ComparedSession,
    /// The session that was named second.
    pub b: ComparedSession,
    /// Keys in which the recipes differ, from A to B.
    pub recipe_differences: Vec<Change>,
    /// What a reader should know first.
    pub remarks: Vec<String>,
}

/// What follows from the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// A is significantly faster.
    AIsFaster,
    /// B is significantly faster.
    BIsFaster,
    /// The times are not significantly different.
    #[serde(rename = "not_told_apart")]
    NotSignificant,
    /// The times are not comparable.
    CannotSay,
}

/// The times that a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum TimeBasis {
    Times,
    CalibratedTimes,
    Neither,
}

/// One of the two sessions.
#[derive(Debug, Serialize)]
pub struct ComparedSession {
    folder: String,
    /// Name of its variant.
    pub name: String,
    /// How far the entry is trusted.
    pub trust: Trust,
    /// Who signed it.
    pub principal: Option<String>,
    /// Class of its hardware.
    pub hardware_class: String,
    /// Runs of the variant.
    pub runs: u32,
    /// Runs that reached the target.
    pub reached: u32,
    /// Median time-to-accuracy.
    pub median_seconds: Option<f64>,
    /// 95 % bootstrap interval of that median.
    pub median_interval_seconds: Interval,
    /// Mean accuracy after training; `null` where a run has none.
    pub mean_final_accuracy_percent: Option<f64>,
    /// Its variant against its paired reference, if it has one.
    pub calibration: Option<PairedReference>,
}

/// A session's variant against its paired reference. Only such runs are pairs: those of two
/// sessions are not.
#[derive(Debug, Serialize)]
pub struct PairedReference {
    /// Time-to-accuracy over that of the reference.
    pub time_ratio: Option<Estimate>,
    /// Seconds of an optimizer step over those of the reference.
    pub step_ratio: Option<Estimate>,
    /// Two-sided p-value (Wilcoxon) of the variant being as fast as the reference, rounded up to
    /// four decimals.
    pub p_same_time_paired: Option<f64>,
}

impl Comparison {
    /// Compares two sessions on one track; whoever knows that both ran on one host can say so, and then the times themselves decide.
    pub fn new(a: &Entry, b: &Entry, on_one_host: bool) -> Result<Self, ComparisonError> {
        check_comparable(a, b, on_one_host)?;
        let (class_a, class_b) = (a.result.class(), b.result.class());
        let same_hardware_class = class_a == class_b;
        let hosts = if on_one_host { Hosts::One } else { Hosts::Times };
        let times = Samples::new(a.result.times(), b.result.times(), hosts);
        let ratios = Samples::of_ratios(&a.result, &b.result);
        let (verdict_from, samples) = match &ratios {
            Some(ratios) if !on_one_host => (TimeBasis::CalibratedTimes, Some(ratios)),
            _ if same_hardware_class => (TimeBasis::Times, Some(&times)),
            _ => (TimeBasis::Neither, None),
        };
        let verdict = samples.map_or(Conclusion::CannotSay, conclusion);
        let gain = samples.and_then(Samples::gain);
        let unsure = samples.filter(|_| gain.is_some() && verdict == Conclusion::NotSignificant);
        let mut comparison = Self {
            track: a.result.track.to_string(),
            verdict,
            verdict_from,
            sentence: String::new(),
            gain_seen: gain,
            runs_needed: unsure.and_then(Samples::runs_needed),
            same_hardware_class,
            trust: trust(verdict_from, on_one_host, (&class_a, &class_b)),
            times: times.ratio(),
            calibrated: ratios.as_ref().map(Samples::ratio),
            seconds_per_step: same_hardware_class.then(|| seconds_per_step(a, b, hosts)).flatten(),
            p_same_final_accuracy: p_same_final_accuracy(a, b),
            a: ComparedSession::new(a),
            b: ComparedSession::new(b),
            recipe_differences: variant::differences(&a.recipe, &b.recipe),
            remarks: remarks(a, b),
        };
        comparison.sentence = comparison.verdict_sentence();
        Ok(comparison)
    }

    fn verdict_sentence(&self) -> String {
        let ratio = if self.verdict_from == TimeBasis::CalibratedTimes { self.calibrated } else { Some(self.times) };
        let p = ratio.and_then(|ratio| ratio.p_same).map_or_else(|| "p unknown".to_owned(), |p| format!("p = {p:.4}"));
        let faster = |faster: &str, slower: &str| {
            let gain = self.gain_seen.map_or_else(String::new, |gain| format!(" by {}", human_percent(gain)));
            format!("{faster} is faster than {slower}{gain}, {p}")
        };
        match self.verdict {
            Conclusion::AIsFaster => faster("A", "B"),
            Conclusion::BIsFaster => faster("B", "A"),
            Conclusion::NotSignificant => format!("not significantly different: {p}{}", self.runs_to_show_it()),
            Conclusion::CannotSay => format!("cannot say: {}", self.trust),
        }
    }

    /// What it takes to show a gain as small as the one seen, if there is one.
    fn runs_to_show_it(&self) -> String {
        let Some(gain) = self.gain_seen.map(human_percent) else { return String::new() };
        let runs = self.runs_needed.map_or_else(|| format!("not even {MAX_RUNS}"), |runs| runs.to_string());
        let chance = 100.0 * WANTED_POWER;
        format!("; {runs} runs each would show the gain seen, {gain}, with a chance of {chance:.0} %")
    }
}

fn conclusion(samples: &Samples) -> Conclusion {
    match samples.ratio().p_same {
        None => Conclusion::CannotSay,
        Some(p) if p >= SIGNIFICANCE => Conclusion::NotSignificant,
        Some(_) if samples.a_is_faster() => Conclusion::AIsFaster,
        Some(_) => Conclusion::BIsFaster,
    }
}

fn check_comparable(a: &Entry, b: &Entry, on_one_host: bool) -> Result<(), ComparisonError> {
    let (a, b) = (&a.result, &b.result);
    if on_one_host && a.class() != b.class() {
        return Err(ComparisonError::TwoHosts { a: a.class(), b: b.class() });
    }
    if a.track != b.track {
        return Err(ComparisonError::Tracks { a: a.track.to_string(), b: b.track.to_string() });
    }
    if a.session.nonce == b.session.nonce {
        return Err(ComparisonError::SameSession);
    }
    Ok(())
}

impl ComparedSession {
    fn new(entry: &Entry) -> Self {
        let (result, summary) = (&entry.result, &entry.result.derived.summary);
        Self {
            folder: visible_path(&entry.folder),
            name: result.variant.name.to_string(),
            trust: entry.trust.clone(),
            principal: entry.trust.signer().map(|signer| signer.principal.clone()),
            hardware_class: entry.result.class(),
            runs: summary.runs,
            reached: summary.reached,
            median_seconds: summary.time_to_accuracy_seconds.median,
            median_interval_seconds: summary.median_interval_seconds,
            mean_final_accuracy_percent: summary.mean_final_accuracy_percent,
            calibration: PairedReference::new(entry),
        }
    }
}

impl PairedReference {
    fn new(entry: &Entry) -> Option<Self> {
        let derived = &entry.result.derived;
        let calibration = derived.calibration.as_ref()?;
        let pairs: Vec<_> = times(&derived.runs).into_iter().zip(times(&calibration.runs)).collect();
        Some(Self {
            time_ratio: calibration.time_ratio,
            step_ratio: calibration.step_ratio,
            p_same_time_paired: wilcoxon(&pairs).map(|test| rounded_up_p(test.p_two_sided)),
        })
    }
}

/// Times per step compare only where batches have one size.
fn seconds_per_step(a: &Entry, b: &Entry, hosts: Hosts) -> Option<TimeRatio> {
    let steps = |entry: &Entry| entry.result.derived.runs.iter().map(RunFigures::seconds_per_step).collect();
    (a.recipe.batch_size == b.recipe.batch_size).then(|| Samples::new(steps(a), steps(b), hosts).ratio())
}

fn p_same_final_accuracy(a: &Entry, b: &Entry) -> Option<f64> {
    p_means_differ(&a.result.final_accuracies()?, &b.result.final_accuracies()?).map(rounded_up_p)
}

/// Which of the two figures to trust, and why.
fn trust(basis: TimeBasis, on_one_host: bool, (a, b): (&str, &str)) -> String {
    match basis {
        TimeBasis::Times if on_one_host => {
            "the verdict rests on the times, since both sessions are said to have run on one host".to_owned()
        }
        TimeBasis::Times => {
            "the verdict rests on the times, which hosts of one hardware class differ in: measure both with --calibrate for a finer one, or add --same-host if both sessions ran on one host".to_owned()
        }
        TimeBasis::CalibratedTimes if a == b => {
            "the verdict rests on the ratios to the paired reference, which hosts of one hardware class hardly change".to_owned()
        }
        TimeBasis::CalibratedTimes => format!(
            "the verdict rests on the ratios to the paired reference, as times on {a} and on {b} do not compare by themselves; it is about these two machines, since a recipe can gain more on one hardware class than on another"
        ),
        TimeBasis::Neither => format!(
            "times on {a} and on {b} compare only through a paired reference, and not both sessions have one; measure again with --calibrate"
        ),
    }
}

/// What a reader should know first.
fn remarks(a: &Entry, b: &Entry) -> Vec<String> {
    let mut found: Vec<String> =
        [("A", a), ("B", b)].into_iter().flat_map(|(name, entry)| doubts(name, entry)).collect();
    if a.result.dataset.content_sha256 != b.result.dataset.content_sha256 {
        found.push("A and B were trained on different data: their content digests differ".to_owned());
    }
    found
}

fn doubts(name: &str, entry: &Entry) -> Vec<String> {
    let session = &entry.result.session;
    let doubts = [
        (entry.trust == Trust::Unsigned, "is unsigned, so it is not known who measured it".to_owned()),
        (!session.is_complete(), format!("ended early: {}", hlb_core::text::show(&session.stop_reason))),
        (session.stop_at_target, "stopped its runs when they first reached the target".to_owned()),
        (
            !entry.result.derived.phases.clocks_agree,
            format!("has clocks that differ by more than {} %", 100.0 * CLOCK_TOLERANCE_SHARE),
        ),
    ];
    doubts.into_iter().filter(|(so, _)| *so).map(|(_, what)| format!("{name} {what}")).collect()
}
