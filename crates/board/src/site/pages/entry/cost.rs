//! Cost at the price of the session's day, and at that of the newest day that this program knows.

use serde::Serialize;

use crate::site::figure::day;
use crate::site::figures::spread;
use hlb_machine::price::{Cost, Origin, Price, Table, cost};
use hlb_result::Entry;

/// What an hour of the machine and the median time to target cost.
#[derive(Debug, Serialize)]
pub(crate) struct CostView {
    rows: Vec<CostRow>,
    /// Why there is no newer price.
    not_repriced: Option<&'static str>,
}

/// The cost at one price; `None` where the median run did not reach the target.
#[derive(Debug, Serialize)]
struct CostRow {
    as_of: String,
    price: Price,
    cost: Option<Cost>,
}

impl CostView {
    /// `None` where no price was given.
    pub(super) fn new(entry: &Entry, prices: &Table) -> Option<Self> {
        let price = entry.result.price.as_ref()?;
        let newest_day = prices.newest_day();
        let row = |as_of: String, price: Price| {
            let cost = spread(entry).median.map(|seconds| cost(seconds, &price));
            CostRow { as_of, price, cost }
        };
        let newer = prices.on(price, newest_day);
        let not_repriced = newer.is_none().then(|| not_tabled(price));
        let mut rows =
            vec![row(format!("the session's day, {}", day(&entry.result.session.started_at)), price.clone())];
        rows.extend(newer.map(|price| row(format!("{newest_day}, this page's newest prices"), price)));
        Some(Self { rows, not_repriced })
    }
}

fn not_tabled(price: &Price) -> &'static str {
    match price.origin {
        Origin::Own => "the price was given by the submitter, so no table has a newer one",
        Origin::File => "the price is from a table of the submitter's, so this program has no newer one",
        Origin::Shipped => "the table of prices no longer has this row",
    }
}
