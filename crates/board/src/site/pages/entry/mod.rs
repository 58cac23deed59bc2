//! The page of an entry.

mod cost;
mod dataset;
mod reproductions;
mod telemetry;

use serde::Serialize;

use crate::board::{RankedTrack, Row};
use crate::site::charts::runs::{self, RunChart};
use crate::site::charts::spread::{self, SpreadChart};
use crate::site::figure::{Fact, Figure};
use crate::site::figures::{MEDIAN_MISSED, cpu_energy, gpu_energy};
use crate::site::pages::entry::cost::CostView;
use crate::site::pages::entry::reproductions::ReproductionView;
use crate::site::pages::entry::telemetry::TelemetryView;
use crate::site::pages::rows::RowView;
use crate::site::pages::track_facts::TrackFacts;
use crate::site::shell::Shell;
use hlb_core::artifact::Sha256Hex;
use hlb_core::tree::Change;
use hlb_machine::price::Table;
use hlb_recipe::variant;
use hlb_result::{Entry, Phases, ResultFile, Trust};

/// The page of an entry.
#[derive(Debug, Serialize)]
pub(crate) struct EntryPage<'a> {
    shell: &'a Shell,
    track: TrackFacts,
    path: &'a str,
    /// What its row in a table shows, too.
    #[serde(flatten)]
    row: RowView<'a>,
    /// The page where it is compared with others.
    compare: Option<String>,
    /// The result file as it is; templates write its figures.
    result: &'a ResultFile,
    result_sha256: Sha256Hex,
    target_percent: f64,
    median_missed: &'static str,
    chart: Option<RunChart>,
    close_chart: Option<RunChart>,
    spread_chart: Option<SpreadChart>,
    phases: Vec<PhaseView>,
    /// Keys in which its recipe differs from the reference; `None` where that does not ship with this program.
    changes: Option<Vec<Change>>,
    dataset: Vec<Fact>,
    telemetry: TelemetryView,
    gpu_energy: Figure,
    cpu_energy: Figure,
    peak_unknown: &'static str,
    cost: Option<CostView>,
    signature: Option<SignatureView<'a>>,
    reproductions: Vec<ReproductionView>,
    reproduce: String,
}

/// One account of the clock.
#[derive(Debug, Serialize)]
struct PhaseView {
    name: &'static str,
    about: &'static str,
    seconds: f64,
    /// Its share in percent.
    share: f64,
    /// Where its part of the bar begins, 0 to 100.
    begin: f64,
    /// Length of its part.
    bar: f64,
    color: usize,
}

fn phases(phases: &Phases) -> Vec<PhaseView> {
    let accounts = [
        ("Data set", "verify, decode and load the data; start both programs", phases.dataset_seconds),
        ("Setup", "build the models", phases.setup_seconds),
        ("Warmup run", "untimed, on random labels, then discarded", phases.warmup_run_seconds),
        ("Train", "the seconds that time-to-accuracy counts", phases.train_seconds),
        ("Evaluate", "accuracy after every epoch", phases.evaluate_seconds),
        ("Log", "write events during runs", phases.log_seconds),
        ("Other", "everything else", phases.other_seconds),
    ];
    let mut begin = 0.0;
    let mut row = |(index, (name, about, seconds)): (usize, (&'static str, &'static str, f64))| {
        let share = if phases.wall_seconds > 0.0 { 100.0 * seconds / phases.wall_seconds } else { 0.0 };
        let bar = (share.clamp(0.0, 100.0 - begin) * 10.0).round() / 10.0;
        let drawn = PhaseView { name, about, seconds, share, begin, bar, color: index + 1 };
        begin = ((begin + bar) * 10.0).round() / 10.0;
        drawn
    };
    accounts.into_iter().enumerate().map(&mut row).collect()
}

/// Why the peak of the device is unknown, where it is.
fn peak_unknown(result: &ResultFile) -> &'static str {
    match (result.session.device.as_str(), result.machine.trained_gpu) {
        ("cuda", Some(_)) => "the table of peaks does not list this GPU, or not for this precision",
        ("cuda", None) => "it is unknown which GPU trained",
        _ => "trained on the processor, and the table lists peaks of GPUs only",
    }
}

/// Who signed, with what, and as what.
#[derive(Debug, Serialize)]
struct SignatureView<'a> {
    principal: &'a str,
    fingerprint: &'a str,
    algorithm: &'static str,
    namespace: &'static str,
}

impl<'a> SignatureView<'a> {
    fn new(trust: &'a Trust) -> Option<Self> {
        let (signer, namespace) = trust.signer().zip(trust.namespace())?;
        let (principal, fingerprint) = (signer.principal.as_str(), signer.fingerprint.as_str());
        Some(Self { principal, fingerprint, algorithm: signer.algorithm.as_str(), namespace })
    }
}

/// The command that runs the session again. It holds no text of a stranger: readers paste it into a shell.
fn reproduce(entry: &Entry) -> String {
    let session = &entry.result.session;
    let device = match session.device.as_str() {
        "cuda" => " --device cuda".to_owned(),
        "cpu" => format!(" --device cpu --threads {}", session.threads),
        _ => String::new(),
    };
    let stop = if session.stop_at_target { " --stop-at-target" } else { "" };
    let paired = if entry.result.reference.is_some() { " --calibrate" } else { "" };
    let exactly = if session.deterministic { " --deterministic" } else { "" };
    let data = if entry.result.dataset.published { "" } else { " --manifest dataset.yaml" };
    format!("hlb-bench run variant.yaml --runs {}{device}{paired}{exactly}{stop}{data}", session.runs)
}

impl<'a> EntryPage<'a> {
    pub(crate) fn new(shell: &'a Shell, track: &RankedTrack, row: &'a Row, prices: &Table) -> Self {
        let (entry, result) = (&row.entry, &row.entry.result);
        let (curves, target) = (runs::curves(&entry.log), result.target.percent());
        let reference = variant::shipped(&track.track.reference);
        Self {
            shell,
            track: TrackFacts::new(&track.track),
            path: &row.path,
            row: RowView::new(row, 0.0),
            compare: (track.rows.len() > 1).then(|| format!("tracks/{}/compare.html#one={}", track.track.id, row.path)),
            result,
            result_sha256: entry.result_sha256,
            target_percent: target,
            median_missed: MEDIAN_MISSED,
            chart: runs::whole(&curves, target),
            close_chart: runs::near_target(&curves, target),
            spread_chart: spread::draw(entry),
            phases: phases(&result.derived.phases),
            changes: reference.map(|reference| variant::differences(&reference, &entry.recipe)),
            dataset: dataset::facts(entry),
            telemetry: TelemetryView::new(entry, &row.sensors),
            gpu_energy: gpu_energy(entry),
            cpu_energy: cpu_energy(entry),
            peak_unknown: peak_unknown(result),
            cost: CostView::new(entry, prices),
            signature: SignatureView::new(&entry.trust),
            reproductions: reproductions::all(entry, &row.path),
            reproduce: reproduce(entry),
        }
    }
}
