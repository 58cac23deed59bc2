//! A study: variants times seeds on one track, run in rounds, and what follows from the records.
//! Nothing here prints: a [`StudyObserver`] is told what happens.
//!
//! Run `i` of every variant has the same seed, so that data order and random numbers are the same and
//! runs can be compared in pairs.
//!
//! | file | noun |
//! |---|---|
//! | `body` | what its author says: keys and types |
//! | `file` | a study as its author wrote it, and its rules |
//! | `plan` | a study on one track: recipes, seeds, order of the runs |
//! | `record` | the lines of its log |
//! | `records` | the whole log, and whether it fits a plan |
//! | `folder` | the log and the report on disk |
//! | `run`, `observer` | the runs that are missing, one after the other, and who watches |
//! | `estimate`, `forecast` | how long what is missing will take |
//! | `outline` | what would be trained |
//! | `figures` | what follows for each variant |
//! | `published` | our figures next to published ones |
//! | `report` | page, text and table of all that |
//! | `remade` | the report of a folder, for a site |

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

mod body;
mod estimate;
mod figures;
mod file;
mod folder;
mod forecast;
mod observer;
mod outline;
mod plan;
mod published;
mod record;
mod records;
mod remade;
mod report;
mod run;

pub use estimate::Estimator;
pub use figures::{PairedComparison, VariantFigures, figures};
pub use file::StudyFile;
pub use folder::StudyFolder;
pub use forecast::{Forecast, TrainingHardware};
pub use observer::StudyObserver;
pub use outline::outline;
pub use plan::{PlannedRun, PlannedVariant, StudyPlan};
pub use record::{EpochRecord, MachineFacts, RunRecord, StudyStart};
pub use records::Records;
pub use remade::remake;
pub use run::{PreparedStudy, StudyOptions, prepare};
