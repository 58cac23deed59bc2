//! What follows from the runs of a study, for each variant and against the reference. Runs that were interrupted say nothing about a
//! recipe and are left out, but counted; a run that diverged is a miss.

use serde::Serialize;

use crate::plan::StudyPlan;
use crate::record::RunRecord;
use crate::records::Records;
use hlb_core::stats::{
    Estimate, Interval, PairedAccuracies, Spread, holm, mean_and_deviation, mean_interval, median_interval,
    paired_ratio,
};
use hlb_core::units::Accuracy;
use hlb_protocol::run_log::Outcome;

/// What follows for one variant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariantFigures {
    /// Its name.
    pub name: String,
    /// Runs that say something about it.
    pub runs: usize,
    /// Runs that were interrupted and are left out.
    pub interrupted: usize,
    /// Runs that reached the target.
    pub reached: usize,
    /// Runs whose loss was no longer a number.
    pub diverged: usize,
    /// Median time-to-accuracy in seconds; `None` where the median run missed.
    pub time_to_accuracy_seconds: Option<f64>,
    /// Bootstrap interval of that median.
    pub time_interval: Interval,
    /// Median seconds of training over the whole schedule, of runs that came to its end.
    pub train_seconds: Option<f64>,
    /// Mean final accuracy in percent with its 95 % t interval.
    pub accuracy_percent: Option<Estimate>,
    /// Standard deviation of the final accuracy in points.
    pub accuracy_deviation: Option<f64>,
    /// How it compares with the reference; `None` for the reference itself.
    pub against: Option<PairedComparison>,
}

/// A variant against the reference, by pairs of runs with the same seed.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct PairedComparison {
    /// Pairs in which both runs came to the end of their schedules.
    pub pairs: usize,
    /// Difference in final accuracy in points, with its 95 % interval.
    pub accuracy_points: Option<Estimate>,
    /// p of the paired t-test, as it is and adjusted by Holm over the variants.
    pub p_t_test: Adjusted,
    /// p of Wilcoxon's signed-rank test, likewise.
    pub p_wilcoxon: Adjusted,
    /// Ratio of training seconds of the whole schedule, with its 95 % interval; under 1 is faster.
    pub train_ratio: Option<Estimate>,
}

/// A p-value, as it is and adjusted over the variants of the study.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Adjusted {
    /// As it is; `None` where there are too few pairs.
    pub alone: Option<f64>,
    /// Adjusted by Holm.
    pub adjusted: Option<f64>,
}

/// The figures of every variant, in the order of the plan.
pub fn figures(plan: &StudyPlan, records: &Records) -> Vec<VariantFigures> {
    let runs: Vec<Vec<&RunRecord>> =
        plan.variants.iter().map(|variant| runs_of(plan, records, &variant.name)).collect();
    let reference = &runs[plan.reference];
    let against = |variant: usize| (variant != plan.reference).then(|| compare(&runs[variant], reference));
    let mut against: Vec<Option<PairedComparison>> = (0..runs.len()).map(against).collect();
    adjust(&mut against, |against| &mut against.p_t_test);
    adjust(&mut against, |against| &mut against.p_wilcoxon);
    let variants = plan.variants.iter().zip(&runs).zip(against);
    variants.map(|((variant, runs), against)| of_variant(plan, &variant.name, runs, against)).collect()
}

/// The runs of a variant that the plan asks for.
fn runs_of<'a>(plan: &StudyPlan, records: &'a Records, name: &str) -> Vec<&'a RunRecord> {
    let mut runs: Vec<_> = records.runs.iter().filter(|run| run.variant == name && run.run <= plan.runs).collect();
    runs.sort_by_key(|run| run.run);
    runs
}

fn of_variant(plan: &StudyPlan, name: &str, all: &[&RunRecord], against: Option<PairedComparison>) -> VariantFigures {
    let counted: Vec<&RunRecord> = all.iter().copied().filter(|run| run.counts()).collect();
    let count = |outcome| counted.iter().filter(|run| run.outcome == outcome).count();
    let target = plan.task.track.target;
    let times: Vec<Option<f64>> = counted.iter().map(|run| run.time_to_accuracy_seconds(target)).collect();
    let seconds: Vec<Option<f64>> = counted.iter().filter_map(|run| run.train_seconds()).map(Some).collect();
    let accuracies: Vec<f64> = counted.iter().filter_map(|run| run.final_accuracy()).map(Accuracy::percent).collect();
    VariantFigures {
        name: name.to_owned(),
        runs: counted.len(),
        interrupted: all.len() - counted.len(),
        reached: count(Outcome::Reached),
        diverged: count(Outcome::Diverged),
        time_to_accuracy_seconds: Spread::of(&times).median,
        time_interval: median_interval(&times),
        train_seconds: Spread::of(&seconds).median,
        accuracy_percent: mean_interval(&accuracies).map(within_percent),
        accuracy_deviation: mean_and_deviation(&accuracies).1,
        against,
    }
}

/// An interval of few runs can pass the ends of what an accuracy can be.
fn within_percent(accuracy: Estimate) -> Estimate {
    let Estimate { value, low, high } = accuracy;
    Estimate { value, low: low.map(|low| low.max(0.0)), high: high.map(|high| high.min(100.0)) }
}

fn compare(runs: &[&RunRecord], reference: &[&RunRecord]) -> PairedComparison {
    let partner =
        |run: &&RunRecord| reference.iter().find(|other| other.run == run.run && other.seed == run.seed).copied();
    let pairs: Vec<(&RunRecord, &RunRecord)> = runs.iter().filter_map(|run| Some((*run, partner(run)?))).collect();
    let both = |pair: &(&RunRecord, &RunRecord)| Some((pair.0.final_accuracy()?, pair.1.final_accuracy()?));
    let seconds: Vec<_> = pairs.iter().filter_map(|(a, b)| Some((a.train_seconds()?, b.train_seconds()?))).collect();
    let accuracies = PairedAccuracies::of(pairs.iter().filter_map(both).collect()).unwrap_or_default();
    let alone = |p| Adjusted { alone: p, adjusted: None };
    PairedComparison {
        pairs: accuracies.count(),
        accuracy_points: accuracies.mean_difference_points(),
        p_t_test: alone(accuracies.p_t_test()),
        p_wilcoxon: alone(accuracies.p_wilcoxon()),
        train_ratio: paired_ratio(&seconds),
    }
}

/// Adjusts one kind of p-value over all variants that are compared.
fn adjust(against: &mut [Option<PairedComparison>], field: impl Fn(&mut PairedComparison) -> &mut Adjusted) {
    let mut family: Vec<&mut Adjusted> = against.iter_mut().flatten().map(field).collect();
    let adjusted = holm(&family.iter().map(|p| p.alone).collect::<Vec<_>>());
    for (p, adjusted) in family.iter_mut().zip(adjusted) {
        p.adjusted = adjusted;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::plan::tests::plan;
    use crate::record::{EpochRecord, MachineFacts, StudyStart};
    use hlb_core::artifact::sha256_hex;
    use hlb_core::clock::PhaseSeconds;

    pub(crate) fn start(plan: &StudyPlan) -> StudyStart {
        let machine = MachineFacts {
            hardware: "2x made processor".to_owned(),
            device: hlb_core::units::DeviceKind::Cpu,
            threads: 2,
            libtorch_version: "2.11.0".to_owned(),
            program_sha256: sha256_hex(b"program"),
            trainer_sha256: sha256_hex(b"trainer"),
        };
        StudyStart::new(plan, sha256_hex(b"data"), machine, "2026-01-01T00:00:00Z".to_owned())
    }

    /// A run of two epochs, of which the second is the better one.
    pub(crate) fn run(plan: &StudyPlan, variant: usize, run: u32, seconds: f64, correct: u32) -> RunRecord {
        let epoch = |train_seconds, correct| EpochRecord {
            train_seconds,
            accuracy: Accuracy { correct, total: 1000 },
            loss: 1.0,
        };
        let reached = plan.task.track.target.is_met_by(Accuracy { correct, total: 1000 });
        RunRecord {
            variant: plan.variants[variant].name.clone(),
            run,
            seed: plan.seed(run),
            recipe_sha256: plan.variants[variant].digest(),
            outcome: if reached { Outcome::Reached } else { Outcome::Missed },
            reason: None,
            epochs: vec![epoch(seconds / 2.0, 100), epoch(seconds, correct)],
            phases: PhaseSeconds { train_seconds: seconds, ..PhaseSeconds::default() },
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            process_seconds: 2.0 * seconds,
        }
    }

    pub(crate) fn made() -> (StudyPlan, Records) {
        let plan = plan();
        let mut records = Records::new(std::path::Path::new("runs.jsonl"), start(&plan));
        for (number, (a, b)) in (1..).zip([(990, 980), (991, 979), (992, 984)]) {
            records.runs.push(run(&plan, 0, number, 10.0 + f64::from(number), a));
            records.runs.push(run(&plan, 1, number, 20.0 + 2.0 * f64::from(number), b));
        }
        (plan, records)
    }

    #[test]
    fn variants_are_compared_by_pairs() {
        let (plan, records) = made();
        let found = figures(&plan, &records);
        assert_eq!((found[0].runs, found[0].reached, &found[0].against), (3, 3, &None));
        assert_eq!((found[0].train_seconds, found[0].time_to_accuracy_seconds), (Some(12.0), Some(12.0)));
        let against = found[1].against.as_ref().expect("compared");
        // Differences of -10, -12 and -8 images of 1000.
        assert!((against.accuracy_points.expect("three pairs").value + 1.0).abs() < 1e-12);
        let ratio = against.train_ratio.expect("three pairs");
        assert!((ratio.value - 2.0).abs() < 1e-12 && ratio.low.is_some(), "{ratio:?}");
        // t = 10 / (2 / sqrt 3) with two degrees of freedom.
        let t: f64 = 5.0 * 3.0_f64.sqrt();
        let p = against.p_t_test.alone.expect("three pairs");
        assert!((p - (1.0 - t / (2.0 + t * t).sqrt())).abs() < 1e-9, "{p}");
        assert_eq!(against.p_t_test.adjusted, Some(p), "one comparison needs no adjustment");
        assert_eq!(against.p_wilcoxon.alone, Some(0.25));
    }

    #[test]
    fn an_interrupted_run_is_left_out_with_its_pair_and_a_diverged_one_is_a_miss() {
        let (plan, mut records) = made();
        records.runs[1].outcome = Outcome::Interrupted;
        records.runs[3].outcome = Outcome::Diverged;
        let found = figures(&plan, &records);
        assert_eq!((found[1].runs, found[1].interrupted, found[1].diverged), (2, 1, 1));
        assert_eq!(found[1].against.as_ref().expect("compared").pairs, 1);
        let both = Spread::of(&[found[1].train_seconds]).median;
        assert_eq!(both, Some(26.0), "only the third run came to its end");
    }

    #[test]
    fn an_interval_of_an_accuracy_stays_within_what_an_accuracy_can_be() {
        let (plan, mut records) = made();
        records.runs = vec![run(&plan, 0, 1, 1.0, 999), run(&plan, 0, 2, 1.0, 10)];
        let accuracy = figures(&plan, &records)[0].accuracy_percent.expect("two runs");
        assert_eq!((accuracy.low, accuracy.high), (Some(0.0), Some(100.0)));
    }
}
