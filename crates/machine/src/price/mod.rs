//! What machines cost: the price that the user gives, or a row of a table; what a span of time costs at it; and the list
//! price of a hardware class, whoever measured.
//!
//! The table is `prices.yaml`, compiled in, and a file of the same form may add to it. Each row holds every price that it
//! was seen at, so that a run is priced as of its own day and can be priced anew as of another. An unknown price is
//! `None`, never an estimate.

mod billing;
mod list_price;
mod quote;
mod table;

pub use billing::Billing;
pub use list_price::{ListPrice, NoListPrice};
pub use quote::{Cost, Origin, Price, PriceError, cost};
pub use table::{Table, schema};

#[cfg(test)]
mod tests;
