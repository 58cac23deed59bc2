//! The page of an entry.

mod cost;
mod reproductions;
mod telemetry;

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::board::{RankedTrack, Row};
use crate::site::charts::{runs, spread};
use crate::site::figures::{cpu_energy, gpu_energy};
use crate::site::pages::rows;
use crate::site::pages::track::facts;
use hlb_core::units::DeviceKind;
use hlb_machine::price::Table;
use hlb_recipe::variant;
use hlb_result::{Entry, Phases, ResultFile, Trust};

/// The accounts of the clock, each with its share and its part of the bar, which is 100 long.
fn phases(phases: &Phases) -> Value {
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
        let drawn = context! { name, about, seconds, share, begin, bar, color => index + 1 };
        begin = ((begin + bar) * 10.0).round() / 10.0;
        drawn
    };
    accounts.into_iter().enumerate().map(&mut row).collect()
}

/// Why the peak of the device is unknown, where it is.
fn peak_unknown(result: &ResultFile) -> &'static str {
    match result.session.device {
        DeviceKind::Cuda if result.machine.knows(DeviceKind::Cuda) => "the table of peaks does not list this GPU",
        DeviceKind::Cuda => "it is unknown which GPU trained",
        DeviceKind::Cpu => "trained on the processor, and the table lists peaks of GPUs only",
    }
}

/// Who signed, with what, and as what.
fn signature(trust: &Trust) -> Option<Value> {
    let (signer, namespace) = trust.signer().zip(trust.namespace())?;
    let (principal, fingerprint) = (&signer.principal, &signer.fingerprint);
    Some(context! { principal, fingerprint, algorithm => signer.algorithm.as_str(), namespace })
}

/// The command that runs the session again. It holds no text of a stranger: readers paste it into a shell.
fn reproduce(entry: &Entry) -> String {
    let session = &entry.result.session;
    let device = match session.device {
        DeviceKind::Cuda => " --device cuda".to_owned(),
        DeviceKind::Cpu => format!(" --device cpu --threads {}", session.threads),
    };
    let stop = if session.stop_at_target { " --stop-at-target" } else { "" };
    let paired = if entry.result.reference.is_some() { " --calibrate" } else { "" };
    let exactly = if session.deterministic { " --deterministic" } else { "" };
    let data = if entry.result.dataset.published { "" } else { " --manifest dataset.yaml" };
    format!("hlb-bench run variant.yaml --runs {}{device}{paired}{exactly}{stop}{data}", session.runs)
}

/// The page of an entry.
pub(crate) fn page(track: &RankedTrack, row: &Row, prices: &Table) -> Value {
    let (entry, result) = (&row.entry, &row.entry.result);
    let (curves, target) = (runs::curves(&entry.log), result.target.percent());
    let reference = variant::shipped(&track.track.reference);
    let compare = || format!("tracks/{}/compare.html#one={}", track.track.id, row.path);
    let again = |again| reproductions::view(entry, again, &row.path);
    context! {
        track => facts(&track.track),
        path => &row.path,
        compare => (track.rows.len() > 1).then(compare),
        result => Serde(result),
        result_sha256 => entry.result_sha256.to_string(),
        target_percent => target,
        chart => Serde(runs::whole(&curves, target)),
        close_chart => Serde(runs::near_target(&curves, target)),
        spread_chart => spread::draw(entry),
        phases => phases(&result.derived.phases),
        // Keys in which its recipe differs from the reference; none where that does not ship with this program.
        changes => Serde(reference.map(|reference| variant::differences(&reference, &entry.recipe))),
        manifest => context! { id => entry.task.manifest.id.as_str(), title => entry.task.manifest.title.as_str() },
        shapes => context! { train => entry.task.shapes.train, evaluation => entry.task.shapes.evaluation },
        resize => result.dataset.resize.map(|resize| resize.to_string()),
        telemetry => telemetry::view(entry, &row.sensors),
        why => telemetry::why(&row.sensors),
        gpu_energy => gpu_energy(entry),
        cpu_energy => cpu_energy(entry),
        peak_unknown => peak_unknown(result),
        cost => cost::view(entry, prices),
        list_price_source => row.list_price.as_ref().ok().map(|price| price.row.source.as_str()),
        signature => signature(&entry.trust),
        reproductions => entry.reproductions.iter().map(again).collect::<Value>(),
        reproduce => reproduce(entry),
        // What its row in a table shows, too.
        ..rows::view(row, 0.0)
    }
}
