//! A study: variants times seeds on one track, held in rounds, and what follows from the records. Files in, figures out; nothing
//! here trains, prints or reads a clock.
//!
//! Run `i` of every variant has the same seed, so that data order and random numbers are the same and runs can be compared in pairs.
//!
//! | file | noun |
//! |---|---|
//! | `file` | a study as its author wrote it |
//! | `error` | what can be wrong with one |
//! | `plan` | a study on one track: recipes, seeds, order of the runs |
//! | `record` | the lines of its log |
//! | `records` | the whole log, and whether it fits a plan |
//! | `estimate` | how long what is missing will take |
//! | `figures` | what follows for each variant |
//! | `published` | our figures beside those that somebody published |
//! | `report` | page, text and table of all that |

mod error;
mod estimate;
mod figures;
mod file;
mod plan;
mod published;
mod record;
mod records;
mod report;

pub use error::StudyError;
pub use estimate::Estimator;
pub use figures::{Against, VariantFigures, figures};
pub use file::{PublishedFigure, PublishedFigures, StudyFile, VariantEntry};
pub use plan::{Lane, Plan, Slot};
pub use published::{Beside, BesideRow, beside};
pub use record::{EpochRecord, MachineFacts, RunRecord, STUDY_SCHEMA, StudyStart};
pub use records::Records;
pub use report::{REPORT_FILES, Report};

/// The log of a study, in its folder.
pub const RECORDS_FILE: &str = "runs.jsonl";
