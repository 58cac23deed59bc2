//! What `submit`, `run` and `reproduce` share: prepare a session, hold it, and write its result into its folder.
//!
//! | file | noun |
//! |---|---|
//! | `prepare` | what is known before the first step of training |
//! | `begin` | the folder and run log of a new session, or of one that goes on |
//! | `hold` | the session itself, and its result |

mod begin;
mod hold;
mod prepare;

pub(super) use hold::{Held, hold};
pub(super) use prepare::{
    Calibrates, Equipment, Prepared, Purpose, Resolved, check_device, equip, ground, prepare, read_variant, resolve,
    usual_threads,
};
