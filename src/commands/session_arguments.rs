//! What the command line asks of a session, as a plan that knows no command line, and running it.

use crate::args::{HostOptions, Reproduce, Run, SessionOptions, Submit};
use crate::commands::interrupt;
use crate::terminal::{SessionProgress, note, print_doubts};
use hlb_core::clock::MonotonicClock;
use hlb_core::hint::{Context as _, Result};
use hlb_core::text::SafeText;
use hlb_result::FinishedSession;
use hlb_session::{LocalOptions, Note, PriceChoice, ReferenceRuns, ResolvedVariant, SessionPlan};

/// The session that `submit` asks for. The reference is run wherever the row could be ranked.
pub(super) fn of_submit(arguments: &Submit) -> Result<SessionPlan> {
    let options = &arguments.session;
    let variant = ResolvedVariant::read(&arguments.variant, options.own.manifest.as_deref())?;
    plan(variant, options, if options.no_calibrate { ReferenceRuns::None } else { ReferenceRuns::WhereRanked })
}

/// The session that `run` asks for.
pub(super) fn of_run(arguments: &Run) -> Result<SessionPlan> {
    let manifest = arguments.session.own.manifest.as_deref();
    let variant = match &arguments.variant {
        Some(path) => ResolvedVariant::read(path, manifest)?,
        None => ResolvedVariant::reference(&arguments.track, manifest)?,
    };
    let plan = plan(variant, &arguments.session, ReferenceRuns::None)?;
    Ok(SessionPlan { stop_at_target: arguments.stop_at_target, ..plan })
}

/// Runs a session that is to be filed. One that is complete and was only not filed is not run again.
pub(super) fn run_to_file(mut plan: SessionPlan, clock: &MonotonicClock) -> Result<FinishedSession> {
    let Some(kept) = hlb_session::find_complete(&mut plan)? else { return run(plan, clock) };
    note(&Note::OnlyFilingMissing { folder: kept.folder.clone() }.to_string());
    Ok(kept)
}

/// Runs a session, and shows how far it is.
pub(super) fn run(plan: SessionPlan, clock: &MonotonicClock) -> Result<FinishedSession> {
    let mut progress = SessionProgress::new();
    let prepared = hlb_session::prepare(plan, &mut progress)?;
    let local = prepared.local();
    print_doubts(&hlb_doctor::glance(prepared.machine(), prepared.device(), local.threads, &local.sessions));
    Ok(prepared.run(clock, &mut progress, interrupt::catch()?)?)
}

fn plan(variant: ResolvedVariant, options: &SessionOptions, reference: ReferenceRuns) -> Result<SessionPlan> {
    Ok(SessionPlan {
        variant,
        runs: options.runs,
        reference: if options.calibrate { ReferenceRuns::Paired } else { reference },
        stop_at_target: false,
        deterministic: options.deterministic,
        reproduces: None,
        announced: None,
        local: local(&options.host, options.resume)?,
    })
}

/// How `reproduce` runs a session; all else is the entry's to say.
pub(super) fn of_reproduce(arguments: &Reproduce) -> Result<LocalOptions> {
    local(&arguments.host, arguments.resume)
}

fn local(host: &HostOptions, resume: bool) -> Result<LocalOptions> {
    Ok(LocalOptions {
        resume,
        device: host.trainer.device.device,
        threads: host.trainer.device.threads,
        data: host.trainer.data.clone(),
        price: price(host.price.as_deref(), host.price_per_hour, host.price_source.as_deref())?,
        prices: host.prices.clone(),
        sessions: host.sessions.clone(),
        hang_after: host.trainer.hang_after,
        commit: Some(env!("HLB_BENCH_COMMIT")).filter(|commit| !commit.is_empty()),
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
