//! A session: starts the trainer program, hands it recipe, data and seeds, watches it, and writes the run log.
//!
//! Prints nothing: events go to an [`Observer`].

mod child;
mod libtorch;
mod supervise;
mod telemetry;

pub use child::{SpawnError, describe, find_trainer};
pub use libtorch::libtorch_digest;
pub use supervise::{Observer, Opening, Request, SessionError, supervise};
