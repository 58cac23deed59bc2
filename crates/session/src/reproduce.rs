//! The plan of a session that repeats an entry, from the entry alone.

use crate::error::SessionError;
use crate::plan::{LocalOptions, Original, ReferenceRuns, SessionPlan};
use crate::resolve::ResolvedVariant;
use hlb_recipe::variant;
use hlb_result::{Entry, MANIFEST_FILE, VARIANT_FILE};

/// Fewest runs of an entry that a reproduction can be compared with: one run has no spread.
const FEWEST_RUNS: u32 = 2;

/// Plans a session with the same recipe on the same data, paired with the same reference if there was one.
pub fn plan_reproduction(entry: &Entry, local: LocalOptions) -> Result<SessionPlan, SessionError> {
    let result = &entry.result;
    let manifest = (!result.dataset.published).then(|| entry.folder.join(MANIFEST_FILE));
    let variant = ResolvedVariant::read(&entry.folder.join(VARIANT_FILE), manifest.as_deref())?;
    let (found, stated) = (variant::digest(&variant.recipe), result.variant.recipe_sha256);
    if found != stated {
        return Err(SessionError::OtherRecipe { found, stated });
    }
    Ok(SessionPlan {
        variant,
        runs: Some(result.session.runs),
        reference: if result.reference.is_some() { ReferenceRuns::Paired } else { ReferenceRuns::None },
        stop_at_target: false,
        deterministic: result.session.deterministic,
        reproduces: Some(Original {
            result_sha256: entry.result_sha256,
            content_sha256: result.dataset.content_sha256,
            decoder: result.dataset.decoder.as_ref().map(|decoder| decoder.as_str().to_owned()),
            hardware: result.class(),
        }),
        announced: None,
        local,
    })
}

/// Refuses an entry that no session can agree with.
pub fn check_reproducible(entry: &Entry) -> Result<(), SessionError> {
    let session = &entry.result.session;
    if entry.result.reproduces.is_some() {
        return Err(SessionError::IsReproduction);
    }
    if session.stop_at_target {
        return Err(SessionError::StoppedAtTarget);
    }
    if !session.is_complete() {
        return Err(SessionError::EndedEarly { reason: session.stop_reason.clone() });
    }
    if session.runs < FEWEST_RUNS {
        return Err(SessionError::SingleRun);
    }
    Ok(())
}
