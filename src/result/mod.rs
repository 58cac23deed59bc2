//! A session's result: what it states, what follows from its run log, and how both are checked.

mod derive;
mod file;
mod run_log;
mod verify;

pub use derive::{Cost, Derived, NearbyTimes, Phases, RunFigures, Summary, derive};
pub use file::{
    DatasetFacts, HarnessFacts, LibtorchFacts, LogFacts, RESULT_SCHEMA, ResultFile, SessionFacts, VariantFacts,
    entry_name,
};
pub use run_log::{LOG_CAP, LOG_SCHEMA, LoggedRun, RunLog, RunLogError};
pub use verify::{
    Entry, EntryError, Fault, LOG_FILE, MANIFEST_FILE, RECIPE_FILE, RESULT_FILE, SIGNATURE_FILE, Trust, VARIANT_FILE,
    check_entry, read_entry,
};
