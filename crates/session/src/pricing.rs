//! The price of this machine on the day of a session.

use hlb_core::clock;
use hlb_machine::Machine;
use hlb_machine::price::{Price, Table};
use crate::error::SessionError;
use crate::note::Note;
use crate::plan::{LocalOptions, PriceChoice};

/// Rows that are named where the user has to choose one.
const ROWS_NAMED: usize = 4;

/// The price that was asked for, else that of the instance that this machine says it is; and what
/// is worth knowing about it.
pub(super) fn find(options: &LocalOptions, machine: &Machine) -> Result<(Option<Price>, Option<Note>), SessionError> {
    let table = match &options.prices {
        Some(path) => Table::with_file(path)?,
        None => Table::shipped(),
    };
    let today = clock::calendar().format("%Y-%m-%d").to_string();
    match &options.price {
        PriceChoice::Row(name) => Ok((Some(table.find(name, &today)?), None)),
        PriceChoice::Own { usd_per_hour, source } => {
            Ok((Some(Price::own(*usd_per_hour, source.clone(), &today)?), None))
        }
        PriceChoice::OfThisInstance => of_instance(&table, machine, &today),
    }
}

fn of_instance(table: &Table, machine: &Machine, today: &str) -> Result<(Option<Price>, Option<Note>), SessionError> {
    let Some(instance) = &machine.instance else { return Ok((None, None)) };
    match &table.for_instance(&instance.provider, instance.instance_type.as_deref())[..] {
        [only] => {
            let price = table.find(&only.name(), today)?;
            Ok((Some(price.clone()), Some(Note::PriceFound(price))))
        }
        [] => Ok((None, None)),
        several => {
            let rows = several.iter().take(ROWS_NAMED).map(Price::name).collect();
            Ok((None, Some(Note::PriceUnclear { provider: instance.provider.clone(), rows })))
        }
    }
}
