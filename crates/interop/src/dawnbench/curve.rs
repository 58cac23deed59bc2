//! The TSV file: one row an evaluation, with the columns epoch, hours and accuracy in any order.

use crate::dawnbench::decimal::Decimal;
use crate::dawnbench::irregularity::{Irregularity, Kind};
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
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Epoch as given; the first may be 0, and it may be a fraction.
    pub epoch: f64,
    /// Hours as given.
    pub hours: f64,
    /// Accuracy in percent.
    pub accuracy_percent: f64,
    /// Whether it is at or over the target, by the digits of the file.
    pub is_met: bool,
}

/// A TSV file from which no time follows.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum CurveError {
    #[error("the TSV is not UTF-8")]
    NotText,
    #[error("the TSV has no column `{column}`; its first line is `{found}`")]
    NoColumn { column: &'static str, found: String },
    #[error("the TSV has two columns `{column}`")]
    TwoColumns { column: &'static str },
    /// A row with too few or too many cells.
    #[error("line {line} of the TSV has {found} cells, not {wanted}; one tab parts two cells")]
    Cells { line: usize, found: usize, wanted: usize },
    #[error("line {line} of the TSV: `{column}` is `{found}`, not a decimal number of 0 or more")]
    NotANumber { line: usize, column: &'static str, found: String },
    #[error("line {line} of the TSV: `{column}` is over 100 percent")]
    OverHundred { line: usize, column: &'static str },
    #[error("the TSV has no rows")]
    NoRows,
    #[error("the TSV never reaches {target} %; its best accuracy is {best}{scale}")]
    NeverMet { target: String, best: String, scale: &'static str },
    #[error("the TSV reaches the target after 0 hours, which is no time")]
    NoTime,
}

impl Curve {
    /// Reads a TSV file.
    pub fn parse(bytes: &[u8], task: &Task) -> Result<Self, CurveError> {
        let text = std::str::from_utf8(bytes).map_err(|_| CurveError::NotText)?;
        let (text, mut irregularities) = form(text);
        let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).collect();
        if lines.len() < text.lines().count() {
            irregularities.push(Kind::TsvBlankLines.into());
        }
        let Some((head, rows)) = lines.split_first() else { return Err(CurveError::NoRows) };
        let columns = Columns::parse(head.1, task, &mut irregularities)?;
        let rows: Vec<Row> = rows.iter().map(|(line, text)| columns.row(*line, text)).collect::<Result<_, _>>()?;
        let points: Vec<Point> = rows.iter().map(|row| row.point(task)).collect();
        let first_met = points.iter().position(|point| point.is_met).ok_or_else(|| never_met(&points, task))?;
        if points[first_met].hours <= 0.0 {
            return Err(CurveError::NoTime);
        }
        irregularities.extend(odd_numbers(&rows, task));
        irregularities.extend(odd_order(&points));
        irregularities.extend(falls_back(&points, first_met));
        Ok(Self { points, first_met, irregularities })
    }

    /// Seconds to the target.
    pub fn seconds(&self) -> f64 {
        3600.0 * self.points[self.first_met].hours
    }

    /// The row that is the result.
    pub fn result(&self) -> Point {
        self.points[self.first_met]
    }
}

/// The text without its byte order mark, and what is odd about its form.
fn form(text: &str) -> (&str, Vec<Irregularity>) {
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    let odd = [
        (bare.len() < text.len(), Kind::TsvByteOrderMark),
        (text.contains("\r\n"), Kind::TsvCarriageReturns),
        (!text.ends_with('\n'), Kind::TsvNoLastNewline),
    ];
    (bare, odd.into_iter().filter(|(so, _)| *so).map(|(_, kind)| kind.into()).collect())
}

/// Where each column stands.
struct Columns {
    count: usize,
    /// Places of epoch, hours and accuracy, with their names.
    places: [(&'static str, usize); 3],
}

/// The cells of a row as numbers.
struct Row {
    epoch: Decimal,
    hours: Decimal,
    accuracy: Decimal,
    is_padded: bool,
}

impl Columns {
    fn parse(head: &str, task: &Task, odd: &mut Vec<Irregularity>) -> Result<Self, CurveError> {
        let names: Vec<&str> = head.split('\t').map(str::trim).collect();
        let known = ["epoch", "hours", task.column];
        let place = |column: &'static str| {
            let mut found = names.iter().enumerate().filter(|(_, name)| **name == column).map(|(index, _)| index);
            let none = || CurveError::NoColumn { column, found: show_capped(head, 2 * CELL) };
            let first = found.next().ok_or_else(none)?;
            found.next().map_or(Ok((column, first)), |_| Err(CurveError::TwoColumns { column }))
        };
        let places = [place(known[0])?, place(known[1])?, place(known[2])?];
        if !places.is_sorted_by_key(|(_, place)| *place) {
            odd.push(Irregularity::with(Kind::ColumnOrder, names.join(", ")));
        }
        let strange: Vec<&str> = names.iter().copied().filter(|name| !known.contains(name)).collect();
        if !strange.is_empty() {
            odd.push(Irregularity::with(Kind::UnknownColumns, strange.join(", ")));
        }
        Ok(Self { count: names.len(), places })
    }

    fn row(&self, line: usize, text: &str) -> Result<Row, CurveError> {
        let cells: Vec<&str> = text.split('\t').collect();
        if cells.len() != self.count {
            return Err(CurveError::Cells { line, found: cells.len(), wanted: self.count });
        }
        let number = |(column, place): (&'static str, usize)| {
            let found = || show_capped(cells[place], CELL);
            Decimal::parse(cells[place].trim()).ok_or_else(|| CurveError::NotANumber { line, column, found: found() })
        };
        let [epoch, hours, accuracy] = self.places;
        let row = Row {
            epoch: number(epoch)?,
            hours: number(hours)?,
            accuracy: number(accuracy)?,
            is_padded: self.places.iter().any(|(_, place)| cells[*place].trim().len() < cells[*place].len()),
        };
        if row.accuracy.value > 100.0 {
            return Err(CurveError::OverHundred { line, column: accuracy.0 });
        }
        Ok(row)
    }
}

impl Row {
    fn point(&self, task: &Task) -> Point {
        Point {
            epoch: self.epoch.value,
            hours: self.hours.value,
            accuracy_percent: self.accuracy.value,
            is_met: self.accuracy.is_at_least(task.target),
        }
    }
}

fn never_met(points: &[Point], task: &Task) -> CurveError {
    let best = points.iter().map(|point| point.accuracy_percent).max_by(f64::total_cmp);
    let Some(best) = best else { return CurveError::NoRows };
    let scale = if best <= 1.0 { ", which looks like a scale of 0 to 1; the format asks for percent" } else { "" };
    CurveError::NeverMet { target: task.target.percent().to_string(), best: best.to_string(), scale }
}

fn odd_numbers(rows: &[Row], task: &Task) -> Vec<Irregularity> {
    let first = &rows[0];
    let untrained = task.chance.is_some_and(|chance| !first.accuracy.is_at_least(chance));
    let odd = [
        (rows.iter().any(|row| row.is_padded), Kind::PaddedNumbers),
        (first.epoch.value == 0.0, Kind::EpochsFromZero),
        (first.epoch.value == 0.0 && untrained, Kind::RowBeforeTraining),
        (first.hours.value == 0.0, Kind::NoSetupCounted),
        (rows.iter().any(|row| !row.epoch.is_whole()), Kind::FractionalEpochs),
        (rows.iter().any(|row| row.accuracy.has_float_tail()), Kind::FloatTails),
    ];
    odd.into_iter().filter(|(so, _)| *so).map(|(_, kind)| kind.into()).collect()
}

fn odd_order(points: &[Point]) -> Vec<Irregularity> {
    // A little over 1: epochs such as 1.00096 and 2.00192 leave nothing out.
    const NEXT: f64 = 1.1;
    let pairs = || points.windows(2).map(|pair| (pair[0], pair[1]));
    let mut odd = Vec::new();
    let mut note = |kind, found: Option<(Point, Point)>| {
        odd.extend(found.map(|(a, b)| Irregularity::with(kind, format!("{} and then {}", a.epoch, b.epoch))));
    };
    note(Kind::EpochGaps, pairs().find(|(a, b)| b.epoch - a.epoch > NEXT));
    #[expect(clippy::float_cmp, reason = "the same digits give the same float")]
    note(Kind::RepeatedEpochs, pairs().find(|(a, b)| a.epoch == b.epoch));
    note(Kind::HoursGoBack, pairs().find(|(a, b)| b.hours < a.hours));
    odd
}

fn falls_back(points: &[Point], first_met: usize) -> Vec<Irregularity> {
    let later = &points[first_met + 1..];
    let under = later.iter().filter(|point| !point.is_met).count();
    let last = points.last().filter(|point| !point.is_met);
    let falls =
        (under > 0).then(|| Irregularity::with(Kind::FallsBack, format!("in {under} of {} later rows", later.len())));
    let ends = last.map(|point| Irregularity::with(Kind::FinalUnderTarget, format!("{} %", point.accuracy_percent)));
    falls.into_iter().chain(ends).collect()
}
