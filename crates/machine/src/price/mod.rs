//! What machines cost: the price that the user gives, or a row of a table; and what a span of time costs at it.
//!
//! The table is `prices.yaml`, compiled in, and a file of the same form may add to it. Each row holds every price that it
//! was seen at, so that a run is priced as of its own day and can be priced anew as of another. An unknown price is
//! `None`, never an estimate.

mod billing;
mod quote;
mod table;

pub use billing::Billing;
pub use quote::{Cost, Origin, Price, PriceError, cost};
pub use table::{Table, schema};

#[cfg(test)]
mod tests;
