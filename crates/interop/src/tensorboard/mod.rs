//! The curves of all runs as event files of TensorBoard, a folder a run.

mod event;
mod record;

use crate::file::ExportedFile;
use crate::start::Start;
use crate::tensorboard::event::{What, event};
use hlb_core::hint::Result;
use hlb_protocol::run_log::{Arm, LoggedRun};
use hlb_result::Entry;

/// The event files of all runs, those of the reference in a calibrated session too.
pub fn files(entry: &Entry) -> Result<Vec<ExportedFile>> {
    let start = Start::new(&entry.log)?;
    Ok(entry.log.in_order().into_iter().map(|run| file(run, start)).collect())
}

fn file(run: &LoggedRun, start: Start) -> ExportedFile {
    let arm = if run.arm == Arm::Reference { "reference" } else { "run" };
    let mut bytes = Vec::new();
    record::push(&mut bytes, &event(start.seconds_at(run.began_at_seconds), 0, &What::FileVersion));
    for (epoch, &at_seconds) in run.epochs.iter().zip(&run.epochs_at_seconds) {
        let scalars =
            [("accuracy", epoch.accuracy.share()), ("loss", epoch.loss), ("train_seconds", epoch.train_seconds)];
        for (tag, value) in scalars {
            let scalar = What::Scalar { tag, value };
            record::push(&mut bytes, &event(start.seconds_at(at_seconds), epoch.step, &scalar));
        }
    }
    // The name is the run's in TensorBoard.
    ExportedFile {
        folder: format!("{arm}-{:03}", run.run),
        // The same name each time, so that a second export replaces the first.
        name: format!("events.out.tfevents.{}.hlb-bench", start.whole_seconds()),
        bytes,
    }
}
