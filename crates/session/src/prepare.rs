//! Everything that can be checked before the first step of training.

use crate::environment::check_environment;
use crate::equipment::Equipment;
use crate::error::SessionError;
use crate::note::Note;
use crate::observer::Observer;
use crate::plan::{LocalOptions, Original, ReferenceRuns, SessionPlan};
use crate::pricing;
use crate::unfinished::Unfinished;
use hlb_core::rules::{DEFAULT_RUNS, MAX_EPOCHS};
use hlb_core::units::DeviceKind;
use hlb_core::version::LibtorchVersion;
use hlb_data::Guard;
use hlb_machine::Machine;
use hlb_machine::price::Price;
use hlb_protocol::run_log::range;
use hlb_recipe::Recipe;
use hlb_result::check_equipment;

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
    /// What trains.
    pub(super) device: DeviceKind,
}

impl PreparedSession {
    /// The machine that is measured.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What trains.
    pub fn device(&self) -> DeviceKind {
        self.device
    }

    /// How this machine runs the session.
    pub fn local(&self) -> &LocalOptions {
        &self.plan.local
    }
}

/// Verifies the data set, and finds trainer, libtorch and price.
pub fn prepare(mut plan: SessionPlan, observer: &mut dyn Observer) -> Result<PreparedSession, SessionError> {
    check_environment()?;
    let unfinished = plan.local.resume.then(|| Unfinished::find(&plan)).transpose()?;
    let begun = unfinished.as_ref().map(|unfinished| &unfinished.log.start);
    let runs = plan.runs.unwrap_or(begun.map_or(DEFAULT_RUNS, |start| start.runs));
    if let Some(start) = begun {
        plan.reference = if start.reference.is_some() { ReferenceRuns::Paired } else { ReferenceRuns::None };
    }
    let reference = reference(&plan, runs)?;
    check_size([Some(&plan.variant.recipe), reference.as_ref()], runs)?;
    let mut machine = Machine::read();
    let price = pricing::find(&plan.local, &machine, observer)?;
    let (task, local) = (&plan.variant.task, &plan.local);
    let equipment = Equipment::find(task, local.data.as_deref(), local.device, local.commit, observer.data_set())?;
    if let Some(guards) = Guard::list(&equipment.data.decoded_without) {
        observer.note(&Note::DecodedWithout { guards });
    }
    equipment.trainer_info.libtorch_version.parse::<LibtorchVersion>()?;
    check_equipment(&machine, &equipment.harness).map_err(|fault| SessionError::Equipment(Box::new(fault)))?;
    check_threads(local.threads)?;
    let recipes = [Some(&plan.variant.recipe), reference.as_ref()];
    let device = equipment.device(recipes.into_iter().flatten(), local.device, &mut machine, observer)?;
    if let Some(original) = &plan.reproduces {
        check_data(original, &equipment)?;
        // Times on other hardware compare only through a reference: the user learns it before training.
        if reference.is_none() && machine.class(device) != original.hardware {
            observer.note(&Note::OtherHardware { hardware: original.hardware.clone() });
        }
    }
    Ok(PreparedSession { plan, runs, unfinished, reference, equipment, price, machine, device })
}

/// Refuses a number of threads that the run log could not hold.
fn check_threads(threads: Option<u32>) -> Result<(), SessionError> {
    threads.map_or(Ok(()), range::threads).map_err(|problem| SessionError::OutOfRange { problem })
}

/// The track's reference, if it is trained in turn with the variant.
fn reference(plan: &SessionPlan, runs: u32) -> Result<Option<Recipe>, SessionError> {
    if !plan.wants_reference(runs) {
        return Ok(None);
    }
    let task = &plan.variant.task;
    let recipe = task.reference();
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

/// Refuses a session on other data than the original's.
fn check_data(original: &Original, equipment: &Equipment) -> Result<(), SessionError> {
    let (found, stated) = (equipment.data.content_sha256, original.content_sha256);
    if found == stated {
        return Ok(());
    }
    let decoder = original.decoder.clone().unwrap_or_else(|| "none".to_owned());
    Err(SessionError::OtherData { found, stated, decoder })
}
