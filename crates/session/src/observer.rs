//! The interface through which a session reports: it prints nothing itself.

use crate::note::Note;
use hlb_data::task::Task;
use hlb_protocol::run_log::LogLine;
use hlb_recipe::Recipe;

/// Receives what happens in a session.
pub trait Observer {
    /// Receives the progress of preparing the data set.
    fn data_set(&self) -> &dyn hlb_data::Watch {
        &()
    }

    /// Called before training, with what the user should know.
    fn note(&mut self, _note: &Note) {}

    /// Called once, when training is about to begin.
    fn begin(&mut self, _outline: &Outline) {}

    /// Called for each event of the run log and for the progress within a run, which is not logged.
    fn event(&mut self, _line: &LogLine) {}
}

/// What is about to be trained.
#[derive(Debug, Clone, Copy)]
pub struct Outline<'a> {
    /// The track and its data set.
    pub task: &'a Task,
    /// The variant's recipe.
    pub recipe: &'a Recipe,
    /// The reference's recipe, if it is trained too.
    pub reference: Option<&'a Recipe>,
    /// Runs of each recipe.
    pub runs: u32,
    /// Runs of both recipes that are still to be trained.
    pub missing: usize,
}
