//! The whole log of a study, and whether it fits a plan.

use std::path::{Path, PathBuf};

use crate::plan::{PlannedRun, StudyPlan};
use crate::record::{RunRecord, STUDY_SCHEMA, StudyStart};
use hlb_core::bounded;
use hlb_core::hint::{Failure, Result};
use hlb_core::json;
use hlb_core::text::{show, show_path};
use hlb_protocol::run_log::{LOG_CAP, Outcome, whole_lines};

/// Longest line, in bytes: one of a run holds all its epochs.
const LINE_CAP: usize = 16 * 1024 * 1024;

/// The runs of a study that ended, as its log tells them.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    /// Where the log is.
    pub path: PathBuf,
    /// What the study set out to do.
    pub start: StudyStart,
    /// The runs, in the order in which they were run.
    pub runs: Vec<RunRecord>,
}

impl Records {
    /// A log without runs.
    pub fn new(path: &Path, start: StudyStart) -> Self {
        Self { path: path.to_owned(), start, runs: Vec::new() }
    }

    /// Reads the log at `path`; `None` if there is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>> {
        match bounded::read(path, LOG_CAP) {
            Ok(bytes) => Self::parse(&bytes, path),
            Err(error) if error.is_of_no_file() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a log up to its last full line; `None` if there is not even the first. `path` is its file, for messages.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Option<Self>> {
        let wrong = |line: usize, problem: String| {
            Failure::new(format!("{}: line {line}: {problem}", show_path(path)))
                .with_hint("the records are not to be edited; begin anew in another folder with --out DIR")
        };
        let text = std::str::from_utf8(whole_lines(bytes)).map_err(|error| wrong(1, format!("not UTF-8: {error}")))?;
        let mut lines = text.lines();
        let Some(first) = lines.next() else { return Ok(None) };
        let start: StudyStart = json::read_line_up_to(LINE_CAP, first)
            .map_err(|error| wrong(1, format!("not the first line of a study: {error}")))?;
        if start.schema != STUDY_SCHEMA {
            return Err(wrong(1, format!("format `{}`, this program reads `{STUDY_SCHEMA}`", show(&start.schema))));
        }
        let mut records = Self::new(path, start);
        for (index, line) in lines.enumerate() {
            let run = json::read_line_up_to(LINE_CAP, line)
                .map_err(|error| wrong(index + 2, format!("not a run: {error}")))?;
            records.check(&run).map_err(|problem| wrong(index + 2, problem))?;
            records.runs.push(run);
        }
        Ok(Some(records))
    }

    /// What is wrong with a run, given those before it.
    fn check(&self, run: &RunRecord) -> Result<(), String> {
        let planned = self.start.recipes.iter().find(|(name, _)| *name == run.variant);
        let Some((_, length)) = planned else {
            return Err(format!("there is no variant `{}`", show(&run.variant)));
        };
        if length.recipe_sha256 != run.recipe_sha256 {
            return Err("the recipe is not the variant's".to_owned());
        }
        if self.runs.iter().any(|ended| ended.variant == run.variant && ended.run == run.run) {
            return Err(format!("run {} of `{}` is there twice", run.run, show(&run.variant)));
        }
        if run.is_whole() && run.epochs.len() != length.epochs as usize {
            return Err(format!("{} of {} epochs are there, yet the run ended well", run.epochs.len(), length.epochs));
        }
        let met = run.epochs.iter().any(|epoch| self.start.target.is_met_by(epoch.accuracy));
        if run.is_whole() && met != (run.outcome == Outcome::Reached) {
            return Err(format!("the outcome `{}` does not follow from the epochs", run.outcome.as_str()));
        }
        Ok(())
    }

    /// Refuses records that are not those of a plan; its number of runs may have changed.
    pub(crate) fn check_plan(&self, plan: &StudyPlan) -> Result<()> {
        let recipes: Vec<_> = plan.variants.iter().map(|variant| (variant.name.clone(), variant.length)).collect();
        let same = [
            ("the track is", self.start.track == plan.track()),
            ("the target is", self.start.target == plan.task.track.target),
            (
                "the variants are",
                self.start.recipes.iter().map(|(name, _)| name).eq(recipes.iter().map(|(name, _)| name)),
            ),
            ("the recipes of the variants are", self.start.recipes == recipes),
            ("the set of seeds is", self.runs.iter().all(|run| run.seed == plan.seed(run.run))),
        ];
        self.first_difference(&same)
    }

    /// Refuses records that were made with other data, by other programs or on another machine than `now` says.
    pub(crate) fn check_start(&self, now: &StudyStart) -> Result<()> {
        let (then, here) = (&self.start.machine, &now.machine);
        let same = [
            ("the data set is", self.start.content_sha256 == now.content_sha256),
            ("the program `hlb-bench` is", then.program_sha256 == here.program_sha256),
            ("the program `hlb-bench-trainer` is", then.trainer_sha256 == here.trainer_sha256),
            ("libtorch is", then.libtorch_version == here.libtorch_version),
            ("the hardware is", then.hardware == here.hardware && then.device == here.device),
            ("the number of threads is", then.threads == here.threads),
        ];
        self.first_difference(&same)
    }

    fn first_difference(&self, same: &[(&str, bool)]) -> Result<()> {
        let Some((what, _)) = same.iter().find(|(_, same)| !same) else { return Ok(()) };
        let path = show_path(&self.path);
        Err(Failure::new(format!("the study in {path} cannot go on: {what} not the same as when it began"))
            .with_hint("its runs cannot be compared with new ones; begin anew in another folder with --out DIR"))
    }

    /// The run in a place of the plan, if it ended.
    pub fn find(&self, plan: &StudyPlan, planned: PlannedRun) -> Option<&RunRecord> {
        let name = &plan.variants[planned.variant].name;
        self.runs.iter().find(|ended| ended.run == planned.run && ended.variant == *name)
    }

    /// The runs that are missing, in their order.
    pub fn missing(&self, plan: &StudyPlan) -> Vec<PlannedRun> {
        plan.order().filter(|planned| self.find(plan, *planned).is_none()).collect()
    }

    /// The runs of a variant, in the order in which they were run.
    pub fn of<'a>(&'a self, variant: &'a str) -> impl Iterator<Item = &'a RunRecord> {
        self.runs.iter().filter(move |run| run.variant == variant)
    }
}
