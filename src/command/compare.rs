//! `hlb-bench compare`: which of two sessions is faster, and how sure one can be. It changes nothing and ranks nothing.

use std::path::Path;

use serde::Serialize;

use crate::cli::Compare;
use crate::clock;
use crate::command::verify::signers;
use crate::command::{Answer, run};
use crate::hint::{Result, bail};
use crate::printer::{Label, answer, labelled};
use crate::result::{Entry, RunFigures, Trust, check_entry, quotient};
use crate::stats::{
    Estimate, Interval, mann_whitney, p_means_differ, ratio_of_medians, rounded_up_p, runs_needed, wilcoxon,
};
use crate::tree::Change;
use crate::units::{Accuracy, human_seconds};
use crate::variant;

/// Two recipes are told apart when one and the same would part them by chance in fewer than one of a hundred pairs.
const SIGNIFICANCE: f64 = 0.01;
/// How often a true gain should show.
const WANTED_CHANCE: f64 = 0.9;
/// The most runs that a session may have.
const MOST_RUNS: u32 = 500;

/// Runs the command.
pub(super) fn compare(arguments: &Compare) -> Result<Answer> {
    let read = |folder: &Path| -> Result<Entry> {
        Ok(check_entry(folder, &signers(folder, arguments.signers.as_deref())?, clock::calendar())?)
    };
    let (a, b) = (read(&arguments.a)?, read(&arguments.b)?);
    check_comparable(&a, &b)?;
    let comparison = Comparison::of(&a, &b);
    for remark in &comparison.remarks {
        labelled(Label::Warning, remark);
    }
    if arguments.json {
        answer(&serde_json::to_string(&comparison)?);
    } else {
        comparison.describe().iter().for_each(|line| answer(line));
    }
    Ok(Answer::Done)
}

fn check_comparable(a: &Entry, b: &Entry) -> Result<()> {
    if a.result.track != b.result.track {
        bail!(
            "A is for track `{}` and B for track `{}`; only sessions on one track compare",
            a.result.track,
            b.result.track
        );
    }
    if a.result.session.nonce == b.result.session.nonce {
        bail!("A and B are one and the same session; name two");
    }
    Ok(())
}

/// What is said of two sessions. Its JSON is the answer to programs.
#[derive(Debug, Serialize)]
struct Comparison {
    track: String,
    verdict: Verdict,
    /// The figures that the verdict follows from.
    verdict_from: Figure,
    /// The verdict and what it rests on, in a sentence.
    sentence: String,
    /// The gain as seen, the share of the slower one's time that the faster one saves.
    gain_seen: Option<f64>,
    /// Runs of each that tell such a gain apart nine times out of ten; only where it was not told apart.
    runs_needed: Option<u32>,
    same_hardware_class: bool,
    /// Which figures to trust, and why.
    trust: String,
    /// Time-to-accuracy of B over that of A.
    times: Ratio,
    /// The same of the times relative to the reference that was held in turn with each; `null` unless both have one.
    calibrated: Option<Ratio>,
    /// Seconds of one update of B over one of A; `null` where their updates are of different size or hardware.
    seconds_per_step: Option<Ratio>,
    /// Two-sided p-value (Welch) of the mean final accuracies being the same; `null` where a run has none.
    p_same_final_accuracy: Option<f64>,
    a: Side,
    b: Side,
    /// Keys in which the recipes differ, from A to B.
    recipe_differences: Vec<Change>,
    /// What a reader should know first.
    remarks: Vec<String>,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    AIsFaster,
    BIsFaster,
    NotToldApart,
    CannotSay,
}

/// The figures that a verdict follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Figure {
    Times,
    CalibratedTimes,
    Neither,
}

/// A ratio of B to A.
#[derive(Debug, Clone, Copy, Serialize)]
struct Ratio {
    b_over_a: Option<Estimate>,
    /// Two-sided p-value (Mann-Whitney) of there being no difference, rounded up to four decimals.
    p_same: Option<f64>,
}

/// One of the two sessions.
#[derive(Debug, Serialize)]
struct Side {
    folder: String,
    name: String,
    trust: &'static str,
    principal: Option<String>,
    hardware_class: String,
    runs: u32,
    reached: u32,
    median_seconds: Option<f64>,
    median_interval_seconds: Interval,
    mean_final_accuracy_percent: Option<f64>,
    calibration: Option<CalibratedSide>,
}

/// A session's variant against the reference held in turn with it. Only such runs are pairs: those of two sessions are not.
#[derive(Debug, Serialize)]
struct CalibratedSide {
    time_ratio: Option<Estimate>,
    step_ratio: Option<Estimate>,
    /// Two-sided p-value (Wilcoxon) of the variant being as fast as the reference, rounded up to four decimals.
    p_same_time_paired: Option<f64>,
}

/// Times of the runs of A and of B, a miss being `None`.
struct Samples {
    a: Vec<Option<f64>>,
    b: Vec<Option<f64>>,
}

impl Samples {
    fn ratio(&self) -> Ratio {
        Ratio { b_over_a: ratio_of_medians(&self.b, &self.a), p_same: self.p() }
    }

    fn p(&self) -> Option<f64> {
        mann_whitney(&self.a, &self.b).map(|test| rounded_up_p(test.p_two_sided))
    }

    fn verdict(&self) -> Verdict {
        match mann_whitney(&self.a, &self.b) {
            None => Verdict::CannotSay,
            Some(test) if rounded_up_p(test.p_two_sided) >= SIGNIFICANCE => Verdict::NotToldApart,
            Some(test) if test.a_is_faster => Verdict::AIsFaster,
            Some(_) => Verdict::BIsFaster,
        }
    }

    /// The gain as the medians show it, and the times of the slower one.
    fn gain(&self) -> Option<(f64, &[Option<f64>])> {
        let ratio = ratio_of_medians(&self.b, &self.a)?.value;
        let (gain, slower) = if ratio < 1.0 { (1.0 - ratio, &self.a) } else { (1.0 - 1.0 / ratio, &self.b) };
        (gain > 0.0).then_some((gain, slower))
    }
}

impl Comparison {
    fn of(a: &Entry, b: &Entry) -> Self {
        let (class_a, class_b) = (class(a), class(b));
        let same_hardware_class = class_a == class_b;
        let times = Samples { a: times(&a.result.derived.runs), b: times(&b.result.derived.runs) };
        let relative = relative_times(a).zip(relative_times(b)).map(|(a, b)| Samples { a, b });
        let (verdict_from, samples) = match &relative {
            _ if same_hardware_class => (Figure::Times, Some(&times)),
            Some(relative) => (Figure::CalibratedTimes, Some(relative)),
            None => (Figure::Neither, None),
        };
        let verdict = samples.map_or(Verdict::CannotSay, Samples::verdict);
        let gain = samples.and_then(Samples::gain);
        let runs_needed = gain
            .filter(|_| verdict == Verdict::NotToldApart)
            .and_then(|(gain, slower)| runs_needed(slower, gain, WANTED_CHANCE, MOST_RUNS));
        let mut comparison = Self {
            track: a.result.track.to_string(),
            verdict,
            verdict_from,
            sentence: String::new(),
            gain_seen: gain.map(|(gain, _)| gain),
            runs_needed,
            same_hardware_class,
            trust: trust(verdict_from, relative.is_some(), (&class_a, &class_b)),
            times: times.ratio(),
            calibrated: calibrated(a, b, relative.as_ref()),
            seconds_per_step: same_hardware_class.then(|| seconds_per_step(a, b)).flatten(),
            p_same_final_accuracy: p_same_final_accuracy(a, b),
            a: Side::of(a),
            b: Side::of(b),
            recipe_differences: variant::differences(&a.recipe, &b.recipe),
            remarks: remarks(a, b),
        };
        comparison.sentence = comparison.verdict_sentence();
        comparison
    }

    fn verdict_sentence(&self) -> String {
        let ratio = if self.verdict_from == Figure::CalibratedTimes { self.calibrated } else { Some(self.times) };
        let p = ratio.and_then(|ratio| ratio.p_same).map_or_else(|| "p unknown".to_owned(), |p| format!("p = {p:.4}"));
        let faster = |faster: &str, slower: &str| {
            let gain = self.gain_seen.map_or_else(String::new, |gain| format!(" by {}", percent(gain)));
            format!("{faster} is faster than {slower}{gain}, {p}")
        };
        match self.verdict {
            Verdict::AIsFaster => faster("A", "B"),
            Verdict::BIsFaster => faster("B", "A"),
            Verdict::NotToldApart => format!("not told apart: {p}{}", self.what_would_tell()),
            Verdict::CannotSay => format!("cannot say: {}", self.trust),
        }
    }

    /// What it takes to tell a difference as small as the one seen, if there is one.
    fn what_would_tell(&self) -> String {
        let Some(gain) = self.gain_seen.map(percent) else { return String::new() };
        match self.runs_needed {
            Some(runs) => {
                format!(", {runs} runs each would be needed to tell a gain of {gain}, as seen, nine times out of ten")
            }
            None => {
                format!(", not even {MOST_RUNS} runs each would tell a gain of {gain}, as seen, nine times out of ten")
            }
        }
    }

    /// The answer to people.
    fn describe(&self) -> Vec<String> {
        let mut lines = vec![self.sentence.clone(), self.a.describe("A"), self.b.describe("B")];
        lines.push(format!("time-to-accuracy, B over A: {}", described(self.times, "Mann-Whitney")));
        for (name, side) in [("A", &self.a), ("B", &self.b)] {
            lines.extend(side.calibration.as_ref().map(|calibration| calibration.describe(name)));
        }
        if let Some(ratio) = self.calibrated {
            lines.push(format!("relative to the reference, B over A: {}", described(ratio, "Mann-Whitney")));
        }
        if self.verdict != Verdict::CannotSay {
            lines.push(self.trust.clone());
        }
        if let Some(ratio) = self.seconds_per_step {
            lines.push(format!("seconds per step, B over A: {}", described(ratio, "Mann-Whitney")));
        }
        lines.push(self.accuracy_line());
        lines.extend(self.recipe_lines());
        lines
    }

    fn accuracy_line(&self) -> String {
        match self.p_same_final_accuracy {
            Some(p) if p < SIGNIFICANCE => format!("mean final accuracies differ: Welch p = {p:.4}"),
            Some(p) => format!("mean final accuracies are not told apart: Welch p = {p:.4}"),
            None => "mean final accuracies cannot be compared: a run has none, or there is but one run".to_owned(),
        }
    }

    fn recipe_lines(&self) -> Vec<String> {
        if self.recipe_differences.is_empty() {
            return vec!["both trained the same recipe".to_owned()];
        }
        let line = |change: &Change| format!("  {}: {} -> {}", change.path, change.before, change.after);
        let head = "recipes differ, from A to B:".to_owned();
        std::iter::once(head).chain(self.recipe_differences.iter().map(line)).collect()
    }
}

impl Side {
    fn of(entry: &Entry) -> Self {
        let (result, summary) = (&entry.result, &entry.result.derived.summary);
        Self {
            folder: entry.folder.display().to_string(),
            name: result.variant.name.to_string(),
            trust: entry.trust.words(),
            principal: entry.trust.signer().map(|signer| signer.principal.clone()),
            hardware_class: class(entry),
            runs: summary.runs,
            reached: summary.reached,
            median_seconds: summary.time_to_accuracy_seconds.median,
            median_interval_seconds: summary.median_interval_seconds,
            mean_final_accuracy_percent: summary.mean_final_accuracy_percent,
            calibration: CalibratedSide::of(entry),
        }
    }

    fn describe(&self, label: &str) -> String {
        let time = self.median_seconds.map_or_else(|| "target not reached by the median run".to_owned(), human_seconds);
        let bound = |bound: Option<f64>| bound.map_or_else(|| "unknown".to_owned(), human_seconds);
        let Interval { low, high } = self.median_interval_seconds;
        let accuracy = self
            .mean_final_accuracy_percent
            .map_or_else(|| "final accuracy unknown".to_owned(), |mean| format!("final accuracy {mean:.2} %"));
        let by = self.principal.as_ref().map_or_else(String::new, |principal| format!(" by {principal}"));
        format!(
            "{label}: {}, {}{by}, on {}: {time} (95 % interval {} to {}), {} of {} runs reached, {accuracy}",
            self.name,
            self.trust,
            self.hardware_class,
            bound(low),
            bound(high),
            self.reached,
            self.runs
        )
    }
}

impl CalibratedSide {
    fn of(entry: &Entry) -> Option<Self> {
        let derived = &entry.result.derived;
        let calibration = derived.calibration.as_ref()?;
        let pairs: Vec<_> = times(&derived.runs).into_iter().zip(times(&calibration.runs)).collect();
        Some(Self {
            time_ratio: calibration.time_ratio,
            step_ratio: calibration.step_ratio,
            p_same_time_paired: wilcoxon(&pairs).map(|test| rounded_up_p(test.p_two_sided)),
        })
    }

    fn describe(&self, name: &str) -> String {
        let shown = |ratio: Option<Estimate>| ratio.map_or_else(|| "unknown".to_owned(), run::ratio);
        let p = self.p_same_time_paired.map_or_else(|| "unknown".to_owned(), |p| format!("{p:.4}"));
        format!(
            "{name} over the reference beside it: time {}, Wilcoxon p = {p}; seconds per step {}",
            shown(self.time_ratio),
            shown(self.step_ratio)
        )
    }
}

fn class(entry: &Entry) -> String {
    entry.result.machine.class(&entry.result.session.device)
}

fn times(runs: &[RunFigures]) -> Vec<Option<f64>> {
    runs.iter().map(|run| run.time_to_accuracy_seconds).collect()
}

/// Each run's time over that of the reference's run beside it. `None` without a reference, or where one of its runs missed:
/// nothing is relative to a miss.
fn relative_times(entry: &Entry) -> Option<Vec<Option<f64>>> {
    let derived = &entry.result.derived;
    let reference: Option<Vec<f64>> = times(&derived.calibration.as_ref()?.runs).into_iter().collect();
    let relative = |(time, beside): (Option<f64>, f64)| time.map(|time| time / beside);
    Some(times(&derived.runs).into_iter().zip(reference?).map(relative).collect())
}

/// The ratio as `reproduce` takes it, from the medians; the p-value from runs relative to their neighbours.
fn calibrated(a: &Entry, b: &Entry, relative: Option<&Samples>) -> Option<Ratio> {
    let (a, b) = (a.result.derived.calibration.as_ref()?, b.result.derived.calibration.as_ref()?);
    let b_over_a = a.time_ratio.zip(b.time_ratio).and_then(|(a, b)| quotient(b, a));
    Some(Ratio { b_over_a, p_same: relative.and_then(Samples::p) })
}

/// One update is not like another where batches or networks differ in size; times per step compare where batches do not.
fn seconds_per_step(a: &Entry, b: &Entry) -> Option<Ratio> {
    let steps = |entry: &Entry| entry.result.derived.runs.iter().map(RunFigures::seconds_per_step).collect();
    (a.recipe.batch_size == b.recipe.batch_size).then(|| Samples { a: steps(a), b: steps(b) }.ratio())
}

fn p_same_final_accuracy(a: &Entry, b: &Entry) -> Option<f64> {
    let finals = |entry: &Entry| -> Option<Vec<Accuracy>> {
        entry.result.derived.runs.iter().map(|run| run.final_accuracy).collect()
    };
    p_means_differ(&finals(a)?, &finals(b)?).map(rounded_up_p)
}

/// Which of the two figures to trust, and why.
fn trust(from: Figure, both_calibrated: bool, (a, b): (&str, &str)) -> String {
    match from {
        Figure::Times if both_calibrated => {
            "the verdict is by the times, as the hardware class is the same; hosts of one class differ too, so unless both were held on one host, trust the ratio relative to the reference".to_owned()
        }
        Figure::Times => {
            "the verdict is by the times, as the hardware class is the same; hosts of one class differ too, so it holds if both were held on one host, and --calibrate would tell".to_owned()
        }
        Figure::CalibratedTimes => format!(
            "the verdict is by the times relative to the reference: those themselves do not compare between {a} and {b}"
        ),
        Figure::Neither => format!(
            "times on {a} and on {b} compare only through a reference that every run of was reached, and not both sessions have one; measure again with --calibrate"
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
        (entry.trust == Trust::Unsigned, "is unsigned: nobody vouches for it".to_owned()),
        (session.stop_reason != "completed", format!("ended early: {}", crate::text::show(&session.stop_reason))),
        (session.stop_at_target, "ended its runs at their first crossing".to_owned()),
        (!entry.result.derived.phases.clocks_agree, "has clocks that part by more than 0.5 %".to_owned()),
    ];
    doubts.into_iter().filter(|(so, _)| *so).map(|(_, what)| format!("{name} {what}")).collect()
}

fn described(ratio: Ratio, test: &str) -> String {
    let value = ratio.b_over_a.map_or_else(|| "unknown".to_owned(), run::ratio);
    let p = ratio.p_same.map_or_else(|| "unknown".to_owned(), |p| format!("{p:.4}"));
    format!("{value}, {test} p = {p}")
}

/// A share for people: small ones with more digits.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent < 1.0 { format!("{percent:.2} %") } else { format!("{percent:.1} %") }
}
