//! Everything that is known before the first step of training; whatever can be refused is refused
//! here.

use hlb_machine::Machine;
use hlb_machine::price::Price;
use hlb_recipe::Recipe;
use crate::equipment::Equipment;
use crate::error::SessionError;
use crate::note::Note;
use crate::observer::Observer;
use hlb_core::rules::{DEFAULT_RUNS, MAX_EPOCHS};
use crate::plan::{Original, ReferenceRuns, SessionPlan};
use crate::pricing;
use crate::unfinished::Unfinished;

/// A session that is ready to run.
pub struct PreparedSession {
    pub(super) plan: SessionPlan,
    /// Runs of each recipe.
    pub(super) runs: u32,
    /// The session to resume, where it is not a new one.
    pub(super) unfinished: Option<Unfinished>,
    /// The track's reference, if it is trained too.
    pub(super) reference: Option<Recipe>,
    pub(super) equipment: Equipment,
    pub(super) price: Option<Price>,
    pub(super) machine: Machine,
}

/// Verifies the data set, and finds trainer, libtorch and price.
pub fn prepare(mut plan: SessionPlan, observer: &mut dyn Observer) -> Result<PreparedSession, SessionError> {
    let (variant, local) = (&plan.variant, &plan.local);
    let unfinished = local.resume.then(|| Unfinished::find(variant, &local.sessions)).transpose()?;
    let mut runs = plan.runs.unwrap_or(DEFAULT_RUNS);
    if let Some(unfinished) = &unfinished {
        let start = &unfinished.log.start;
        runs = plan.runs.unwrap_or(start.runs);
        plan.reference = if start.reference.is_some() { ReferenceRuns::Paired } else { ReferenceRuns::None };
    }
    let reference = reference(&plan, runs)?;
    check_size([Some(&plan.variant.recipe), reference.as_ref()], runs)?;
    let machine = Machine::read();
    let (price, note) = pricing::find(&plan.local, &machine)?;
    if let Some(note) = note {
        observer.note(&note);
    }
    let equipment = Equipment::find(
        &plan.variant.task,
        plan.local.data.as_deref(),
        plan.local.commit,
        observer.data_set(),
    )?;
    if let Some(note) = equipment.check_device([&plan.variant.recipe], plan.local.device)? {
        observer.note(&note);
    }
    if let Some(original) = &plan.reproduces
        && let Some(note) = check_original(original, &equipment, &machine, reference.is_some())?
    {
        observer.note(&note);
    }
    Ok(PreparedSession { plan, runs, unfinished, reference, equipment, price, machine })
}

/// The track's reference, if it is trained in turn with the variant.
fn reference(plan: &SessionPlan, runs: u32) -> Result<Option<Recipe>, SessionError> {
    let task = &plan.variant.task;
    let recipe = task.reference();
    let wanted = match plan.reference {
        ReferenceRuns::Paired => true,
        ReferenceRuns::None => false,
        ReferenceRuns::WhereRanked => {
            let ranked = runs >= task.track.runs_to_rank && task.manifest.is_published();
            // The ratio of the reference to itself is known.
            ranked && recipe != plan.variant.recipe
        }
    };
    if !wanted {
        return Ok(None);
    }
    recipe.check(task.terms()).map_err(|source| SessionError::ReferenceUnfit { source: Box::new(source) })?;
    Ok(Some(recipe))
}

fn check_size(recipes: [Option<&Recipe>; 2], runs: u32) -> Result<(), SessionError> {
    // The last part of an epoch is logged as one.
    let logged = |recipe: &&Recipe| recipe.length(u32::MAX).epochs;
    let epochs: u32 = recipes.iter().flatten().map(logged).sum();
    if runs.saturating_mul(epochs) > MAX_EPOCHS {
        return Err(SessionError::TooLong { runs, epochs, most: MAX_EPOCHS });
    }
    Ok(())
}

/// Refuses other data than those of the original. On other hardware times compare only through a
/// reference, which is better known before hours of training.
fn check_original(
    original: &Original,
    equipment: &Equipment,
    machine: &Machine,
    has_reference: bool,
) -> Result<Option<Note>, SessionError> {
    let (found, stated) = (equipment.data.content_sha256, original.content_sha256);
    if found != stated {
        let decoder = original.decoder.clone().unwrap_or_else(|| "none".to_owned());
        return Err(SessionError::OtherData { found, stated, decoder });
    }
    let ours = ["cpu", "cuda"].map(|device| machine.class(device));
    let other = !has_reference && !ours.contains(&original.hardware);
    Ok(other.then(|| Note::OtherHardware { hardware: original.hardware.clone() }))
}
