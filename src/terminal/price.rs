//! A price in words.

use hlb_machine::price::Price;

/// The line of a row of the table.
pub(crate) fn describe_price(price: &Price) -> String {
    let date = price.date.as_ref().map_or("undated", |date| date.as_str());
    format!("{:<52} {:>10.4} US dollars an hour, {date}", price.name(), price.usd_per_hour)
}
