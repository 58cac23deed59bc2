//! What a session trains: a variant resolved to its recipe, on a track and its data set.

use std::path::Path;

use crate::error::SessionError;
use hlb_core::bounded::{self, SMALL_CAP};
use hlb_core::text::show_path;
use hlb_data::task::Task;
use hlb_data::{Manifest, track};
use hlb_recipe::Recipe;
use hlb_recipe::variant::Variant;

/// A variant, and everything that follows from its own text.
#[derive(Debug, Clone)]
pub struct ResolvedVariant {
    /// The variant.
    pub variant: Variant,
    /// Its file.
    pub bytes: Vec<u8>,
    /// The track and the data set that it is trained on.
    pub task: Task,
    /// What it trains.
    pub recipe: Recipe,
}

impl ResolvedVariant {
    /// Reads a variant file. With `manifest` it is trained on that data set of the user's own, else
    /// on the track's.
    pub fn read(path: &Path, manifest: Option<&Path>) -> Result<Self, SessionError> {
        let bytes = bounded::read_named(path, SMALL_CAP)?;
        Self::parse(bytes, &show_path(path), manifest)
    }

    /// The reference of a track, as a variant that changes nothing.
    pub fn reference(track: &str, manifest: Option<&Path>) -> Result<Self, SessionError> {
        let text = format!(
            "name: reference\nauthors: [hlb-bench]\n\
             description: the reference of the track, unchanged\nextends: {}\n",
            track::by_id(track)?.reference
        );
        Self::parse(text.into_bytes(), &format!("reference of {track}"), manifest)
    }

    fn parse(bytes: Vec<u8>, shown_name: &str, manifest: Option<&Path>) -> Result<Self, SessionError> {
        let variant = Variant::parse(&bytes, shown_name)?;
        let task = task(&variant.base()?.track, manifest)?;
        let recipe = variant.resolve(task.terms())?;
        Ok(Self { variant, bytes, task, recipe })
    }
}

/// A track on its own data set, or on that of a user's manifest.
pub fn task(track: &str, manifest: Option<&Path>) -> Result<Task, SessionError> {
    let track = track::by_id(track)?;
    Ok(match manifest {
        Some(path) => Task::own(track, Manifest::read(path)?)?,
        None => Task::published(track),
    })
}
