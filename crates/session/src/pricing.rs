//! The price of this machine on the day of a session.

use crate::error::SessionError;
use crate::note::Note;
use crate::observer::Observer;
use crate::plan::{LocalOptions, PriceChoice};
use hlb_core::clock;
use hlb_machine::Machine;
use hlb_machine::price::{Price, Table};

/// Rows that are named where the user has to choose one.
const ROWS_NAMED: usize = 4;

/// The price that was asked for, else that of the instance that this machine says it is.
pub(super) fn find(
    options: &LocalOptions,
    machine: &Machine,
    observer: &mut dyn Observer,
) -> Result<Option<Price>, SessionError> {
    let table = match &options.prices {
        Some(path) => Table::with_file(path)?,
        None => Table::shipped(),
    };
    let today = clock::today();
    match &options.price {
        PriceChoice::Row(name) => Ok(Some(table.find(name, &today)?)),
        PriceChoice::Own { usd_per_hour, source } => Ok(Some(Price::own(*usd_per_hour, source.clone(), &today)?)),
        PriceChoice::OfThisInstance => of_instance(&table, machine, &today, observer),
    }
}

fn of_instance(
    table: &Table,
    machine: &Machine,
    today: &str,
    observer: &mut dyn Observer,
) -> Result<Option<Price>, SessionError> {
    let Some(instance) = &machine.instance else { return Ok(None) };
    match &table.for_instance(&instance.provider, instance.instance_type.as_deref())[..] {
        [only] => {
            let price = table.find(&only.name(), today)?;
            observer.note(&Note::PriceFound(price.clone()));
            Ok(Some(price))
        }
        [] => Ok(None),
        several => {
            let rows = several.iter().take(ROWS_NAMED).map(Price::name).collect();
            observer.note(&Note::PriceUnclear { provider: instance.provider.clone(), rows });
            Ok(None)
        }
    }
}
