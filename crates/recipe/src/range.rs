//! Ranges of settings, and the error for a value out of its range.

use hlb_core::hint::Hint;

/// A setting out of its range, or two that contradict each other.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}: {problem}", quoted(paths))]
pub struct RecipeError {
    /// Key path, or both key paths of a contradiction.
    pub paths: Vec<String>,
    /// What is wrong with it, and which values are right.
    pub problem: String,
}

impl Hint for RecipeError {}

/// The result of a check.
pub(crate) type Checked = Result<(), RecipeError>;

fn quoted(paths: &[String]) -> String {
    paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" and ")
}

/// The error for the settings under `paths`.
pub(crate) fn refuse(paths: &[&str], problem: &str) -> Checked {
    Err(RecipeError { paths: paths.iter().map(|path| (*path).to_owned()).collect(), problem: problem.to_owned() })
}

/// Refuses where `wrong`; `paths` contradict each other.
pub(crate) fn refuse_if(wrong: bool, paths: &[&str], problem: &str) -> Checked {
    if wrong { refuse(paths, problem) } else { Ok(()) }
}

fn inside(right: bool, path: &str, problem: &str) -> Checked {
    refuse_if(!right, &[path], problem)
}

/// Refuses a whole number outside `least..=most`.
pub(crate) fn whole(path: &str, value: u32, least: u32, most: u32) -> Checked {
    inside((least..=most).contains(&value), path, &format!("is {value}, has to be {least} to {most}"))
}

/// Refuses a number outside `least..=most`, or NaN.
pub(crate) fn within(path: &str, value: f64, least: f64, most: f64) -> Checked {
    inside((least..=most).contains(&value), path, &format!("is {value}, has to be {least} to {most}"))
}

/// Refuses a number unless `floor < value <= most`.
pub(crate) fn above(path: &str, value: f64, floor: f64, most: f64) -> Checked {
    inside(value > floor && value <= most, path, &format!("is {value}, has to be above {floor} and at most {most}"))
}

/// Refuses a number unless `least <= value < ceiling`.
pub(crate) fn below(path: &str, value: f64, least: f64, ceiling: f64) -> Checked {
    inside(
        value >= least && value < ceiling,
        path,
        &format!("is {value}, has to be at least {least} and below {ceiling}"),
    )
}

/// Refuses a number unless `floor < value < ceiling`.
pub(crate) fn between(path: &str, value: f64, floor: f64, ceiling: f64) -> Checked {
    inside(value > floor && value < ceiling, path, &format!("is {value}, has to be above {floor} and below {ceiling}"))
}
