//! The contents of a report's page and text: figures as words. An unknown figure says so and why.

use serde::Serialize;

use crate::figures::{Adjusted, PairedComparison, VariantFigures, figures};
use crate::file::{PublishedFigures, VariantEntry};
use crate::plan::{PlannedVariant, StudyPlan};
use crate::published::{ComparedVariant, compare_with_published};
use crate::record::RunRecord;
use crate::records::Records;
use crate::report::drawing;
use hlb_board::plot::LineDrawing;
use hlb_board::{human_interval, percentage, ratio};
use hlb_core::stats::{Estimate, rounded_up_p};
use hlb_core::tree::Change;
use hlb_core::units::{Target, human_seconds};

/// Everything that page and text are told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct View {
    pub(super) title: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) track: String,
    pub(super) track_title: String,
    pub(super) target: String,
    pub(super) reference: String,
    /// How far it is: `12 of 40 runs`.
    pub(super) progress: String,
    pub(super) complete: bool,
    /// Names and values of what was run, where and how.
    pub(super) facts: Vec<[String; 2]>,
    pub(super) rows: Vec<VariantRow>,
    pub(super) variants: Vec<DescribedVariant>,
    pub(super) rates: Option<LineDrawing>,
    pub(super) accuracy: Option<LineDrawing>,
    pub(super) accuracy_close: Option<LineDrawing>,
    pub(super) published: Option<Published>,
    pub(super) runs: Vec<RunRow>,
}

/// A variant in the table of figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct VariantRow {
    pub(super) name: String,
    pub(super) is_reference: bool,
    pub(super) runs: usize,
    /// Runs that say nothing, and why.
    pub(super) left_out: String,
    pub(super) reached: String,
    pub(super) time: Cell,
    pub(super) train_seconds: String,
    pub(super) accuracy: Cell,
    pub(super) deviation: String,
    pub(super) difference: Cell,
    pub(super) p_t_test: Cell,
    pub(super) p_wilcoxon: Cell,
    pub(super) train_ratio: Cell,
}

/// A figure and what stands under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Cell {
    pub(super) value: String,
    pub(super) below: String,
}

/// What a variant is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct DescribedVariant {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) recipe_sha256: String,
    pub(super) changes: Vec<Change>,
}

/// Published figures next to ours.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Published {
    pub(super) source: String,
    pub(super) conditions: String,
    pub(super) rows: Vec<PublishedRow>,
    /// Names, best published accuracy first.
    pub(super) their_order: String,
    pub(super) our_order: String,
    pub(super) verdict: &'static str,
    pub(super) tau: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct PublishedRow {
    pub(super) name: String,
    pub(super) published_accuracy: String,
    pub(super) our_accuracy: String,
    pub(super) published_seconds: String,
    pub(super) our_seconds: String,
}

/// A run in the table of runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct RunRow {
    pub(super) run: u32,
    pub(super) variant: String,
    pub(super) seed: String,
    pub(super) outcome: &'static str,
    pub(super) reason: String,
    pub(super) time: String,
    pub(super) train_seconds: String,
    pub(super) accuracy: String,
}

/// In the place of a figure that there cannot be.
const NONE: &str = "—";

impl View {
    /// What follows from the runs so far.
    pub(super) fn new(plan: &StudyPlan, records: &Records) -> Self {
        let figures = figures(plan, records);
        let target = plan.task.track.target;
        let planned = plan.order().count();
        let finished = planned - records.missing(plan).len();
        Self {
            title: plan.file.title().to_owned(),
            name: plan.file.name().to_string(),
            description: plan.file.description().to_owned(),
            track: plan.track().to_owned(),
            track_title: plan.task.track.title.clone(),
            target: percentage(target.percent()),
            reference: plan.variants[plan.reference].name.clone(),
            progress: format!("{finished} of {planned} runs"),
            complete: finished == planned,
            facts: facts(plan, records),
            rows: figures.iter().map(|figures| row(figures, target)).collect(),
            variants: described(plan),
            rates: drawing::learning_rates(plan),
            accuracy: drawing::accuracy(plan, records),
            accuracy_close: drawing::accuracy_close(plan, records),
            published: plan.file.published().map(|published| Published::new(published, &figures)),
            runs: records.runs.iter().filter(|run| run.run <= plan.runs).map(|run| run_row(run, target)).collect(),
        }
    }
}

fn facts(plan: &StudyPlan, records: &Records) -> Vec<[String; 2]> {
    let (start, machine) = (&records.start, &records.start.machine);
    let threads = if machine.device == "cpu" { format!(", {} threads", machine.threads) } else { String::new() };
    let short = |digest: hlb_core::artifact::Sha256Hex| digest.to_string()[..16].to_owned();
    let facts = [
        ("Track", format!("{} ({})", plan.track(), plan.task.track.title)),
        ("Data set", data_set(plan)),
        ("Target", percentage(start.target.percent())),
        ("Runs of each variant", plan.runs.to_string()),
        ("Hardware", format!("{}{threads}", machine.hardware)),
        ("libtorch", machine.libtorch_version.clone()),
        ("Begun", start.started_at.clone()),
        ("SHA-256 of the study", short(plan.file.digest())),
        ("SHA-256 of the data", short(start.content_sha256)),
        ("SHA-256 of hlb-bench", short(machine.program_sha256)),
        ("SHA-256 of hlb-bench-trainer", short(machine.trainer_sha256)),
    ];
    facts.into_iter().map(|(name, value)| [name.to_owned(), value]).collect()
}

fn data_set(plan: &StudyPlan) -> String {
    let manifest = &plan.task.manifest;
    let whose = if manifest.is_published() { "" } else { ", not the track's published one" };
    format!("{}{whose}", manifest.id)
}

fn described(plan: &StudyPlan) -> Vec<DescribedVariant> {
    let described = |(variant, entry): (&PlannedVariant, &VariantEntry)| DescribedVariant {
        name: variant.name.clone(),
        description: entry.description.as_ref().map_or_else(String::new, |text| text.as_str().to_owned()),
        recipe_sha256: variant.digest().to_string(),
        changes: variant.changes.clone(),
    };
    plan.variants.iter().zip(plan.file.variants()).map(described).collect()
}

fn row(figures: &VariantFigures, target: Target) -> VariantRow {
    let against = figures.against.clone().unwrap_or_default();
    let is_reference = figures.against.is_none();
    let compared = |words: Cell| if is_reference { Cell::none("the reference") } else { words };
    VariantRow {
        name: figures.name.clone(),
        is_reference,
        runs: figures.runs,
        left_out: left_out(figures),
        reached: format!("{} of {}", figures.reached, figures.runs),
        time: time(figures, target),
        train_seconds: figures.train_seconds.map_or_else(|| NONE.to_owned(), human_seconds),
        accuracy: figures
            .accuracy_percent
            .map_or_else(|| Cell::none("no run ended"), |it| Cell::estimate(it, percentage)),
        deviation: figures.accuracy_deviation.map_or_else(|| NONE.to_owned(), |points| format!("{points:.2}")),
        difference: compared(difference(&against)),
        p_t_test: compared(Cell::p(against.p_t_test)),
        p_wilcoxon: compared(Cell::p(against.p_wilcoxon)),
        train_ratio: compared(
            against.train_ratio.map_or_else(|| Cell::none("no pairs"), |it| Cell::estimate(it, ratio)),
        ),
    }
}

fn difference(against: &PairedComparison) -> Cell {
    let points = |points: f64| format!("{points:+.2}");
    against.accuracy_points.map_or_else(|| Cell::none("no pairs"), |it| Cell::estimate(it, points))
}

fn left_out(figures: &VariantFigures) -> String {
    let interrupted = (figures.interrupted > 0).then(|| format!("{} interrupted, left out", figures.interrupted));
    let diverged = (figures.diverged > 0).then(|| format!("{} diverged", figures.diverged));
    interrupted.into_iter().chain(diverged).collect::<Vec<_>>().join("; ")
}

fn time(figures: &VariantFigures, target: Target) -> Cell {
    if figures.runs == 0 {
        return Cell::none("no run ended");
    }
    let Some(median) = figures.time_to_accuracy_seconds else {
        let below = format!("the median run missed {}", percentage(target.percent()));
        return Cell { value: "unknown".to_owned(), below };
    };
    let interval = figures.time_interval;
    Cell { value: human_seconds(median), below: human_interval(interval.low, interval.high, human_seconds) }
}

impl Cell {
    fn none(why: &str) -> Self {
        Self { value: NONE.to_owned(), below: why.to_owned() }
    }

    fn estimate(it: Estimate, words: impl Fn(f64) -> String) -> Self {
        Self { value: words(it.value), below: human_interval(it.low, it.high, words) }
    }

    fn p(p: Adjusted) -> Self {
        let stated = |p: f64| format!("{:.4}", rounded_up_p(p));
        match (p.alone, p.adjusted) {
            (Some(alone), Some(adjusted)) => {
                Self { value: stated(adjusted), below: format!("{} unadjusted", stated(alone)) }
            }
            _ => Self::none("too few pairs"),
        }
    }

    /// Both on one line.
    pub(super) fn line(&self) -> String {
        if self.below.is_empty() { self.value.clone() } else { format!("{} ({})", self.value, self.below) }
    }
}

impl Published {
    fn new(published: &PublishedFigures, figures: &[VariantFigures]) -> Self {
        let comparison = compare_with_published(published, figures);
        let verdict = match comparison.same_order() {
            Some(true) => "The order is the same.",
            Some(false) => "The order is not the same.",
            None => "There are not yet two variants to order.",
        };
        Self {
            source: published.source.to_string(),
            conditions: published.conditions.to_string(),
            rows: comparison.rows.iter().map(published_row).collect(),
            their_order: comparison.published_order.join(" > "),
            our_order: comparison.our_order.join(" > "),
            verdict,
            tau: comparison.tau.map_or_else(|| "unknown".to_owned(), |tau| format!("{tau:.3}")),
        }
    }
}

fn published_row(row: &ComparedVariant) -> PublishedRow {
    let words = |value: Option<f64>, words: fn(f64) -> String| value.map_or_else(|| NONE.to_owned(), words);
    PublishedRow {
        name: row.name.clone(),
        published_accuracy: percentage(row.published_percent),
        our_accuracy: words(row.our_percent, percentage),
        published_seconds: words(row.published_seconds, human_seconds),
        our_seconds: words(row.our_seconds, human_seconds),
    }
}

fn run_row(run: &RunRecord, target: Target) -> RunRow {
    let seconds = |seconds: Option<f64>| seconds.map_or_else(|| NONE.to_owned(), human_seconds);
    RunRow {
        run: run.run,
        variant: run.variant.clone(),
        seed: run.seed.to_string(),
        outcome: run.outcome.as_str(),
        reason: run.reason.as_deref().map_or_else(String::new, hlb_core::text::show),
        time: seconds(run.time_to_accuracy_seconds(target)),
        train_seconds: seconds(run.train_seconds()),
        accuracy: run.final_accuracy().map_or_else(|| NONE.to_owned(), |accuracy| percentage(accuracy.percent())),
    }
}
