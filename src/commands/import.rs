//! `hlb-bench import`: results that others published, as external results.

use std::collections::BTreeMap;
use std::process::ExitCode;

use crate::args::Import;
use crate::commands::exit;
use crate::terminal::{Label, answer_text_to, labeled, note};
use hlb_core::hint::Result;
use hlb_core::yaml;
use hlb_interop::dawnbench::{self, Imported, Irregularity, Task};

/// Runs the command.
pub(super) fn import(command: &Import) -> Result<ExitCode> {
    let Import::Dawnbench { folder, task, out } = command;
    let task = Task::named(task)?;
    let imported = dawnbench::import(folder, &task)?;
    if let Some(results) = &imported.results {
        answer_text_to(out.as_deref(), &yaml::emit(results)?)?;
    }
    summarize(&imported, &task);
    let good = imported.unreadable.is_empty() && imported.results.is_some();
    Ok(exit::of_check(good))
}

fn summarize(imported: &Imported, task: &Task) {
    let rows = imported.results.as_ref().map_or(0, |results| results.rows.len());
    let all = rows + imported.unreadable.len();
    note(&format!("{rows} of {all} entries of {} could be read", task.folder));
    for (words, count) in counted(&imported.irregularities) {
        note(&format!("  {count:>4} x {words}"));
    }
    for unreadable in &imported.unreadable {
        labeled(Label::Warning, unreadable);
    }
    if !imported.other_tasks.is_empty() {
        let others = hlb_core::text::show(&imported.other_tasks.join(", "));
        note(&format!("there are entries of other tasks too, to be named with --task: {others}"));
    }
}

/// How often each kind was seen, in the order of the kinds.
fn counted(irregularities: &[Irregularity]) -> Vec<(String, usize)> {
    let mut counts = BTreeMap::new();
    for irregularity in irregularities {
        *counts.entry(irregularity.kind).or_insert(0) += 1;
    }
    counts.into_iter().map(|(kind, count)| (kind.to_string(), count)).collect()
}
