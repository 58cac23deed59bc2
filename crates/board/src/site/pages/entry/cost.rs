//! Cost at the price of the session's day, and at that of the newest day that this program knows.

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::site::figure::day;
use crate::site::figures::spread;
use hlb_machine::price::{Origin, Price, Table, cost};
use hlb_result::Entry;

/// What an hour of the machine and the median time to target cost; `None` where no price was given.
pub(super) fn view(entry: &Entry, prices: &Table) -> Option<Value> {
    let price = entry.result.price.as_ref()?;
    let row = |as_of: String, price: &Price| {
        // None where the median run did not reach the target.
        let cost = spread(entry).median.map(|seconds| cost(seconds, price));
        context! { as_of, price => Serde(price), cost => Serde(cost) }
    };
    let newest_day = prices.newest_day();
    let newer = prices.on(price, newest_day);
    let mut rows = vec![row(format!("the session's day, {}", day(&entry.result.session.started_at)), price)];
    rows.extend(newer.as_ref().map(|price| row(format!("{newest_day}, this page's newest prices"), price)));
    Some(context! { rows, not_repriced => newer.is_none().then(|| not_tabled(price)) })
}

fn not_tabled(price: &Price) -> &'static str {
    match price.origin {
        Origin::Own => "the price was given by the submitter, so no table has a newer one",
        Origin::File => "the price is from a table of the submitter's, so this program has no newer one",
        Origin::Shipped => "the table of prices no longer has this row",
    }
}
