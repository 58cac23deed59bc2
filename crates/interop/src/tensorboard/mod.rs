//! The curves of all runs as event files of TensorBoard, a folder a run.

mod event;
mod record;

use crate::error::ExportError;
use crate::start::Start;
use crate::tensorboard::event::Event;
use hlb_protocol::run_log::{Arm, LoggedRun};
use hlb_result::Entry;

/// An event file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFile {
    /// Folder of the run, which is its name in TensorBoard.
    pub folder: String,
    /// Name of the file.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The event files of all runs, those of the reference in a calibrated session too.
pub fn files(entry: &Entry) -> Result<Vec<EventFile>, ExportError> {
    let start = Start::new(&entry.log)?;
    Ok(entry.log.in_order().into_iter().map(|run| file(run, start)).collect())
}

fn file(run: &LoggedRun, start: Start) -> EventFile {
    let arm = if run.arm == Arm::Reference { "reference" } else { "run" };
    let mut bytes = Vec::new();
    record::push(&mut bytes, &Event::first(start.seconds_at(run.began_at_seconds)).encode());
    for (epoch, &at_seconds) in run.epochs.iter().zip(&run.epochs_at_seconds) {
        let scalars =
            [("accuracy", epoch.accuracy.share()), ("loss", epoch.loss), ("train_seconds", epoch.train_seconds)];
        for (tag, value) in scalars {
            let event = Event::scalar(start.seconds_at(at_seconds), epoch.step, tag, value);
            record::push(&mut bytes, &event.encode());
        }
    }
    EventFile {
        folder: format!("{arm}-{:03}", run.run),
        // The same name each time, so that a second export replaces the first.
        name: format!("events.out.tfevents.{}.hlb-bench", start.whole_seconds()),
        bytes,
    }
}
