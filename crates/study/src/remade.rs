//! A report made again from its folder, for a site: records are data, and nothing else in the folder is taken as it is.

use std::fs;
use std::path::{Path, PathBuf};

use crate::file::StudyFile;
use crate::folder::RECORDS_FILE;
use crate::plan::StudyPlan;
use crate::records::Records;
use crate::report;
use hlb_board::StudyReport;
use hlb_core::bounded::{self, SMALL_CAP};
use hlb_core::hint::{Context as _, Failure, Result};
use hlb_core::rules::MAX_STUDY_RUNS;
use hlb_core::text::show_path;
use hlb_data::task::Task;

/// The report of the study whose records are in this folder. Its study file is there, too, or in the folder of study files.
pub fn remake(folder: &Path, study_files: &Path) -> Result<StudyReport> {
    let path = folder.join(RECORDS_FILE);
    let records = Records::read(&path)?.with_context(|| format!("there are no records in {}", show_path(&path)))?;
    let plan = plan_of(&records, [folder, study_files])?;
    Ok(StudyReport { title: plan.file.body.title.to_string(), files: report::files(&plan, &records)?.into() })
}

/// The first study that the records can be of; its words may have changed since.
fn plan_of(records: &Records, folders: [&Path; 2]) -> Result<StudyPlan> {
    let task = hlb_session::task(&records.start.track, None)?;
    let (mut files, mut unread) = (Vec::new(), None);
    for path in paths_in(folders) {
        match read(&path) {
            Ok(file) => files.push(file),
            Err(error) => unread = unread.or(Some(error)),
        }
    }
    files.sort_by_key(|file| file.digest != records.start.study_sha256);
    files.retain(|file| file.choose_track(Some(&records.start.track)).is_ok());
    let none = || {
        Failure::new("no study file next to it, or among the study files, has the variants of its records")
            .with_hint("put the file of the study there, or remove the folder")
    };
    files.into_iter().find_map(|file| plan(&file, &task, records)).ok_or_else(|| unread.unwrap_or_else(none))
}

/// The plan, if the records are of it. A study may have been held with another number of runs than its file says.
fn plan(file: &StudyFile, task: &Task, records: &Records) -> Option<StudyPlan> {
    let held = records.runs.iter().map(|run| run.run).max().filter(|runs| *runs <= MAX_STUDY_RUNS);
    let with =
        |runs| StudyPlan::new(file.clone(), task.clone(), runs).ok().filter(|plan| records.check_plan(plan).is_ok());
    held.and_then(|held| with(Some(held)).filter(|plan| records.missing(plan).is_empty())).or_else(|| with(None))
}

/// Not as one that the user names: it may be a stranger's.
fn read(path: &Path) -> Result<StudyFile> {
    StudyFile::parse(&bounded::read(path, SMALL_CAP)?, &show_path(path))
}

fn paths_in(folders: [&Path; 2]) -> Vec<PathBuf> {
    let items = folders.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let mut found: Vec<PathBuf> =
        items.map(|item| item.path()).filter(|path| path.extension().is_some_and(|kind| kind == "yaml")).collect();
    found.sort();
    found
}
