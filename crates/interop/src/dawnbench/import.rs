//! Reads a checkout of entries as external results. Entries that cannot be read are listed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::dawnbench::curve::Curve;
use crate::dawnbench::facts::Facts;
use crate::dawnbench::filename;
use crate::dawnbench::irregularity::{Irregularity, Kind};
use crate::dawnbench::task::Task;
use hlb_board::external::{ExternalResult, ExternalResults};
use hlb_core::bounded::{self, RESULT_CAP, SMALL_CAP};
use hlb_core::hint::{Context as _, Result, bail};
use hlb_core::text::{SafeText, show, show_path};

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
    /// Files of those that could not be read, from the checkout's folder on, and why not; in the order of their names.
    pub unreadable: Vec<String>,
    /// Names of other tasks in the checkout.
    pub other_tasks: Vec<String>,
}

/// A result, and what is odd about it.
type Entry = (ExternalResult, Vec<Irregularity>);

/// Reads the training entries of a task from the checkout in `folder`.
pub fn import(folder: &Path, task: &Task) -> Result<Imported> {
    let train = folder.join(&task.folder).join("train");
    let (mut entries, mut unreadable) = (Vec::new(), Vec::new());
    for (stem, has_json) in stems(&train)? {
        let orphan = || Err("there is no JSON file of the same name".to_owned());
        match if has_json { read(&train, &stem, task) } else { orphan() } {
            Ok(entry) => entries.push(entry),
            Err(why) => {
                let kind = if has_json { "json" } else { "tsv" };
                unreadable.push(format!("{}: {why}", show(&format!("{}/train/{stem}.{kind}", task.folder))));
            }
        }
    }
    note_two_prices(&mut entries);
    entries.sort_by(|(a, _), (b, _)| a.seconds.unwrap_or_default().total_cmp(&b.seconds.unwrap_or_default()));
    let (mut rows, mut irregularities) = (Vec::new(), Vec::new());
    for (mut row, odd) in entries {
        row.irregularities =
            odd.iter().take(MOST_NOTES).filter_map(|odd| SafeText::cleaned(&odd.to_string())).collect();
        rows.push(row);
        irregularities.extend(odd);
    }
    let results = (!rows.is_empty()).then(|| results(task, rows));
    Ok(Imported { results, irregularities, unreadable, other_tasks: other_tasks(folder, task) })
}

/// Names of entries, and whether they have a JSON file.
fn stems(train: &Path) -> Result<BTreeMap<String, bool>> {
    let listed = || -> std::io::Result<Vec<_>> { fs::read_dir(train)?.take(2 * MOST_ENTRIES + 1).collect() };
    let items = listed().with_context(|| format!("the entries in `{}` cannot be listed", show_path(train)));
    let items = items.map_err(|error| {
        error.with_hint(
            "name the checkout's top folder, in which entries lie as CIFAR10/train/*.json, and another task with --task",
        )
    })?;
    if items.len() > 2 * MOST_ENTRIES {
        bail!("`{}` holds more than {MOST_ENTRIES} entries", show_path(train));
    }
    let mut stems = BTreeMap::new();
    for item in items {
        let name = item.file_name().to_string_lossy().into_owned();
        if let Some(stem) = name.strip_suffix(".json") {
            stems.insert(stem.to_owned(), true);
        } else if let Some(stem) = name.strip_suffix(".tsv") {
            stems.entry(stem.to_owned()).or_insert(false);
        }
    }
    Ok(stems)
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

/// An entry; the error says why it cannot be read.
fn read(train: &Path, stem: &str, task: &Task) -> Result<Entry, String> {
    let name = SafeText::cleaned(stem).ok_or("its name is blank")?;
    let facts = Facts::parse(&bytes(&train.join(format!("{stem}.json")), SMALL_CAP)?)?;
    let curve = Curve::parse(&bytes(&train.join(format!("{stem}.tsv")), RESULT_CAP)?, task)?;
    let result = curve.result();
    let text = |text: &Option<String>| text.as_deref().and_then(SafeText::cleaned);
    let row = ExternalResult {
        date: facts.day.as_deref().and_then(SafeText::cleaned),
        name,
        authors: text(&facts.author),
        seconds: Some(curve.seconds()),
        seconds_up_to: None,
        qualifier: None,
        accuracy_percent: Some(result.accuracy.value),
        max_accuracy_percent: curve.max_accuracy(),
        epochs: None,
        usd: facts.usd_per_hour.map(|usd| result.hours.value * usd).filter(|usd| *usd > 0.0),
        usd_per_hour: facts.usd_per_hour,
        hardware: facts.hardware.as_deref().and_then(SafeText::cleaned),
        // One, by the rules of the board.
        runs: Some(1),
        source: SafeText::cleaned(&format!("{}/train/{stem}.json", task.folder)).expect("it is not blank"),
        note: note(&facts),
        irregularities: Vec::new(),
    };
    let named = filename::oddities(stem, facts.hardware.as_deref(), facts.framework.as_deref());
    Ok((row, [facts.irregularities, curve.irregularities, named].concat()))
}

fn bytes(path: &Path, cap: u64) -> Result<Vec<u8>, String> {
    bounded::read(path, cap).map_err(|error| {
        let cause = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
        format!("{error}{cause}")
    })
}

/// Model, framework and code.
fn note(facts: &Facts) -> Option<SafeText<1000>> {
    let at = facts.commit.as_ref().map_or_else(String::new, |commit| format!(" at {commit}"));
    let code = facts.code.as_ref().map(|code| format!("code: {code}{at}"));
    let parts: Vec<String> = [facts.model.clone(), facts.framework.clone(), code].into_iter().flatten().collect();
    SafeText::cleaned(&parts.join("; "))
}

/// A price needs a day, a region and a source; where one machine has two, a reader should know.
fn note_two_prices(entries: &mut [Entry]) {
    let rows: Vec<ExternalResult> = entries.iter().map(|(row, _)| row.clone()).collect();
    for (row, irregularities) in entries {
        let Some(own) = row.usd_per_hour else { continue };
        let other = rows.iter().filter(|other| other.hardware.is_some() && other.hardware == row.hardware);
        let prices = other.filter_map(|other| Some((other.usd_per_hour?, &other.name)));
        if let Some((usd, name)) = prices.into_iter().find(|(usd, _)| usd.to_bits() != own.to_bits()) {
            irregularities.push(Irregularity::with(Kind::TwoPrices, format!("{usd} in {name}")));
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
