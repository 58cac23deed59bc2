//! The TSV file: one row an evaluation, with the columns epoch, hours and accuracy in any order.

use crate::dawnbench::decimal::Decimal;
use crate::dawnbench::irregularity::{Irregularity, Kind, form, kinds};
use crate::dawnbench::task::Task;
use hlb_core::text::show_capped;

/// The most characters of a cell in an error message.
const CELL: usize = 40;

/// A curve that reached the target.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its rows in the order of the file.
    pub points: Vec<Point>,
    /// The first row at or over the target: the result.
    pub first_met: usize,
    /// What is odd about the file.
    pub irregularities: Vec<Irregularity>,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Epoch as given; the first may be 0, and it may be a fraction.
    pub epoch: Decimal,
    /// Hours as given.
    pub hours: Decimal,
    /// Accuracy in percent.
    pub accuracy: Decimal,
    /// Whether it is at or over the target, by the digits of the file.
    pub is_met: bool,
    is_padded: bool,
}

impl Curve {
    /// Reads a TSV file. The error says why no time follows from it.
    pub fn parse(bytes: &[u8], task: &Task) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the TSV is not UTF-8")?;
        let kinds = [Kind::TsvByteOrderMark, Kind::TsvCarriageReturns, Kind::TsvNoLastNewline];
        let (text, mut irregularities) = form(text, kinds);
        let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).collect();
        if lines.len() < text.lines().count() {
            irregularities.push(Kind::TsvBlankLines.into());
        }
        let Some(((_, head), rows)) = lines.split_first() else { return Err("the TSV has no rows".to_owned()) };
        let columns = Columns::parse(head, task, &mut irregularities)?;
        let point = |(line, text): &(usize, &str)| columns.point(*line, text, task);
        let points: Vec<Point> = rows.iter().map(point).collect::<Result<_, _>>()?;
        let first_met = points.iter().position(|point| point.is_met).ok_or_else(|| never_met(&points, task))?;
        if points[first_met].hours.value <= 0.0 {
            return Err("the TSV reaches the target after 0 hours, which is no time".to_owned());
        }
        irregularities.extend(odd_numbers(&points, task));
        irregularities.extend(odd_order(&points));
        irregularities.extend(falls_back(&points, first_met));
        Ok(Self { points, first_met, irregularities })
    }

    /// The row that is the result.
    pub fn result(&self) -> &Point {
        &self.points[self.first_met]
    }

    /// Seconds to the target.
    pub fn seconds(&self) -> f64 {
        3600.0 * self.result().hours.value
    }

    /// The highest accuracy of all rows, in percent.
    pub fn max_accuracy(&self) -> Option<f64> {
        max_accuracy(&self.points)
    }
}

fn max_accuracy(points: &[Point]) -> Option<f64> {
    points.iter().map(|point| point.accuracy.value).max_by(f64::total_cmp)
}

/// Where each column stands.
struct Columns {
    count: usize,
    /// Names and places of epoch, hours and accuracy.
    places: [(&'static str, usize); 3],
}

impl Columns {
    fn parse(head: &str, task: &Task, odd: &mut Vec<Irregularity>) -> Result<Self, String> {
        let names: Vec<&str> = head.split('\t').map(str::trim).collect();
        let known = ["epoch", "hours", task.column];
        let mut places = known.map(|column| (column, 0));
        for (column, place) in &mut places {
            let found: Vec<usize> = (0..names.len()).filter(|index| names[*index] == *column).collect();
            *place = match found[..] {
                [only] => only,
                [] => {
                    let head = show_capped(head, 2 * CELL);
                    return Err(format!("the TSV has no column `{column}`; its first line is `{head}`"));
                }
                _ => return Err(format!("the TSV has two columns `{column}`")),
            };
        }
        if !places.is_sorted_by_key(|(_, place)| *place) {
            odd.push(Irregularity::with(Kind::ColumnOrder, names.join(", ")));
        }
        odd.extend(Irregularity::listing(Kind::UnknownColumns, names.iter().filter(|name| !known.contains(name))));
        Ok(Self { count: names.len(), places })
    }

    fn point(&self, line: usize, text: &str, task: &Task) -> Result<Point, String> {
        let cells: Vec<&str> = text.split('\t').collect();
        let (found, wanted) = (cells.len(), self.count);
        if found != wanted {
            return Err(format!("line {line} of the TSV has {found} cells, not {wanted}; one tab parts two cells"));
        }
        let number = |(column, place): (&str, usize)| {
            Decimal::parse(cells[place].trim()).ok_or_else(|| {
                let found = show_capped(cells[place], CELL);
                format!("line {line} of the TSV: `{column}` is `{found}`, not a decimal number of 0 or more")
            })
        };
        let [epoch, hours, accuracy] = self.places.map(number);
        let (epoch, hours, accuracy) = (epoch?, hours?, accuracy?);
        if accuracy.value > 100.0 {
            return Err(format!("line {line} of the TSV: `{}` is over 100 percent", task.column));
        }
        let is_padded = self.places.iter().any(|(_, place)| cells[*place].trim().len() < cells[*place].len());
        Ok(Point { is_met: accuracy.is_at_least(task.target), epoch, hours, accuracy, is_padded })
    }
}

fn never_met(points: &[Point], task: &Task) -> String {
    let Some(best) = max_accuracy(points) else { return "the TSV has no rows".to_owned() };
    let scale = if best <= 1.0 { ", which looks like a scale of 0 to 1; the format asks for percent" } else { "" };
    format!("the TSV never reaches {} %; its best accuracy is {best}{scale}", task.target.percent())
}

fn odd_numbers(points: &[Point], task: &Task) -> impl Iterator<Item = Irregularity> {
    let first = &points[0];
    let untrained = task.chance.is_some_and(|chance| !first.accuracy.is_at_least(chance));
    kinds([
        (points.iter().any(|point| point.is_padded), Kind::PaddedNumbers),
        (first.epoch.value == 0.0, Kind::EpochsFromZero),
        (first.epoch.value == 0.0 && untrained, Kind::RowBeforeTraining),
        (first.hours.value == 0.0, Kind::NoSetupCounted),
        (points.iter().any(|point| !point.epoch.is_whole()), Kind::FractionalEpochs),
        (points.iter().any(|point| point.accuracy.has_float_tail()), Kind::FloatTails),
    ])
}

fn odd_order(points: &[Point]) -> impl Iterator<Item = Irregularity> {
    // A little over 1: epochs such as 1.00096 and 2.00192 leave nothing out.
    const NEXT: f64 = 1.1;
    let first = |kind, is_odd: fn(&Point, &Point) -> bool| {
        let pair = points.windows(2).find(|pair| is_odd(&pair[0], &pair[1]))?;
        Some(Irregularity::with(kind, format!("{} and then {}", pair[0].epoch.value, pair[1].epoch.value)))
    };
    #[expect(clippy::float_cmp, reason = "the same digits give the same float")]
    let odd = [
        first(Kind::EpochGaps, |a, b| b.epoch.value - a.epoch.value > NEXT),
        first(Kind::RepeatedEpochs, |a, b| a.epoch.value == b.epoch.value),
        first(Kind::HoursGoBack, |a, b| b.hours.value < a.hours.value),
    ];
    odd.into_iter().flatten()
}

fn falls_back(points: &[Point], first_met: usize) -> impl Iterator<Item = Irregularity> {
    let later = &points[first_met + 1..];
    let under = later.iter().filter(|point| !point.is_met).count();
    let falls =
        (under > 0).then(|| Irregularity::with(Kind::FallsBack, format!("in {under} of {} later rows", later.len())));
    let last = later.last().filter(|point| !point.is_met);
    let ends = last.map(|point| Irregularity::with(Kind::FinalUnderTarget, format!("{} %", point.accuracy.value)));
    falls.into_iter().chain(ends)
}
