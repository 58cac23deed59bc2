//! What the command line asks of a session, as a plan that knows no command line.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::cli::{Reproduce, Run, SessionOptions, Submit};
use crate::session::{LocalOptions, PriceChoice, ReferenceRuns, ResolvedVariant, SessionPlan};
use crate::text::SafeText;

/// The session that `submit` asks for. The reference is run wherever the row could be ranked.
pub(super) fn of_submit(arguments: &Submit) -> Result<SessionPlan> {
    let options = &arguments.session;
    let variant = ResolvedVariant::read(&arguments.variant, options.manifest.as_deref())?;
    plan(variant, options, if options.no_calibrate { ReferenceRuns::None } else { ReferenceRuns::WhereRanked })
}

/// The session that `run` asks for.
pub(super) fn of_run(arguments: &Run) -> Result<SessionPlan> {
    let manifest = arguments.session.manifest.as_deref();
    let variant = match &arguments.variant {
        Some(path) => ResolvedVariant::read(path, manifest)?,
        None => ResolvedVariant::reference(&arguments.track, manifest)?,
    };
    let plan = plan(variant, &arguments.session, ReferenceRuns::None)?;
    Ok(SessionPlan { stop_at_target: arguments.stop_at_target, ..plan })
}

fn plan(variant: ResolvedVariant, options: &SessionOptions, reference: ReferenceRuns) -> Result<SessionPlan> {
    Ok(SessionPlan {
        variant,
        runs: options.runs,
        reference: if options.calibrate { ReferenceRuns::Paired } else { reference },
        stop_at_target: false,
        deterministic: options.deterministic,
        reproduces: None,
        local: LocalOptions {
            resume: options.resume,
            device: options.device,
            threads: options.threads,
            data: options.data.clone(),
            price: price(options.price.as_deref(), options.price_per_hour, options.price_source.as_deref())?,
            prices: options.prices.clone(),
            sessions: options.sessions.clone(),
            hang_after: Duration::from_secs(options.hang_after),
        },
    })
}

/// How `reproduce` runs a session; all else is the entry's to say.
pub(super) fn of_reproduce(arguments: &Reproduce) -> Result<LocalOptions> {
    let source = arguments.price_source.as_deref();
    Ok(LocalOptions {
        resume: arguments.resume,
        device: arguments.device,
        threads: arguments.threads,
        data: arguments.data.clone(),
        price: price(arguments.price.as_deref(), arguments.price_per_hour, source)?,
        prices: arguments.prices.clone(),
        sessions: arguments.sessions.clone(),
        hang_after: Duration::from_secs(arguments.hang_after),
    })
}

fn price(row: Option<&str>, usd_per_hour: Option<f64>, source: Option<&str>) -> Result<PriceChoice> {
    if let Some(row) = row {
        return Ok(PriceChoice::Row(row.to_owned()));
    }
    let Some(usd_per_hour) = usd_per_hour else { return Ok(PriceChoice::OfThisInstance) };
    let source = SafeText::try_from(source.unwrap_or_default().to_owned()).context("--price-source")?;
    Ok(PriceChoice::Own { usd_per_hour, source })
}
