//! Who watches a session. The session prints nothing: terminals and logs are observers.

use hlb_data::task::Task;
use hlb_recipe::Recipe;
use crate::note::Note;
use hlb_protocol::run_log::LogLine;

/// Sees everything of a session as it happens.
pub trait Observer {
    /// Told how far the data set is.
    fn data_set(&self) -> &dyn hlb_data::Watch {
        &()
    }

    /// Something worth knowing.
    fn note(&mut self, note: &Note) {
        let _ = note;
    }

    /// Training is about to begin.
    fn begin(&mut self, outline: &Outline) {
        let _ = outline;
    }

    /// An event of the run log happened, or the progress of a run.
    fn event(&mut self, line: &LogLine);
}

/// What is about to be trained.
#[derive(Debug, Clone, Copy)]
pub struct Outline<'a> {
    /// The task.
    pub task: &'a Task,
    /// The variant's recipe.
    pub recipe: &'a Recipe,
    /// The reference's recipe, if it is trained too.
    pub reference: Option<&'a Recipe>,
    /// Runs of each recipe.
    pub runs: u32,
    /// Runs of both that are still to be trained.
    pub missing: usize,
}
