//! The run log: what happens in a session, one JSON object a line. The trainer says most of it, `hlb-bench` stamps and
//! writes it, and every figure of a result follows from it.
//!
//! | file | noun |
//! |---|---|
//! | `event` | what happens in a session |
//! | `line` | an event with its time, as a line of the log |
//! | `shortcut` | a way to compute a step that is not the plain one |
//! | `writer` | a log that is being written |
//! | `log` | a session as its log tells it |
//! | `range` | what a number or text in it may be |
//! | `reader` | from lines to that, refusing what does not add up |

mod event;
mod line;
mod log;
pub mod range;
mod reader;
mod shortcut;
mod writer;

pub use event::{
    Announced, Arm, Epoch, Event, Outcome, Repeat, RunStart, RunStop, SessionResume, SessionStart, SessionStop,
    TrainerStart, TrainingLength, WarmupRun,
};
pub use line::{LOG_CAP, LOG_SCHEMA, LogLine, whole_lines};
pub use log::{LoggedRun, RunLog, Segment, TimedSample};
pub use reader::RunLogError;
pub use shortcut::{Shortcut, ShortcutName};
pub use writer::{LogError, LogWriter};
