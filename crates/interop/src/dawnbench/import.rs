//! Reads a checkout of entries as external results. Entries that cannot be read are listed.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::dawnbench::curve::{Curve, CurveError, Point};
use crate::dawnbench::facts::{Facts, FactsError};
use crate::dawnbench::filename;
use crate::dawnbench::irregularity::{Irregularity, Kind};
use crate::dawnbench::task::Task;
use hlb_board::external::{ExternalResult, ExternalResults};
use hlb_core::hint::Hint;
use hlb_core::text::{SafeText, show, show_path};
use hlb_core::yaml::{self, RESULT_CAP, ReadError, VARIANT_CAP};

/// The most entries of a task.
const MOST_ENTRIES: usize = 2000;
/// The most irregularities that a row keeps in words.
const MOST_NOTES: usize = 40;

/// What came of a checkout.
#[derive(Debug)]
pub struct Imported {
    /// The entries that could be read, fastest first; `None` if none could.
    pub results: Option<ExternalResults>,
    /// What is odd about them, for a summary.
    pub irregularities: Vec<Irregularity>,
    /// Those that could not be read, in the order of their names.
    pub unreadable: Vec<Unreadable>,
    /// Names of other tasks in the checkout.
    pub other_tasks: Vec<String>,
}

/// An entry that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", show(.place))]
pub struct Unreadable {
    /// Its file, from the checkout's folder on.
    pub place: String,
    /// Why not.
    pub fault: UnreadableFault,
}

/// Why an entry could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum UnreadableFault {
    #[error("{0}{cause}", cause = cause(.0))]
    Read(#[from] ReadError),
    #[error(transparent)]
    Facts(#[from] FactsError),
    #[error(transparent)]
    Curve(#[from] CurveError),
    #[error("its name is blank")]
    Nameless,
    #[error("there is no JSON file of the same name")]
    Orphan,
}

fn cause(error: &ReadError) -> String {
    std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"))
}

/// A folder that cannot be read as a checkout.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ImportError {
    #[error("the entries in `{}` cannot be listed", show_path(.folder))]
    Folder { folder: PathBuf, source: io::Error },
    #[error("`{}` holds more than {MOST_ENTRIES} entries", show_path(.folder))]
    TooMany { folder: PathBuf },
}

impl Hint for ImportError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Folder { .. } => Some(
                "name the checkout's top folder, in which entries lie as CIFAR10/train/*.json, and another task with --task"
                    .to_owned(),
            ),
            Self::TooMany { .. } => None,
        }
    }
}

/// Reads the training entries of a task from the checkout in `folder`.
pub fn import(folder: &Path, task: &Task) -> Result<Imported, ImportError> {
    let train = folder.join(&task.folder).join("train");
    let names = names(&train)?;
    let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
    for (stem, has_json) in stems(&names) {
        let read = if has_json { Entry::read(&train, &stem, task) } else { Err(UnreadableFault::Orphan) };
        match read {
            Ok(entry) => entries.push(entry),
            Err(fault) => {
                let kind = if has_json { "json" } else { "tsv" };
                unreadable.push(Unreadable { place: format!("{}/train/{stem}.{kind}", task.folder), fault });
            }
        }
    }
    note_two_prices(&mut entries);
    entries.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let irregularities = entries.iter().flat_map(|entry| entry.irregularities.clone()).collect();
    let rows: Vec<ExternalResult> = entries.iter().map(|entry| entry.row(task)).collect();
    let results = (!rows.is_empty()).then(|| results(task, rows));
    Ok(Imported { results, irregularities, unreadable, other_tasks: other_tasks(folder, task) })
}

fn names(train: &Path) -> Result<BTreeSet<String>, ImportError> {
    let failed = |source| ImportError::Folder { folder: train.to_owned(), source };
    let mut names = BTreeSet::new();
    for item in fs::read_dir(train).map_err(failed)? {
        names.insert(item.map_err(failed)?.file_name().to_string_lossy().into_owned());
        if names.len() > 2 * MOST_ENTRIES {
            return Err(ImportError::TooMany { folder: train.to_owned() });
        }
    }
    Ok(names)
}

/// Names of entries, and whether they have a JSON file.
fn stems(names: &BTreeSet<String>) -> Vec<(String, bool)> {
    let with = |suffix| names.iter().filter_map(move |name| Some(name.strip_suffix(suffix)?.to_owned()));
    let all: BTreeSet<String> = with(".json").chain(with(".tsv")).collect();
    all.into_iter().map(|stem| (stem.clone(), names.contains(&format!("{stem}.json")))).collect()
}

/// Other folders of the checkout with training entries.
fn other_tasks(folder: &Path, task: &Task) -> Vec<String> {
    let Ok(items) = fs::read_dir(folder) else { return Vec::new() };
    let names = items.take(MOST_ENTRIES).flatten().filter(|item| item.path().join("train").is_dir());
    let mut names: Vec<String> = names.map(|item| item.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| *name != task.folder);
    names.sort();
    names
}

/// An entry that could be read.
struct Entry {
    name: SafeText<200>,
    stem: String,
    facts: Facts,
    seconds: f64,
    /// The row that is the result; the others are not kept, for there may be many.
    result: Point,
    irregularities: Vec<Irregularity>,
}

impl Entry {
    fn read(train: &Path, stem: &str, task: &Task) -> Result<Self, UnreadableFault> {
        let name = SafeText::cleaned(stem).ok_or(UnreadableFault::Nameless)?;
        let facts = Facts::parse(&yaml::read(&train.join(format!("{stem}.json")), VARIANT_CAP)?)?;
        let curve = Curve::parse(&yaml::read(&train.join(format!("{stem}.tsv")), RESULT_CAP)?, task)?;
        let named = filename::oddities(stem, facts.hardware.as_deref(), facts.framework.as_deref());
        let irregularities = facts.irregularities.iter().chain(&curve.irregularities).cloned().chain(named).collect();
        Ok(Self {
            name,
            stem: stem.to_owned(),
            facts,
            seconds: curve.seconds(),
            result: curve.result(),
            irregularities,
        })
    }

    fn row(&self, task: &Task) -> ExternalResult {
        let (facts, result) = (&self.facts, self.result);
        let text = |text: &Option<String>| text.as_deref().and_then(SafeText::cleaned);
        let source = format!("{}/train/{}.json", task.folder, self.stem);
        ExternalResult {
            date: facts.day.as_deref().and_then(SafeText::cleaned),
            name: self.name.clone(),
            authors: text(&facts.author),
            seconds: Some(self.seconds),
            seconds_up_to: None,
            qualifier: None,
            accuracy_percent: Some(result.accuracy_percent),
            epochs: None,
            usd: facts.usd_per_hour.map(|usd| result.hours * usd).filter(|usd| *usd > 0.0),
            usd_per_hour: facts.usd_per_hour,
            hardware: facts.hardware.as_deref().and_then(SafeText::cleaned),
            // One, by the rules of the board.
            runs: Some(1),
            source: SafeText::cleaned(&source)
                .unwrap_or_else(|| SafeText::cleaned(&task.folder).expect("a folder has a name")),
            note: self.note(),
            irregularities: self.notes(),
        }
    }

    /// Model, framework and code.
    fn note(&self) -> Option<SafeText<1000>> {
        let Facts { model, framework, code, commit, .. } = &self.facts;
        let at = commit.as_ref().map_or_else(String::new, |commit| format!(" at {commit}"));
        let code = code.as_ref().map(|code| format!("code: {code}{at}"));
        let parts: Vec<String> = [model.clone(), framework.clone(), code].into_iter().flatten().collect();
        SafeText::cleaned(&parts.join("; "))
    }

    fn notes(&self) -> Vec<SafeText<400>> {
        let notes = self.irregularities.iter().take(MOST_NOTES);
        notes.filter_map(|odd| SafeText::cleaned(&odd.to_string())).collect()
    }
}

/// A price needs a day, a region and a source; where one machine has two, a reader should know.
fn note_two_prices(entries: &mut [Entry]) {
    let prices: Vec<(Option<String>, Option<f64>, String)> = entries
        .iter()
        .map(|entry| (entry.facts.hardware.clone(), entry.facts.usd_per_hour, entry.stem.clone()))
        .collect();
    for entry in entries {
        let Some(own) = entry.facts.usd_per_hour else { continue };
        let other = prices.iter().find(|(hardware, usd, _)| {
            hardware.is_some()
                && *hardware == entry.facts.hardware
                && usd.is_some_and(|usd| usd.to_bits() != own.to_bits())
        });
        if let Some((_, Some(usd), stem)) = other {
            entry.irregularities.push(Irregularity::with(Kind::TwoPrices, format!("{usd} in {stem}")));
        }
    }
}

fn results(task: &Task, rows: Vec<ExternalResult>) -> ExternalResults {
    let target = task.target.percent();
    let title = format!("Entries in the form of DAWNBench, {}", task.folder);
    let about = format!(
        "Seconds until the first listed {} of {target} % or more, of one run each, as its authors timed it: {}.",
        task.column, task.clock
    );
    let id = format!("dawnbench-{}", task.folder.to_ascii_lowercase());
    ExternalResults {
        id: id.parse().expect("a task's name is made of letters, digits and hyphens"),
        title: SafeText::cleaned(&title).expect("it is not blank"),
        about: SafeText::cleaned(&about).expect("it is not blank"),
        source: SafeText::cleaned("entries in the form of DAWNBench, imported").expect("it is not blank"),
        track: task.track.clone(),
        target_percent: Some(target),
        rows,
    }
}
