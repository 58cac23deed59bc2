//! What the template of an entry's page is told.

mod calibration;
mod cost;
mod dataset;
mod effort;
mod machine;
mod reproductions;
mod telemetry;

use serde::Serialize;

use crate::leaderboard::site::pages::entry::calibration::CalibrationView;
use crate::leaderboard::site::pages::entry::cost::CostView;
use crate::leaderboard::site::figures::{
    Energy, Estimated, MEDIAN_MISSED, WarningView, cost, energy, final_accuracy, level, median_interval, quartiles,
    ratio_to_reference, time_to_target, warnings,
};
use crate::leaderboard::site::figure::{Fact, Figure, day, foreign, human_interval, percentage};
use crate::leaderboard::site::pages::entry::machine::MachineView;
use crate::leaderboard::site::pages::entry::reproductions::ReproductionView;
use crate::leaderboard::site::pages::rows::{AuthorLink, TrustView, author_links};
use crate::leaderboard::site::charts::runs::{self, RunChart};
use crate::leaderboard::site::shell::Shell;
use crate::leaderboard::site::charts::spread::{self, SpreadChart};
use crate::leaderboard::site::pages::entry::telemetry::TelemetryView;
use crate::leaderboard::site::pages::track_facts::TrackFacts;
use crate::leaderboard::board::{RankedTrack, Row};
use crate::price::Table;
use crate::result::{Entry, NearbyTimes, Phases, ResultFile, RunFigures, Trust};
use crate::track::Track;
use crate::tree::Change;
use crate::units::{Target, human_seconds};
use crate::variant;

const NOT_REACHED: &str = "the target was not reached";

/// The page of an entry.
#[derive(Debug, Serialize)]
pub(crate) struct EntryPage {
    shell: Shell,
    track: TrackFacts,
    path: String,
    name: String,
    description: String,
    authors: Vec<AuthorLink>,
    extends: String,
    date: String,
    started_at: String,
    rank: Option<usize>,
    retracted: bool,
    /// The page where it is set beside others.
    compare: Option<String>,
    /// The hardware class that it is ranked in.
    class: String,
    level: Option<String>,
    reasons: Vec<String>,
    warnings: Vec<WarningView>,
    trust: TrustView,
    headline: Headline,
    chart: Option<RunChart>,
    close_chart: Option<RunChart>,
    spread_chart: Option<SpreadChart>,
    runs: Vec<RunView>,
    /// Runs of the reference beside it; none where it is not calibrated.
    reference_runs: Vec<RunView>,
    calibration: CalibrationView,
    nearby: Vec<NearbyView>,
    phases: Vec<PhaseView>,
    wall: String,
    clocks_agree: bool,
    changes: Changes,
    dataset: Vec<Fact>,
    machine: MachineView,
    telemetry: TelemetryView,
    energy: Vec<Fact>,
    work: Vec<Fact>,
    repeatability: Option<String>,
    cost: Option<CostView>,
    digests: Vec<DigestView>,
    signature: Option<SignatureView>,
    reproductions: Vec<ReproductionView>,
    reproduce: String,
}

/// The figures that a reader looks for first.
#[derive(Debug, Serialize)]
struct Headline {
    time: Figure,
    interval: Option<String>,
    quartiles: Option<String>,
    range: Option<String>,
    end_to_end: Figure,
    ratio: Estimated,
    cost: Figure,
    energy: Energy,
    accuracy: Figure,
    deviation: Option<String>,
    p: Option<String>,
    reached: String,
    /// The share that would reach, by Wilson.
    share: Option<String>,
    per_step: Figure,
    hardware: String,
}

impl Headline {
    fn new(entry: &Entry) -> Self {
        let (result, summary) = (&entry.result, &entry.result.derived.summary);
        let spread = &summary.time_to_accuracy_seconds;
        let range = spread.min.zip(spread.max);
        Self {
            time: time_to_target(entry),
            interval: median_interval(entry),
            quartiles: quartiles(spread),
            range: range.map(|(min, max)| format!("{} – {}", human_seconds(min), human_seconds(max))),
            end_to_end: Figure::seconds(summary.end_to_end_seconds, MEDIAN_MISSED),
            ratio: ratio_to_reference(entry),
            cost: cost(entry),
            energy: energy(entry),
            accuracy: final_accuracy(entry),
            deviation: summary.final_accuracy_deviation_points.map(|points| format!("{points:.2}")),
            p: summary.p_mean_over_target.map(|p| format!("{p:.4}")),
            reached: format!("{} of {}", summary.reached, summary.runs),
            share: summary.reached_share_interval.map(|share| human_interval(share.low, share.high, whole_percent)),
            per_step: milliseconds(summary.seconds_per_step),
            hardware: foreign(&result.machine.class(&result.session.device)),
        }
    }
}

fn whole_percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

fn milliseconds(seconds: Option<f64>) -> Figure {
    seconds
        .map_or_else(|| Figure::none("no step was made"), |seconds| Figure::known(format!("{:.1} ms", seconds * 1e3)))
}

/// One run.
#[derive(Debug, Serialize)]
struct RunView {
    run: u32,
    seed: String,
    outcome: &'static str,
    reason: Option<String>,
    time: Figure,
    end_to_end: Figure,
    first_epoch: Figure,
    sustained: Figure,
    final_accuracy: Figure,
}

impl RunView {
    fn new(run: &RunFigures) -> Self {
        let or_none = |text: Option<String>| text.map_or_else(|| Figure::none(NOT_REACHED), Figure::known);
        let sustained = run.sustained.map(|kept| if kept { "yes" } else { "no" }.to_owned());
        let last = run.final_accuracy.map(crate::units::Accuracy::percent);
        Self {
            run: run.run,
            seed: run.seed.to_string(),
            outcome: run.outcome.word(),
            reason: run.reason.as_deref().map(foreign),
            time: Figure::seconds(run.time_to_accuracy_seconds, NOT_REACHED),
            end_to_end: Figure::seconds(run.end_to_end_seconds, NOT_REACHED),
            first_epoch: or_none(run.first_reached_epoch.map(|epoch| epoch.to_string())),
            sustained: or_none(sustained),
            final_accuracy: Figure::percent(last, "the run did not come to the end of its schedule"),
        }
    }
}

/// Median time to one of the targets around the track's.
#[derive(Debug, Serialize)]
struct NearbyView {
    offset: &'static str,
    target: String,
    time: Figure,
    own: bool,
}

fn nearby(times: &NearbyTimes, median: Option<f64>, target: Target) -> Vec<NearbyView> {
    let row = |offset: &'static str, points: f64, seconds| NearbyView {
        offset,
        target: percentage(target.percent() + points),
        time: Figure::seconds(seconds, "the median run did not reach it"),
        own: points == 0.0,
    };
    vec![
        row("−0.5", -0.5, times.minus_0_5_points),
        row("−0.2", -0.2, times.minus_0_2_points),
        row("the target", 0.0, median),
        row("+0.2", 0.2, times.plus_0_2_points),
        row("+0.5", 0.5, times.plus_0_5_points),
    ]
}

/// One account of the clock.
#[derive(Debug, Serialize)]
struct PhaseView {
    name: &'static str,
    about: &'static str,
    seconds: String,
    share: String,
    /// Where its part of the bar begins, 0 to 100.
    begin: f64,
    /// Length of its part.
    bar: f64,
    color: usize,
}

fn phases(phases: &Phases) -> Vec<PhaseView> {
    let accounts = [
        ("Data set", "verify, decode and hand over the data; start both programs", phases.dataset_seconds),
        ("Setup", "build the models", phases.setup_seconds),
        ("Warmup run", "untimed, on meaningless labels, then dropped", phases.warmup_run_seconds),
        ("Train", "what time-to-accuracy is counted in", phases.train_seconds),
        ("Evaluate", "accuracy after every epoch", phases.evaluate_seconds),
        ("Log", "write events inside runs", phases.log_seconds),
        ("Other", "everything else", phases.other_seconds),
    ];
    let mut begin = 0.0;
    let mut row = |(index, (name, about, seconds)): (usize, (&'static str, &'static str, f64))| {
        let share = if phases.wall_seconds > 0.0 { 100.0 * seconds / phases.wall_seconds } else { 0.0 };
        let bar = (share.clamp(0.0, 100.0 - begin) * 10.0).round() / 10.0;
        let drawn = PhaseView {
            name,
            about,
            seconds: human_seconds(seconds),
            share: format!("{share:.1} %"),
            begin,
            bar,
            color: index + 1,
        };
        begin = ((begin + bar) * 10.0).round() / 10.0;
        drawn
    };
    accounts.into_iter().enumerate().map(&mut row).collect()
}

/// The recipe against the track's reference.
#[derive(Debug, Serialize)]
struct Changes {
    reference_known: bool,
    rows: Vec<Change>,
}

impl Changes {
    fn new(track: &Track, entry: &Entry) -> Self {
        let shown = |change: Change| Change {
            path: foreign(&change.path),
            before: foreign(&change.before),
            after: foreign(&change.after),
        };
        match variant::shipped(&track.reference) {
            Some(reference) => {
                let rows = variant::differences(&reference, &entry.recipe).into_iter().map(shown).collect();
                Self { reference_known: true, rows }
            }
            None => Self { reference_known: false, rows: Vec::new() },
        }
    }
}

/// A digest and what it is of.
#[derive(Debug, Serialize)]
struct DigestView {
    of: &'static str,
    sha256: Figure,
    /// The file beside the page, if it is one.
    file: Option<&'static str>,
}

fn digests(entry: &Entry) -> Vec<DigestView> {
    use crate::result::{LOG_FILE, MANIFEST_FILE, RECIPE_FILE, RESULT_FILE, VARIANT_FILE};
    let result: &ResultFile = &entry.result;
    let row = |of, file, sha256: &dyn ToString| DigestView { of, file, sha256: Figure::known(sha256.to_string()) };
    let own_manifest = (!result.dataset.published).then_some(MANIFEST_FILE);
    let library = result.libtorch.cpu_library_sha256.as_ref();
    vec![
        row("Result: the entry's identity", Some(RESULT_FILE), &entry.result_sha256),
        row("Variant", Some(VARIANT_FILE), &result.variant.variant_sha256),
        row("Recipe", Some(RECIPE_FILE), &result.variant.recipe_sha256),
        row("Run log", Some(LOG_FILE), &result.log.sha256),
        row("Data set: decoded images and labels", None, &result.dataset.content_sha256),
        row("Data set: manifest", own_manifest, &result.dataset.manifest_sha256),
        row("Program hlb-bench", None, &result.harness.program_sha256),
        row("Program hlb-bench-trainer", None, &result.harness.trainer_sha256),
        DigestView {
            of: "libtorch_cpu.so",
            file: None,
            sha256: library.map_or_else(
                || Figure::unknown("the library could not be read"),
                |sha256| Figure::known(sha256.to_string()),
            ),
        },
    ]
}

/// Who signed, with what, and as what.
#[derive(Debug, Serialize)]
struct SignatureView {
    principal: String,
    fingerprint: String,
    algorithm: &'static str,
    namespace: &'static str,
}

impl SignatureView {
    fn new(trust: &Trust) -> Option<Self> {
        let (signer, namespace) = trust.signer().zip(trust.namespace())?;
        Some(Self {
            principal: foreign(&signer.principal),
            fingerprint: foreign(&signer.fingerprint),
            algorithm: signer.algorithm.as_str(),
            namespace,
        })
    }
}

/// The command that holds the session again. Only words of our own get in: readers paste it into a shell.
fn reproduce(entry: &Entry) -> String {
    let session = &entry.result.session;
    let device = match session.device.as_str() {
        "cuda" => " --device cuda".to_owned(),
        "cpu" => format!(" --device cpu --threads {}", session.threads),
        _ => String::new(),
    };
    let stop = if session.stop_at_target { " --stop-at-target" } else { "" };
    let beside = if entry.result.reference.is_some() { " --calibrate" } else { "" };
    let exactly = if session.deterministic { " --deterministic" } else { "" };
    let data = if entry.result.dataset.published { "" } else { " --manifest dataset.yaml" };
    format!("hlb-bench run variant.yaml --runs {}{device}{beside}{exactly}{stop}{data}", session.runs)
}

impl EntryPage {
    pub(crate) fn new(shell: Shell, track: &RankedTrack, row: &Row, prices: &Table) -> Self {
        let (entry, result) = (&row.entry, &row.entry.result);
        let (derived, target) = (&result.derived, result.target);
        let curves = runs::curves(&entry.log);
        Self {
            shell,
            track: TrackFacts::new(&track.track),
            path: row.path.clone(),
            name: result.variant.name.to_string(),
            description: result.variant.description.to_string(),
            authors: author_links(entry),
            extends: foreign(&result.variant.extends),
            date: day(&result.session.started_at),
            started_at: foreign(&result.session.started_at),
            rank: row.rank,
            retracted: row.retraction.is_some(),
            compare: (track.rows.len() > 1).then(|| format!("tracks/{}/compare.html#one={}", track.track.id, row.path)),
            class: foreign(&row.class),
            level: level(row),
            reasons: row.unranked_because.iter().map(|reason| foreign(reason)).collect(),
            warnings: warnings(entry),
            trust: TrustView::new(entry),
            headline: Headline::new(entry),
            chart: runs::whole(&curves, target.percent()),
            close_chart: runs::near_target(&curves, target.percent()),
            spread_chart: spread::draw(entry),
            runs: derived.runs.iter().map(RunView::new).collect(),
            reference_runs: derived.calibration.iter().flat_map(|found| &found.runs).map(RunView::new).collect(),
            calibration: CalibrationView::new(entry),
            nearby: nearby(&derived.summary.nearby, derived.summary.time_to_accuracy_seconds.median, target),
            phases: phases(&derived.phases),
            wall: human_seconds(derived.phases.wall_seconds),
            clocks_agree: derived.phases.clocks_agree,
            changes: Changes::new(&track.track, entry),
            dataset: dataset::facts(entry),
            machine: MachineView::new(entry),
            telemetry: TelemetryView::new(entry, &row.sensors),
            energy: effort::energy(entry),
            work: effort::work(entry),
            repeatability: effort::repeatability(entry),
            cost: CostView::new(entry, prices),
            digests: digests(entry),
            signature: SignatureView::new(&entry.trust),
            reproductions: reproductions::all(entry, &row.path),
            reproduce: reproduce(entry),
        }
    }
}
