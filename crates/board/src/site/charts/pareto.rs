//! Cost against time of the ranked rows of a track, and which of them nothing beats in both.

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::board::{RankedTrack, Row};
use crate::site::addresses::entry_page;
use crate::site::charts::class_colors::ClassColors;
use crate::site::charts::plot::{Axes, Frame, Scale, extent, polyline};
use crate::site::figure::{dollars, foreign};
use hlb_core::units::human_seconds;

const FRAME: Frame = Frame::SMALL;

/// A row with a known time and cost.
struct Priced<'a> {
    row: &'a Row,
    seconds: f64,
    usd: f64,
}

impl<'a> Priced<'a> {
    fn new(row: &'a Row, usd: Option<f64>) -> Option<Self> {
        let median = row.entry.result.derived.summary.time_to_accuracy_seconds.median;
        let (seconds, usd) = median.zip(usd)?;
        (seconds > 0.0 && usd > 0.0).then_some(Self { row, seconds, usd })
    }
}

/// The unit of the axis of costs, in US dollars, with its title: marks of small costs have to fit next to the axis.
fn unit_of(cheapest: f64) -> (f64, &'static str) {
    match cheapest {
        0.05.. => (1.0, "cost in US dollars"),
        5e-5.. => (1e-3, "cost in thousandths of a US dollar"),
        _ => (1e-6, "cost in millionths of a US dollar"),
    }
}

/// Cost at the price that the submitter named.
fn own_usd(row: &Row) -> Option<f64> {
    Some(row.entry.result.derived.summary.cost?.prorated_usd)
}

/// The drawing; `None` unless at least two rows have a cost.
pub(crate) fn draw(track: &RankedTrack) -> Option<Value> {
    let ranked: Vec<&Row> = track.rows.iter().filter(|row| row.rank.is_some()).collect();
    // One kind of price for all: two kinds would compare what people paid, not what their recipes cost.
    let at_list_price = ranked.iter().all(|row| row.list_price.is_ok());
    let usd = if at_list_price { Row::list_price_usd } else { own_usd };
    let priced: Vec<Priced> = ranked.iter().filter_map(|row| Priced::new(row, usd(row))).collect();
    if priced.len() < 2 {
        return None;
    }
    let (fastest, slowest) = extent(priced.iter().map(|priced| priced.seconds))?;
    let (cheapest, dearest) = extent(priced.iter().map(|priced| priced.usd))?;
    let (unit, title) = unit_of(cheapest);
    let x = Scale::logarithmic(fastest, slowest, FRAME.left, FRAME.right);
    let y = Scale::logarithmic(cheapest / unit, dearest / unit, FRAME.bottom, FRAME.top);
    let colors = ClassColors::new(track);
    let mut classes: Vec<&str> = priced.iter().map(|priced| priced.row.class.as_str()).collect();
    classes.dedup();
    let best = front(&priced.iter().map(|priced| (priced.seconds, priced.usd)).collect::<Vec<_>>());
    let mark = |(index, priced): (usize, &Priced)| {
        context! {
            x => x.at(priced.seconds),
            y => y.at(priced.usd / unit),
            color => colors.color(&priced.row.class),
            best => best.contains(&index),
            words => words(priced),
            page => entry_page(priced.row),
        }
    };
    let class = |class: &&str| context! { name => foreign(class), color => colors.color(class) };
    let corners = best.iter().map(|index| (x.at(priced[*index].seconds), y.at(priced[*index].usd / unit)));
    Some(context! {
        axes => Serde(Axes::new(FRAME, (&x, "time to target in seconds"), (&y, title))),
        // Through the rows that no other beats in both; empty with fewer than two.
        front => if best.len() > 1 { polyline(corners) } else { String::new() },
        points => priced.iter().enumerate().map(mark).collect::<Value>(),
        classes => classes.iter().map(class).collect::<Value>(),
        at_list_price,
        // Ranked rows whose cost is not known.
        without_cost => ranked.len() - priced.len(),
    })
}

fn words(priced: &Priced) -> String {
    let name = foreign(priced.row.entry.result.variant.name.as_str());
    format!("{name}: {}, {} on {}", human_seconds(priced.seconds), dollars(priced.usd), foreign(&priced.row.class))
}

/// Numbers of the points that no other point is at least as low as in both figures and lower in one, from left to right.
fn front(points: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|a, b| points[*a].0.total_cmp(&points[*b].0).then(points[*a].1.total_cmp(&points[*b].1)));
    let mut found: Vec<usize> = Vec::new();
    for index in order {
        let beaten = found.last().is_some_and(|last| {
            let (seconds, usd) = points[*last];
            let order = usd.total_cmp(&points[index].1);
            order.is_lt() || (order.is_eq() && seconds < points[index].0)
        });
        if !beaten {
            found.push(index);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_slower_and_dearer_is_not_on_the_front() {
        assert_eq!(front(&[(1.0, 9.0), (2.0, 4.0), (3.0, 5.0), (4.0, 1.0)]), [0, 1, 3]);
    }

    proptest! {
        /// The frame has room for six characters next to an axis.
        #[test]
        fn marks_of_costs_are_short(exponent in -6.0_f64..1.0, times in 1.0_f64..10.0) {
            let cheapest = 10_f64.powf(exponent);
            let (unit, _) = unit_of(cheapest);
            let scale = Scale::logarithmic(cheapest / unit, times * cheapest / unit, FRAME.bottom, FRAME.top);
            for tick in scale.ticks() {
                prop_assert!(tick.label.len() <= 6, "{}", tick.label);
            }
        }

        #[test]
        fn the_front_is_what_nothing_beats(points in prop::collection::vec((1..9_i32, 1..9_i32), 1..30)) {
            let points: Vec<(f64, f64)> = points.iter().map(|(x, y)| (f64::from(*x), f64::from(*y))).collect();
            let beats = |a: (f64, f64), b: (f64, f64)| a.0 <= b.0 && a.1 <= b.1 && a != b;
            let found = front(&points);
            for (index, point) in points.iter().enumerate() {
                let beaten = points.iter().any(|other| beats(*other, *point));
                prop_assert_eq!(found.contains(&index), !beaten, "{:?}", point);
            }
        }
    }
}
