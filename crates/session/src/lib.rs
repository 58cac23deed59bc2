//! A session: runs of a recipe on a machine, recorded in a folder of their own.
//!
//! ```text
//! SessionPlan -> prepare -> PreparedSession -> run -> FinishedSession (of `result`)
//! ```
//!
//! Nothing here prints or knows the command line: an [`Observer`] receives what happens.
//!
//! | file | noun |
//! |---|---|
//! | `plan`, `resolve` | what a session is to do, and what it trains |
//! | `reproduce` | the plan of a session that repeats an entry |
//! | `prepare` | what is known before the first step of training |
//! | `environment` | what may be set or loaded around a session, and what the trainer sees of it |
//! | `equipment`, `libtorch`, `pricing` | data, trainer, libtorch; the price of the machine |
//! | `unfinished`, `folder` | a session that ended early or was not filed; the folder and log of a session |
//! | `run`, `result` | the session itself, and its result |
//! | `supervise`, `child`, `telemetry` | the trainer process and the sensors, watched and logged |
//! | `observer`, `note`, `error` | what the caller learns |

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

mod child;
mod environment;
mod equipment;
mod error;
mod folder;
mod history;
mod libtorch;
mod note;
mod observer;
mod plan;
mod prepare;
mod pricing;
mod reproduce;
mod resolve;
mod result;
mod run;
mod supervise;
mod telemetry;
mod unfinished;

pub use child::{SpawnError, describe, examine, find_trainer};
pub use environment::{EnvironmentError, check_environment};
pub use equipment::{Equipment, default_threads};
pub use error::SessionError;
pub use history::{HistoryError, commit_that_added};
pub use note::Note;
pub use observer::{Observer, Outline};
pub use plan::{LocalOptions, Original, PriceChoice, ReferenceRuns, SessionPlan};
pub use prepare::{PreparedSession, prepare};
pub use reproduce::{check_reproducible, plan_reproduction};
pub use resolve::{ResolvedVariant, task};
pub use supervise::{Opening, Request, supervise};
pub use unfinished::find_complete;
