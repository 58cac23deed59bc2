//! The session itself, and its result.

use std::fs;
use std::path::PathBuf;

use crate::args::SessionOptions;
use crate::artifact::{sha256_hex, write_atomic};
use crate::clock::MonotonicClock;
use crate::command::interrupt;
use crate::command::measure::begin::{self, Begun};
use crate::command::measure::prepare::{Prepared, usual_threads};
use crate::command::progress::Progress;
use crate::hint::{Context as _, Result, bail};
use crate::result::{
    Basis, DatasetFacts, LOG_FILE, LibtorchFacts, LogFacts, RESULT_FILE, RESULT_SCHEMA, ReferenceFacts, ResultFile,
    RunLog, SessionFacts, VariantFacts, derive,
};
use crate::seed;
use crate::session::{self, Request};
use crate::text::{SafeText, show};
use crate::track::RULES_VERSION;
use crate::variant;
use crate::wire::{Job, TrainerStart};
use crate::yaml;

/// A session that was held.
pub(in crate::command) struct Held {
    pub(in crate::command) folder: PathBuf,
    pub(in crate::command) result: ResultFile,
    pub(in crate::command) result_text: String,
}

/// Holds the session in a folder under `options.host.sessions`, and writes its result there.
pub(in crate::command) fn hold(prepared: &Prepared, options: &SessionOptions, clock: &MonotonicClock) -> Result<Held> {
    begin::warn(prepared);
    let folder = match &prepared.unfinished {
        Some(unfinished) if unfinished.lacks_only_its_result() => begin::completed(prepared, unfinished, options)?,
        Some(unfinished) => supervise(prepared, options, begin::resumed(prepared, unfinished, options, clock)?, clock)?,
        None => supervise(prepared, options, begin::fresh(prepared, options, clock)?, clock)?,
    };
    let log_bytes = fs::read(folder.join(LOG_FILE)).context("the run log cannot be read back")?;
    let log = RunLog::parse(&log_bytes).context("the run log does not add up")?;
    let result = result(prepared, &log, &log_bytes)?;
    let result_text = yaml::emit(&result)?;
    write_atomic(&folder.join(RESULT_FILE), result_text.as_bytes())?;
    Ok(Held { folder, result, result_text })
}

fn job(prepared: &Prepared, options: &SessionOptions, begun: &Begun) -> Job {
    let start = &begun.start;
    Job {
        recipe: prepared.resolved.recipe.clone(),
        reference: prepared.reference.clone(),
        target: start.target,
        runs: begun.runs.clone(),
        warmup_seed: seed::derive(start.recipe.recipe_sha256, &start.nonce, 0),
        stop_at_target: start.stop_at_target,
        deterministic: start.deterministic,
        device: options.host.trainer.device,
        threads: options.host.trainer.threads.or(begun.threads).unwrap_or_else(|| usual_threads(&prepared.machine)),
        arrays: prepared.data.arrays.shapes(),
    }
}

/// Holds the session, whose folder it returns; Ctrl-C and SIGTERM end it with a recorded outcome.
fn supervise(prepared: &Prepared, options: &SessionOptions, begun: Begun, clock: &MonotonicClock) -> Result<PathBuf> {
    let interrupted = interrupt::catch()?;
    let mut progress = Progress::begin(
        &prepared.resolved.ground,
        (&prepared.resolved.recipe, prepared.reference.as_ref()),
        begun.start.runs,
        begun.runs.len(),
    );
    let request = Request {
        trainer: &prepared.trainer,
        job: job(prepared, options, &begun),
        arrays: prepared.data.arrays.clone(),
        opening: begun.opening,
        hang_after: options.host.trainer.hang_after,
        interrupted,
    };
    session::supervise(request, *clock, &mut progress)?;
    Ok(begun.folder)
}

fn result(prepared: &Prepared, log: &RunLog, log_bytes: &[u8]) -> Result<ResultFile> {
    let Some(trainer) = &log.trainer else {
        bail!("the trainer never began: {}", show(log.stop_reason.as_deref().unwrap_or("its run log ends there")));
    };
    let ground = &prepared.resolved.ground;
    let basis = Basis {
        log,
        machine: &prepared.machine,
        recipe: &prepared.resolved.recipe,
        shapes: ground.shapes,
        price: prepared.price.as_ref(),
    };
    Ok(ResultFile {
        schema: RESULT_SCHEMA.to_owned(),
        rules_version: RULES_VERSION.to_owned(),
        track: ground.track.id.clone().try_into().context("the track's id")?,
        target: ground.track.target,
        variant: variant_facts(prepared, log)?,
        session: session_facts(log, trainer),
        reference: log
            .start
            .reference
            .map(|course| ReferenceFacts { name: ground.track.reference.clone(), recipe_sha256: course.recipe_sha256 }),
        reproduces: log.start.reproduces,
        log: LogFacts { sha256: sha256_hex(log_bytes), bytes: log_bytes.len() as u64 },
        dataset: dataset_facts(prepared),
        harness: prepared.harness.clone(),
        libtorch: LibtorchFacts {
            version: trainer.libtorch_version.clone(),
            cpu_library_sha256: prepared.libtorch_sha256,
        },
        machine: prepared.machine.clone(),
        price: prepared.price.clone(),
        derived: derive(basis),
    })
}

fn variant_facts(prepared: &Prepared, log: &RunLog) -> Result<VariantFacts> {
    let header = prepared.resolved.variant.header.clone();
    Ok(VariantFacts {
        name: header.name,
        authors: header.authors,
        description: header.description,
        extends: header.extends,
        variant_sha256: sha256_hex(&prepared.resolved.variant_bytes),
        recipe_sha256: log.start.recipe.recipe_sha256,
        base_recipe_sha256: variant::digest(&prepared.resolved.variant.base()?),
    })
}

fn session_facts(log: &RunLog, trainer: &TrainerStart) -> SessionFacts {
    SessionFacts {
        nonce: log.start.nonce.clone(),
        started_at: log.start.started_at.clone(),
        runs: log.start.runs,
        stop_at_target: log.start.stop_at_target,
        stop_reason: log.stop_reason.clone().unwrap_or_default(),
        deterministic: log.start.deterministic,
        device: trainer.device.clone(),
        threads: trainer.threads,
        precision: trainer.precision.clone(),
    }
}

fn dataset_facts(prepared: &Prepared) -> DatasetFacts {
    let (ground, data) = (&prepared.resolved.ground, &prepared.data);
    DatasetFacts {
        id: ground.manifest.id.clone(),
        published: ground.manifest.is_published(),
        manifest_sha256: ground.manifest.digest(),
        resize: ground.track.resize,
        decoder: data.decoder.and_then(SafeText::cleaned),
        content_sha256: data.content_sha256,
        duplicates: data.duplicates,
    }
}
