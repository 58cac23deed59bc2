//! A session's result: what it states, what follows from its run log, and how both are checked.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

mod agreement;
mod comparison;
mod derive;
mod entry;
mod file;
mod filing;
mod plausible;
mod power;
mod signers;
pub mod signing;
mod verify;

pub use agreement::{Agreement, Verdict, between, quotient};
pub use comparison::{ComparedSession, Comparison, ComparisonError, Conclusion, PairedReference, TimeRatio};
pub use derive::{
    Basis, Calibration, Derived, Drift, Effort, EnergyMethod, EnergySummary, GpuTelemetry, NearbyTimes, Phases,
    RunFigures, Summary, TelemetrySummary, Warning, derive,
};
pub use entry::{
    Entry, EntryError, Fault, LOG_FILE, MANIFEST_FILE, RECIPE_FILE, REPRODUCTIONS_FOLDER, RESULT_FILE, Reproduction,
    SIGNATURE_FILE, Trust, VARIANT_FILE,
};
pub use file::{
    DatasetFacts, HarnessFacts, LibtorchFacts, LogFacts, RESULT_SCHEMA, ReferenceFacts, ResultFile, SessionFacts,
    VariantFacts, entry_name,
};
pub use filing::{BoardSigner, FilingError, FinishedSession, board_of, file_entry, file_reproduction};
pub use plausible::{Claim, claims};
pub use power::{Bill, GainForecast, PowerError, PowerReport, RunsForecast, TimesFacts, TimesSource};
pub use signers::{SIGNERS_FILE, board_above, signers_text};
pub use verify::check_entry;
