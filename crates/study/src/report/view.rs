//! What the page and the text of a report are told. An unknown figure says so and why; the templates write the others.

use serde::Serialize;

use crate::body::Body;
use crate::figures::{Adjusted, VariantFigures, figures};
use crate::plan::{PlannedVariant, StudyPlan};
use crate::published::{PublishedComparison, compare_with_published};
use crate::record::RunRecord;
use crate::records::Records;
use crate::report::drawing;
use hlb_board::plot::LineDrawing;
use hlb_board::{human_interval, percentage, ratio};
use hlb_core::artifact::Sha256Hex;
use hlb_core::stats::{Estimate, rounded_up_p};
use hlb_core::text::show;
use hlb_core::units::{Accuracy, DeviceKind, Target, human_seconds};

/// Everything that page and text are told.
#[derive(Serialize)]
pub(super) struct View<'a> {
    study: &'a Body,
    track: &'a str,
    target_percent: f64,
    finished: usize,
    planned: usize,
    /// Names and values of what was run, where and how.
    facts: [(&'static str, String); 11],
    rows: Vec<VariantRow>,
    variants: &'a [PlannedVariant],
    rates: Option<LineDrawing>,
    accuracy: Option<LineDrawing>,
    accuracy_close: Option<LineDrawing>,
    published: Option<PublishedComparison>,
    runs: Vec<RunRow<'a>>,
}

/// A variant in the table of figures.
#[derive(Serialize)]
struct VariantRow {
    #[serde(flatten)]
    figures: VariantFigures,
    /// Runs that say nothing, and why.
    left_out: String,
    time: Cell,
    accuracy: Cell,
    difference: Cell,
    p_t_test: Cell,
    p_wilcoxon: Cell,
    train_ratio: Cell,
}

/// A figure and what stands under it.
#[derive(Serialize)]
struct Cell {
    value: String,
    below: String,
}

/// A run, and what follows from its epochs.
#[derive(Serialize)]
struct RunRow<'a> {
    #[serde(flatten)]
    record: &'a RunRecord,
    time_to_accuracy_seconds: Option<f64>,
    train_seconds: Option<f64>,
    final_accuracy: Option<Accuracy>,
}

impl<'a> View<'a> {
    /// What follows from the runs so far.
    pub(super) fn new(plan: &'a StudyPlan, records: &'a Records) -> Self {
        let study = &plan.file.body;
        let figures = figures(plan, records);
        let target = plan.task.track.target;
        let planned = plan.order().count();
        let runs = records.runs.iter().filter(|run| run.run <= plan.runs);
        Self {
            study,
            track: plan.track(),
            target_percent: target.percent(),
            finished: planned - records.missing(plan).len(),
            planned,
            facts: facts(plan, records),
            variants: &plan.variants,
            rates: drawing::learning_rates(plan),
            accuracy: drawing::accuracy(plan, records),
            accuracy_close: drawing::accuracy_close(plan, records),
            published: study.published.as_ref().map(|published| compare_with_published(published, &figures)),
            rows: figures.into_iter().map(|figures| VariantRow::new(figures, target)).collect(),
            runs: runs.map(|run| RunRow::new(run, target)).collect(),
        }
    }
}

fn facts(plan: &StudyPlan, records: &Records) -> [(&'static str, String); 11] {
    let (start, machine, manifest) = (&records.start, &records.start.machine, &plan.task.manifest);
    let threads =
        if machine.device == DeviceKind::Cpu { format!(", {} threads", machine.threads) } else { String::new() };
    let whose = if manifest.is_published() { "" } else { ", not the track's published one" };
    let short = |digest: Sha256Hex| digest.to_string()[..16].to_owned();
    [
        ("Track", format!("{} ({})", plan.track(), plan.task.track.title)),
        ("Data set", format!("{}{whose}", manifest.id)),
        ("Target", percentage(start.target.percent())),
        ("Runs of each variant", plan.runs.to_string()),
        ("Hardware", show(&format!("{}{threads}", machine.hardware))),
        ("libtorch", show(&machine.libtorch_version)),
        ("Begun", show(&start.started_at)),
        ("SHA-256 of the study", short(plan.file.digest)),
        ("SHA-256 of the data", short(start.content_sha256)),
        ("SHA-256 of hlb-bench", short(machine.program_sha256)),
        ("SHA-256 of hlb-bench-trainer", short(machine.trainer_sha256)),
    ]
}

impl VariantRow {
    fn new(figures: VariantFigures, target: Target) -> Self {
        let against = figures.against.clone().unwrap_or_default();
        let is_reference = figures.against.is_none();
        let compared = |cell: Cell| if is_reference { Cell::none("the reference") } else { cell };
        let points = |points: f64| format!("{points:+.2}");
        Self {
            left_out: left_out(&figures),
            time: time(&figures, target),
            accuracy: Cell::estimate(figures.accuracy_percent, percentage, "no run ended"),
            difference: compared(Cell::estimate(against.accuracy_points, points, "no pairs")),
            p_t_test: compared(Cell::p(against.p_t_test)),
            p_wilcoxon: compared(Cell::p(against.p_wilcoxon)),
            train_ratio: compared(Cell::estimate(against.train_ratio, ratio, "no pairs")),
            figures,
        }
    }
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
        Self { value: "—".to_owned(), below: why.to_owned() }
    }

    fn estimate(estimate: Option<Estimate>, words: impl Fn(f64) -> String, why_not: &str) -> Self {
        let Some(Estimate { value, low, high }) = estimate else { return Self::none(why_not) };
        Self { value: words(value), below: human_interval(low, high, words) }
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
}

impl<'a> RunRow<'a> {
    fn new(record: &'a RunRecord, target: Target) -> Self {
        Self {
            record,
            time_to_accuracy_seconds: record.time_to_accuracy_seconds(target),
            train_seconds: record.train_seconds(),
            final_accuracy: record.final_accuracy(),
        }
    }
}
