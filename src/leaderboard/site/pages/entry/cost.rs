//! What a page tells of cost: at the price of the session's day, and at that of the newest day that this program knows.

use serde::Serialize;

use crate::leaderboard::site::figures::{MEDIAN_MISSED, spread};
use crate::leaderboard::site::figure::{Fact, Figure, day, dollars, foreign};
use crate::price::{Origin, Price, Table, cost};
use crate::result::Entry;

/// What an hour of the machine costs, who says so, and what the median time to target costs.
#[derive(Debug, Serialize)]
pub(crate) struct CostView {
    rows: Vec<CostRow>,
    /// Why there is no newer price.
    not_repriced: Option<&'static str>,
    facts: Vec<Fact>,
}

/// The cost at one price.
#[derive(Debug, Serialize)]
struct CostRow {
    as_of: String,
    seen: Figure,
    per_hour: String,
    prorated: Figure,
    billed: Figure,
}

impl CostRow {
    fn new(as_of: String, price: &Price, seconds: Option<f64>) -> Self {
        let cost = seconds.map(|seconds| cost(seconds, price));
        let usd =
            |usd: Option<f64>, why: &str| usd.map_or_else(|| Figure::unknown(why), |usd| Figure::known(dollars(usd)));
        let unbilled = if cost.is_some() { "the provider's rule for billing is not known" } else { MEDIAN_MISSED };
        Self {
            as_of,
            seen: seen_on(price),
            per_hour: dollars(price.usd_per_hour),
            prorated: usd(cost.map(|cost| cost.prorated_usd), MEDIAN_MISSED),
            billed: usd(cost.and_then(|cost| cost.billed_usd), unbilled),
        }
    }
}

impl CostView {
    /// `None` where no price was given.
    pub(crate) fn new(entry: &Entry, prices: &Table) -> Option<Self> {
        let price = entry.result.price.as_ref()?;
        let seconds = spread(entry).median;
        let newest_day = prices.newest_day();
        let as_of = format!("the session's day, {}", day(&entry.result.session.started_at));
        let mut rows = vec![CostRow::new(as_of, price, seconds)];
        let newer = prices.on(price, newest_day);
        let not_repriced = newer.is_none().then(|| not_tabled(price));
        let newest = |price: Price| CostRow::new(format!("{newest_day}, this page's newest prices"), &price, seconds);
        rows.extend(newer.map(newest));
        Some(Self { rows, not_repriced, facts: price_facts(price) })
    }
}

fn not_tabled(price: &Price) -> &'static str {
    match price.origin {
        Origin::Own => "the price was given by whoever held the session, so no table has a newer one",
        Origin::File => "the price is from a table of whoever held the session, so this program has no newer one",
        Origin::Shipped => "the table of prices has no such row any more",
    }
}

fn seen_on(price: &Price) -> Figure {
    let text = |date: &crate::text::SafeText<10>| Figure::known(foreign(date.as_str()));
    price.date.as_ref().map_or_else(|| Figure::unknown("the source does not say"), text)
}

fn price_facts(price: &Price) -> Vec<Fact> {
    let text = |text: &str| Figure::known(foreign(text));
    let rule = |billing: &crate::price::Billing| {
        let (least, step) = (billing.minimum_seconds, billing.increment_seconds);
        let source = billing.source.as_str();
        text(&format!("at least {least} s, then in steps of {step} s ({source})"))
    };
    let gpus = price.gpus.as_ref().map(|gpus| text(gpus.as_str()));
    let billing = price.billing.as_ref().map(rule);
    vec![
        Fact::new("Provider", text(price.provider.as_str())),
        Fact::new("Instance", text(price.instance.as_str())),
        Fact::new("Region", text(price.region.as_str())),
        Fact::new("GPUs of the instance", gpus.unwrap_or_else(|| Figure::unknown("the price names none"))),
        Fact::new("Source", text(price.source.as_str())),
        Fact::new(
            "Billing",
            billing.unwrap_or_else(|| Figure::unknown("the provider's rule for billing is not known")),
        ),
    ]
}
