//! Rows of the board's tables.

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::board::{Row, RowState};
use crate::site::addresses::{entry_folder, entry_page};
use crate::site::figure::{entries, foreign};
use crate::site::figures::{
    cost, energy, energy_of, final_accuracy, flop_to_target, list_price, list_price_cost, not_proven,
    ratio_to_reference, reproducers, spread, standing_time, steps_to_target, tied, time_to_target, warnings,
};
use hlb_core::stats::Spread;
use hlb_result::{Entry, VARIANT_FILE};

/// Rows that stand together on one time axis, under the hardware that they are ranked on; `all` counts those that are
/// not shown, too.
pub(crate) fn group(class: Option<&str>, rows: &[&Row], all: usize) -> Value {
    let times = rows.iter().map(|row| spread(&row.entry));
    let longest = times.filter_map(|spread| spread.max.or(spread.quartile_3).or(spread.median)).fold(0.0, f64::max);
    context! {
        class,
        count => if all > rows.len() { format!("{} of {}", rows.len(), entries(all)) } else { entries(all) },
        rows => rows.iter().map(|row| view(row, longest)).collect::<Value>(),
    }
}

/// One row of a table. `longest` is the end of the table's time axis, 0 where there is none.
pub(super) fn view(row: &Row, longest: f64) -> Value {
    let (entry, result) = (&row.entry, &row.entry.result);
    context! {
        rank => row.rank,
        // With a mark where it is shared.
        rank_in_words => row.rank_in_words(),
        page => entry_page(row),
        variant_file => format!("{}/{VARIANT_FILE}", entry_folder(row)),
        variant => Serde(&result.variant),
        session => Serde(&result.session),
        summary => Serde(&result.derived.summary),
        // Figures that have a reason where they are missing.
        figures => context! {
            time => standing_time(row),
            measured => time_to_target(entry),
            ratio => ratio_to_reference(row),
            list_price_cost => list_price_cost(row),
            cost => cost(entry),
            energy => energy(entry),
            accuracy => final_accuracy(entry),
            steps => steps_to_target(row),
            flop => flop_to_target(row),
        },
        // Which list price its cost is at.
        list_price => list_price(row),
        // Its cost at it as a number, for sorting.
        list_price_usd => row.list_price_usd(),
        energy_of => energy_of(entry),
        // As numbers, for sorting.
        ratio => row.ratio.map(|ratio| ratio.value()),
        seconds => row.seconds(),
        on_typical_host => row.on_typical_host.is_some(),
        strip => (row.state != RowState::Unranked).then(|| strip(spread(entry), longest)).flatten(),
        tied => tied(row),
        not_proven => not_proven(row),
        class => &row.class,
        trust => trust(entry),
        warnings => warnings(&row.warnings),
        reasons => Serde(&row.unranked_because),
        // It was retracted or refuted; the reason is among the others.
        retracted => row.retraction.is_some(),
    }
}

/// The trust level, who answers for it, and who reproduced the entry, where that made its level.
fn trust(entry: &Entry) -> Value {
    let trust = &entry.trust;
    context! {
        level => trust.level(),
        words => trust.to_string(),
        principal => trust.signer().map(|signer| foreign(&signer.principal)),
        reproducers => reproducers(entry),
    }
}

/// The times of a row on the time axis of its table, in percent of the axis. A run that did not reach lies at its end.
fn strip(spread: &Spread, longest: f64) -> Option<Value> {
    let at = |seconds: Option<f64>| (seconds.unwrap_or(longest) / longest).clamp(0.0, 1.0) * 98.0 + 1.0;
    let at = |seconds| (at(seconds) * 10.0).round() / 10.0;
    spread.median.filter(|_| longest > 0.0)?;
    Some(context! {
        min => at(spread.min),
        quartile_1 => at(spread.quartile_1),
        median => at(spread.median),
        quartile_3 => at(spread.quartile_3),
        max => at(spread.max),
    })
}
