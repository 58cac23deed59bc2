//! A session's result: what it states, what follows from its run log, and how both are checked.
//!
//! | file | noun |
//! |---|---|
//! | `file` | the result as it is written |
//! | `derive` | every figure that follows from a run log |
//! | `entry` | a result with the files of its folder, and what can be wrong with it |
//! | `verify` | the check of an entry |
//! | `clocks` | whether a session's seconds can be those that passed |
//! | `plausible` | times that no device can reach, runs that two sessions share, and runs that were cut off |
//! | `fingerprint` | how a copied run is recognized |
//! | `calendar` | calendar times of a session that contradict each other |
//! | `work_to_target` | steps and floating-point operations until the target was met |
//! | `agreement` | whether a session that repeats an entry agrees with it |
//! | `comparison` | which of two entries is faster |
//! | `power` | the runs that it takes to show a gain |
//! | `announcement` | a session that is promised before its nonce can be known |
//! | `signing` | keys, signatures and lists of signers, as OpenSSH has them |
//! | `signers`, `runners` | the lists of signers and runners that count for an entry |
//! | `filing` | a finished session, signed and filed as an entry |

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

mod agreement;
mod announcement;
mod calendar;
mod clocks;
mod comparison;
mod derive;
mod entry;
mod file;
mod filing;
mod fingerprint;
mod mean_power;
mod paired_reference;
mod plausible;
mod power;
mod relative;
mod runners;
mod signers;
pub mod signing;
mod verify;
mod work_to_target;

pub use agreement::{Agreement, Verdict, between};
pub use announcement::{
    ANNOUNCEMENT_FILE, ANNOUNCEMENT_SCHEMA, ANNOUNCEMENT_SIGNATURE_FILE, ANNOUNCEMENTS_FOLDER, Announcement,
    AnnouncementError, Promise, SignedAnnouncement, announcement_folders, answered_by, check_filed,
};
pub use calendar::{calendar_problem, date_problem};
pub use comparison::{ComparedSession, Comparison, ComparisonError, Conclusion, PairedReference};
pub use derive::{
    Basis, Calibration, Derived, Drift, Effort, EnergyMethod, EnergySummary, GpuTelemetry, NearbyTimes, Phases,
    RunFigures, Summary, TelemetrySummary, Warning, derive,
};
pub use entry::{
    Entry, EntryError, Fault, LOG_FILE, MANIFEST_FILE, RECIPE_FILE, REPRODUCTIONS_FOLDER, RESULT_FILE, Reproduction,
    SIGNATURE_FILE, Trust, VARIANT_FILE,
};
pub use file::{
    CudaFacts, DatasetFacts, HarnessFacts, LibtorchFacts, LogFacts, RESULT_SCHEMA, ReferenceFacts, ResultFile,
    SessionFacts, VariantFacts, entry_name,
};
pub use filing::{BoardSigner, FilingError, FinishedSession, board_of, file_entry, file_reproduction};
pub use fingerprint::Claim;
pub use mean_power::{Deviation, DeviationSource, MeanChance, MeanPowerError, MeanPowerReport};
pub use plausible::{too_many_restarts, unknown_gpu};
pub use power::{Bill, GainForecast, PowerError, PowerReport, RunsForecast, TimesFacts, TimesSource};
pub use relative::TimeRatio;
pub use runners::{RUNNERS_FILE, RunnersError, runners_schema};
pub use signers::{SIGNERS_FILE, board_above, named_signers_text, parse_signers, signers_text};
pub use verify::{check_entry, check_equipment};
pub use work_to_target::WorkToTarget;
