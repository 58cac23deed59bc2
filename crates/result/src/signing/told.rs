//! What the process that signs says, or that it says nothing.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use serde::{Deserialize, Serialize};

use hlb_core::hint::Hint;
use hlb_core::text::show_path;

/// An error of another process: its words, its causes, and what to do next.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Told {
    message: String,
    hint: Option<String>,
    #[source]
    cause: Option<Box<Self>>,
}

impl Told {
    pub(super) fn new(error: &dyn Error, hint: Option<String>) -> Self {
        let cause = error.source().map(|cause| Box::new(Self::new(cause, None)));
        Self { message: error.to_string(), hint, cause }
    }
}

impl Hint for Told {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

/// Why the process gave no answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum ChildError {
    #[error("cannot start `{}` once more to sign", show_path(program))]
    Start { program: PathBuf, source: io::Error },
    #[error("the process that signs ended without an answer ({status})")]
    NoAnswer { status: ExitStatus },
}
