//! The plan of a session that repeats an entry, from the entry alone.

use crate::plan::{LocalOptions, Original, ReferenceRuns, SessionPlan};
use crate::resolve::ResolvedVariant;
use hlb_core::hint::{Result, bail};
use hlb_core::text::show;
use hlb_recipe::variant;
use hlb_result::{Entry, MANIFEST_FILE, VARIANT_FILE};

/// Fewest runs of an entry that a reproduction can be compared with: one run has no spread.
const FEWEST_RUNS: u32 = 2;

/// Plans a session with the same recipe on the same data, paired with the same reference if there was one.
pub fn plan_reproduction(entry: &Entry, local: LocalOptions) -> Result<SessionPlan> {
    let result = &entry.result;
    let manifest = (!result.dataset.published).then(|| entry.folder.join(MANIFEST_FILE));
    let variant = ResolvedVariant::read(&entry.folder.join(VARIANT_FILE), manifest.as_deref())?;
    let (found, stated) = (variant::digest(&variant.recipe), result.variant.recipe_sha256);
    if found != stated {
        bail!("the variant resolves to the recipe {found}, the entry was trained with {stated}");
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
        local,
    })
}

/// Refuses an entry that no session can agree with.
pub fn check_reproducible(entry: &Entry) -> Result<()> {
    let session = &entry.result.session;
    if entry.result.reproduces.is_some() {
        bail!("this session repeats another entry; reproduce that one");
    }
    if session.stop_at_target {
        bail!(
            "the entry's runs ended at their first crossing, so its final accuracies are unknown; there is nothing to \
             agree with"
        );
    }
    if !session.is_complete() {
        bail!("the entry's session ended early: {}; there is nothing to agree with", show(&session.stop_reason));
    }
    if session.runs < FEWEST_RUNS {
        bail!("the entry has a single run, which nothing can agree with; at least two are needed");
    }
    Ok(())
}
