//! Figures of an entry that the front page and its own page both show.

use minijinja::context;
use minijinja::value::Value;

use crate::board::Row;
use crate::site::figure::{Figure, dollars, foreign, human_interval, percentage, scaled};
use hlb_core::stats::{Estimate, Spread, rounded_up_p};
use hlb_core::units::{DeviceKind, human_seconds};
use hlb_result::{Entry, Warning};

/// Why a figure of the median run is missing.
pub(crate) const MEDIAN_MISSED: &str = "the median run did not reach the target";

/// Warnings, each as a short label and as a sentence.
pub(super) fn warnings(warnings: &[Warning]) -> Value {
    let view = |warning: &Warning| context! { word => warning.label(), sentence => foreign(&warning.to_string()) };
    warnings.iter().map(view).collect()
}

/// That a row shares its rank with the one below it.
pub(super) fn tied(row: &Row) -> Option<String> {
    let with = row.tied_with_next.as_ref()?;
    // A p-value that is rounded up is never stated as one of four zeros.
    Some(format!("shares its rank with {} (p = {:.4})", foreign(&with.name), rounded_up_p(with.p)))
}

/// That a row reaches the target on average, without proof.
pub(super) fn not_proven(row: &Row) -> Option<String> {
    row.not_proven_p().map(|p| format!("reaches on average, not proven (p = {p:.4})"))
}

/// Names of the authors of an entry.
pub(crate) fn author_names(entry: &Entry) -> Vec<String> {
    entry.result.variant.authors.iter().map(ToString::to_string).collect()
}

pub(super) fn spread(entry: &Entry) -> &Spread {
    &entry.result.derived.summary.time_to_accuracy_seconds
}

pub(crate) fn time_to_target(entry: &Entry) -> Figure {
    Figure::or_dash(spread(entry).median, human_seconds, MEDIAN_MISSED)
}

/// The 95 % interval of the median time; `None` where there is no median.
pub(super) fn median_interval(entry: &Entry) -> Option<String> {
    let interval = entry.result.derived.summary.median_interval_seconds;
    spread(entry).median.map(|_| human_interval(interval.low, interval.high, human_seconds))
}

/// The middle half of the runs; `None` where a quartile lies among those that did not reach.
pub(crate) fn quartiles(spread: &Spread) -> Option<String> {
    let (low, high) = spread.quartile_1.zip(spread.quartile_3)?;
    Some(format!("{} – {}", human_seconds(low), human_seconds(high)))
}

/// Time to target on the typical host of the class, with its interval; as measured where that is not known.
pub(super) fn standing_time(row: &Row) -> Figure {
    let Some(seconds) = row.on_typical_host else { return time_to_target(&row.entry) };
    let interval = human_interval(seconds.low, seconds.high, human_seconds);
    Figure { interval: Some(interval), ..Figure::known(human_seconds(seconds.value)) }
}

/// Time to target over that of the paired reference, on any host of the class.
pub(super) fn ratio_to_reference(row: &Row) -> Figure {
    ratio_of(&row.entry, row.ratio.map(|ratio| ratio.estimate()))
}

/// The same as measured on its host alone.
pub(super) fn own_ratio(entry: &Entry) -> Figure {
    ratio_of(entry, entry.ratio().map(|ratio| ratio.estimate()))
}

fn ratio_of(entry: &Entry, ratio: Option<Estimate>) -> Figure {
    if entry.is_reference() {
        return Figure::known("1 by definition".to_owned());
    }
    if entry.result.reference.is_none() {
        return Figure::missing("no reference", "the session has no paired reference");
    }
    Figure::ratio(ratio, "too many runs, of the variant or of the reference, did not reach the target")
}

/// At list price, which is the same for all rows of a hardware class and day.
pub(super) fn list_price_cost(row: &Row) -> Figure {
    match (&row.list_price, row.list_price_usd()) {
        (_, Some(usd)) => Figure::known(dollars(usd)),
        (Err(why), None) => Figure::unknown(&why.to_string()),
        (Ok(_), None) => Figure::unknown(MEDIAN_MISSED),
    }
}

/// Which list price that is, with its date.
pub(super) fn list_price(row: &Row) -> Option<String> {
    let price = row.list_price.as_ref().ok()?;
    let seen = price.row.date.as_ref().map_or_else(|| "undated".to_owned(), |date| format!("seen {date}"));
    Some(format!("{} an hour: {price}, {seen}", dollars(price.usd_per_hour)))
}

pub(super) fn steps_to_target(row: &Row) -> Figure {
    Figure::or_dash(row.work.steps, |steps| format!("{steps:.0}"), MEDIAN_MISSED)
}

pub(super) fn flop_to_target(row: &Row) -> Figure {
    Figure::or_dash(row.work.flop, |flop| scaled(flop, "FLOP"), MEDIAN_MISSED)
}

/// At the price that the submitter named.
pub(super) fn cost(entry: &Entry) -> Figure {
    let (result, summary) = (&entry.result, &entry.result.derived.summary);
    match (&result.price, summary.cost) {
        (_, Some(cost)) => Figure::known(dollars(cost.prorated_usd)),
        (None, None) => Figure::unknown("no price was given"),
        (Some(_), None) => Figure::unknown(MEDIAN_MISSED),
    }
}

/// Energy of what trained until the target was met: of the GPU, or of the processor's packages.
pub(super) fn energy(entry: &Entry) -> Figure {
    if trained_on_gpu(entry) { gpu_energy(entry) } else { cpu_energy(entry) }
}

/// What that energy is of.
pub(super) fn energy_of(entry: &Entry) -> &'static str {
    if trained_on_gpu(entry) { "GPU" } else { "processor" }
}

/// Whether a GPU trained, not a processor.
pub(super) fn trained_on_gpu(entry: &Entry) -> bool {
    entry.result.session.device == DeviceKind::Cuda
}

pub(crate) fn gpu_energy(entry: &Entry) -> Figure {
    let energy = &entry.result.derived.summary.energy;
    joules_or(entry, energy.gpu_joules, energy.gpu_unknown.as_deref())
}

pub(crate) fn cpu_energy(entry: &Entry) -> Figure {
    let energy = &entry.result.derived.summary.energy;
    joules_or(entry, energy.cpu_joules, energy.cpu_unknown.as_deref())
}

fn joules_or(entry: &Entry, known: Option<f64>, unknown: Option<&str>) -> Figure {
    let uncovered =
        if spread(entry).median.is_some() { "the readings do not cover the median run" } else { MEDIAN_MISSED };
    known.map_or_else(|| Figure::unknown(unknown.unwrap_or(uncovered)), |known| Figure::known(scaled(known, "J")))
}

pub(super) fn final_accuracy(entry: &Entry) -> Figure {
    let mean = entry.result.derived.summary.mean_final_accuracy_percent;
    Figure::or_dash(mean, percentage, "not every run came to the end of its schedule")
}

/// Who reproduced an entry, by name; empty if nobody did.
pub(crate) fn reproducers(entry: &Entry) -> String {
    let agree = entry.reproductions.iter().filter(|again| again.agreement.agrees() && again.is_independent_of(entry));
    let mut names: Vec<String> = agree.map(|again| principal(&again.entry)).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

pub(super) fn principal(entry: &Entry) -> String {
    entry.trust.signer().map_or_else(|| "nobody".to_owned(), |signer| foreign(&signer.principal))
}
