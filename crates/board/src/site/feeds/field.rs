//! Keys of an entry and their values: the one list that both files of entries are made from.
//!
//! Figures are those of the result, unrounded. An unknown value is `null`, never 0; the reason is under the same key with
//! `_unknown`, worded as on the page.

use serde_json::Value;

use crate::board::{Row, day, second};
use crate::site::addresses::entry_page;
use crate::site::figure::{Figure, foreign};
use crate::site::figures::{
    author_names, cost, energy, energy_of, final_accuracy, list_price_cost, ratio_to_reference, reproducers,
    time_to_target, trained_on_gpu,
};
use hlb_core::stats::{Estimate, Spread, rounded_up_p};
use hlb_core::text::SafeText;
use hlb_data::track::Track;
use hlb_machine::price::{ListPrice, Price};
use hlb_result::{Entry, ResultFile, Summary, Warning};

/// An entry on its track.
#[derive(Clone, Copy)]
pub(super) struct Standing<'a> {
    pub track: &'a Track,
    pub row: &'a Row,
}

/// Reads a value off an entry.
type FieldValue = fn(&Standing<'_>) -> Value;

/// Every key in its order, which is that of the table's columns. A new one goes to the end.
pub(crate) const FIELDS: &[(&str, FieldValue)] = &[
    ("path", |of| Value::from(of.row.path.as_str())),
    ("url", |of| Value::from(entry_page(of.row))),
    ("track", |of| Value::from(of.track.id.as_str())),
    ("target_percent", |of| Value::from(of.result().target.percent())),
    ("rank", |of| Value::from(of.row.rank)),
    ("class", |of| text(&of.row.class)),
    ("unranked_because", |of| of.row.unranked_because.iter().map(|reason| text(reason)).collect()),
    ("level_with_next", |of| Value::from(of.row.tied_with_next.as_ref().map(|tied| foreign(&tied.name)))),
    ("level_with_next_p", |of| Value::from(tied_p(of.row))),
    ("trust_level", |of| Value::from(of.entry().trust.level())),
    ("trust", |of| Value::from(of.entry().trust.as_str())),
    ("signer", |of| Value::from(of.entry().trust.signer().map(|signer| foreign(&signer.principal)))),
    ("name", |of| Value::from(of.result().variant.name.as_str())),
    ("authors", |of| Value::from(author_names(of.entry()))),
    ("description", |of| Value::from(of.result().variant.description.as_str())),
    ("extends", |of| text(&of.result().variant.extends)),
    ("date", |of| Value::from(of.row.started_at().map(day))),
    ("started_at", |of| Value::from(of.row.started_at().map(second))),
    ("date_unknown", |of| undated(of.row)),
    ("median_seconds", |of| Value::from(of.spread().median)),
    ("median_seconds_low", |of| Value::from(of.summary().median_interval_seconds.low)),
    ("median_seconds_high", |of| Value::from(of.summary().median_interval_seconds.high)),
    ("median_seconds_unknown", |of| why(time_to_target(of.entry()))),
    ("min_seconds", |of| Value::from(of.spread().min)),
    ("quartile_1_seconds", |of| Value::from(of.spread().quartile_1)),
    ("quartile_3_seconds", |of| Value::from(of.spread().quartile_3)),
    ("max_seconds", |of| Value::from(of.spread().max)),
    ("end_to_end_seconds", |of| Value::from(of.summary().end_to_end_seconds)),
    ("runs", |of| Value::from(of.summary().runs)),
    ("reached", |of| Value::from(of.summary().reached)),
    ("ratio_to_reference", |of| Value::from(of.ratio().map(|ratio| ratio.value))),
    ("ratio_to_reference_low", |of| Value::from(of.ratio().and_then(|ratio| ratio.low))),
    ("ratio_to_reference_high", |of| Value::from(of.ratio().and_then(|ratio| ratio.high))),
    ("ratio_to_reference_unknown", |of| why(ratio_to_reference(of.row))),
    ("cost_usd", |of| Value::from(of.summary().cost.map(|cost| cost.prorated_usd))),
    ("cost_billed_usd", |of| Value::from(of.summary().cost.and_then(|cost| cost.billed_usd))),
    ("cost_currency", |of| Value::from(of.summary().cost.map(|_| "USD"))),
    ("cost_usd_unknown", |of| why(cost(of.entry()))),
    ("price_usd_per_hour", |of| Value::from(of.price().map(|price| price.usd_per_hour))),
    ("price_date", |of| Value::from(price_date(of.price()))),
    ("price_date_unknown", |of| undated_price(of.price())),
    ("energy_joules", |of| Value::from(joules(of.entry()))),
    ("energy_of", |of| Value::from(energy_of(of.entry()))),
    ("energy_joules_unknown", |of| why(energy(of.entry()))),
    ("mean_final_accuracy_percent", |of| Value::from(of.summary().mean_final_accuracy_percent)),
    ("mean_final_accuracy_percent_unknown", |of| why(final_accuracy(of.entry()))),
    ("device", |of| text(of.result().session.device.as_str())),
    ("precision", |of| text(of.result().session.precision.as_str())),
    ("threads", |of| Value::from(of.result().session.threads)),
    ("logical_cpus", |of| Value::from(of.result().machine.host.logical_cpus)),
    ("processor", |of| Value::from(of.result().machine.host.cpu.as_deref().map(foreign))),
    ("processor_unknown", |of| unknown_processor(of.result())),
    ("libtorch_version", |of| text(of.result().libtorch.version.as_str())),
    ("harness_version", |of| text(of.result().harness.version.as_str())),
    ("rules_version", |of| text(&of.result().rules_version)),
    ("warnings", |of| of.row.warnings.iter().map(kind).collect()),
    ("warning_sentences", |of| of.row.warnings.iter().map(|found| text(&found.to_string())).collect()),
    ("reproductions", |of| Value::from(of.entry().reproductions.len())),
    ("reproductions_agreeing", |of| Value::from(agreeing(of.entry()))),
    ("reproduced_by", |of| Value::from(Some(reproducers(of.entry())).filter(|names| !names.is_empty()))),
    ("result_sha256", |of| Value::from(of.entry().result_sha256.to_string())),
    ("variant_sha256", |of| Value::from(of.result().variant.variant_sha256.to_string())),
    ("recipe_sha256", |of| Value::from(of.result().variant.recipe_sha256.to_string())),
    ("log_sha256", |of| Value::from(of.result().log.sha256.to_string())),
    ("dataset_content_sha256", |of| Value::from(of.result().dataset.content_sha256.to_string())),
    ("typical_host_seconds", |of| Value::from(of.row.on_typical_host.map(|seconds| seconds.value))),
    ("typical_host_seconds_low", |of| Value::from(of.row.on_typical_host.and_then(|seconds| seconds.low))),
    ("typical_host_seconds_high", |of| Value::from(of.row.on_typical_host.and_then(|seconds| seconds.high))),
    ("shares_rank", |of| Value::from(of.row.shares_rank)),
    ("not_proven_p", |of| Value::from(of.row.not_proven_p())),
    ("list_price_cost_usd", |of| Value::from(of.row.list_price_usd())),
    ("list_price_cost_usd_unknown", |of| why(list_price_cost(of.row))),
    ("list_price_usd_per_hour", |of| Value::from(of.list_price().map(|price| price.usd_per_hour))),
    ("list_price_name", |of| Value::from(of.list_price().map(ToString::to_string))),
    ("list_price_date", |of| Value::from(price_date(of.list_price().map(|price| &price.row)))),
    ("list_price_source", |of| Value::from(of.list_price().map(|price| price.row.source.as_str()))),
    ("steps_to_target", |of| Value::from(of.row.work.steps)),
    ("flop_to_target", |of| Value::from(of.row.work.flop)),
    ("announced", |of| Value::from(of.row.is_announced())),
];

impl<'a> Standing<'a> {
    fn entry(&self) -> &'a Entry {
        &self.row.entry
    }

    fn result(&self) -> &'a ResultFile {
        &self.row.entry.result
    }

    fn summary(&self) -> &'a Summary {
        &self.result().derived.summary
    }

    fn spread(&self) -> &'a Spread {
        &self.summary().time_to_accuracy_seconds
    }

    fn ratio(&self) -> Option<Estimate> {
        self.row.ratio.map(|ratio| ratio.estimate())
    }

    fn price(&self) -> Option<&'a Price> {
        self.result().price.as_ref()
    }

    fn list_price(&self) -> Option<&'a ListPrice> {
        self.row.list_price.as_ref().ok()
    }
}

/// A foreign text, without hidden characters and of a bearable length.
fn text(foreign_text: &str) -> Value {
    Value::from(foreign(foreign_text))
}

/// Why the page has no such figure.
fn why(figure: Figure) -> Value {
    Value::from(figure.missing)
}

/// Rounded as on the page, so that it does not depend on how logarithms are rounded.
fn tied_p(row: &Row) -> Option<f64> {
    row.tied_with_next.as_ref().map(|tied| rounded_up_p(tied.p))
}

fn undated(row: &Row) -> Value {
    Value::from(row.started_at().is_none().then_some("the session states no calendar time"))
}

fn price_date(price: Option<&Price>) -> Option<&str> {
    price?.date.as_ref().map(SafeText::as_str)
}

fn undated_price(price: Option<&Price>) -> Value {
    match price {
        None => Value::from("no price was given"),
        Some(Price { date: None, .. }) => Value::from("the source does not say"),
        Some(_) => Value::Null,
    }
}

fn unknown_processor(result: &ResultFile) -> Value {
    let host = &result.machine.host;
    let reason = host.unknown.get("cpu").filter(|_| host.cpu.is_none());
    Value::from(reason.map(|reason| foreign(reason)))
}

/// Energy of what trained.
fn joules(entry: &Entry) -> Option<f64> {
    let energy = &entry.result.derived.summary.energy;
    if trained_on_gpu(entry) { energy.gpu_joules } else { energy.cpu_joules }
}

/// A warning's kind as the result names it.
fn kind(warning: &Warning) -> Value {
    serde_json::to_value(warning).map_or(Value::Null, |value| value["kind"].clone())
}

fn agreeing(entry: &Entry) -> usize {
    entry.reproductions.iter().filter(|again| again.agreement.agrees()).count()
}
