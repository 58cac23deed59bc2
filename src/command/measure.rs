//! What `submit` and `run` share: prepare a session, hold it, and write its result into its folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::artifact::{Sha256Hex, sha256_file, sha256_hex, write_atomic};
use crate::cli::SessionOptions;
use crate::clock::{self, Clock as _, MonotonicClock};
use crate::command::progress::Progress;
use crate::command::watching::Watching;
use crate::dataset::{self, Manifest};
use crate::ground::Ground;
use crate::hardware::Machine;
use crate::price::Price;
use crate::printer::{Label, labelled};
use crate::recipe::{Precision, Recipe};
use crate::result::{
    DatasetFacts, HarnessFacts, LOG_FILE, LibtorchFacts, LogFacts, MANIFEST_FILE, RECIPE_FILE, RESULT_FILE,
    RESULT_SCHEMA, ResultFile, RunLog, SessionFacts, VARIANT_FILE, VariantFacts, derive,
};
use crate::seed::{self, Seed};
use crate::session::{self, Request, SpawnError, TrainerInfo};
use crate::text::{SafeText, show};
use crate::track::{self, RULES_VERSION};
use crate::variant::{self, Variant};
use crate::wire::{DeviceChoice, Job, SessionStart};
use crate::yaml::{self, VARIANT_CAP};

/// Everything known before the first step of training; everything that can be refused has been.
pub(super) struct Prepared {
    resolved: Resolved,
    data: dataset::Prepared,
    price: Option<Price>,
    trainer: PathBuf,
    libtorch_sha256: Option<Sha256Hex>,
}

/// A session that was held.
pub(super) struct Held {
    pub(super) folder: PathBuf,
    pub(super) result: ResultFile,
    pub(super) result_text: String,
}

/// Reads a variant file within its cap.
pub(super) fn read_variant(path: &Path) -> Result<Vec<u8>> {
    Ok(yaml::read(path, VARIANT_CAP)?)
}

/// What a variant is about, from its own text alone.
pub(super) struct Resolved {
    variant: Variant,
    variant_bytes: Vec<u8>,
    ground: Ground,
    pub(super) recipe: Recipe,
}

/// The track on its own data set, or on that of a user's manifest.
pub(super) fn ground(track: &str, manifest: Option<&Path>) -> Result<Ground> {
    let track = track::by_id(track)?;
    Ok(match manifest {
        Some(path) => Ground::own(track, Manifest::read(path)?)?,
        None => Ground::published(track),
    })
}

/// Resolves a variant to its recipe, and refuses whatever is wrong with it. With `manifest` it is to be trained on that
/// data set of the user's own, else on the track's.
pub(super) fn resolve(variant_bytes: Vec<u8>, shown_name: &str, manifest: Option<&Path>) -> Result<Resolved> {
    let variant = Variant::parse(&variant_bytes, shown_name)?;
    let ground = ground(&variant.base()?.track, manifest)?;
    let recipe = variant.resolve(ground.terms())?;
    Ok(Resolved { variant, variant_bytes, ground, recipe })
}

/// Verifies the data set, and finds trainer, libtorch and price.
pub(super) fn prepare(resolved: Resolved, options: &SessionOptions) -> Result<Prepared> {
    check_size(&resolved.recipe, options.runs)?;
    let price = price(options)?;
    let trainer = session::find_trainer()?;
    let watch = Watching::begin();
    // Side by side, since each takes most of a second.
    let (data, libtorch) = thread::scope(|scope| {
        let libtorch = scope.spawn(|| libtorch(&trainer));
        let ground = &resolved.ground;
        let data = dataset::prepare(&ground.manifest, ground.track.resize, options.data.as_deref(), &watch);
        (data, libtorch.join())
    });
    watch.end();
    let data = data?;
    let (info, libtorch_sha256) =
        libtorch.map_err(|_| anyhow::anyhow!("the digest of libtorch could not be taken"))??;
    check_device(&info, &resolved.recipe, options.device)?;
    Ok(Prepared { resolved, data, price, trainer, libtorch_sha256 })
}

/// A run log that could not be read back would make the session worthless.
fn check_size(recipe: &Recipe, runs: u32) -> Result<()> {
    const MOST_EPOCHS: u32 = 60_000;
    if runs.saturating_mul(recipe.epochs) > MOST_EPOCHS {
        bail!(
            "{runs} runs of {} epochs are more than a run log may hold, {MOST_EPOCHS} epochs; ask for fewer with --runs",
            recipe.epochs
        );
    }
    Ok(())
}

/// Refuses a device or number format that the trainer cannot serve, before anything is written.
fn check_device(info: &TrainerInfo, recipe: &Recipe, device: DeviceChoice) -> Result<()> {
    let reason = info.cuda_problem.clone().unwrap_or_else(|| "libtorch sees no CUDA device".to_owned());
    let on_cpu = device == DeviceChoice::Cpu || !info.cuda;
    if device == DeviceChoice::Cuda && !info.cuda {
        bail!(
            "--device cuda cannot be used: {reason}; install the CUDA libraries with `make setup CUDA=1`, or use --device cpu"
        );
    }
    if on_cpu && recipe.precision == Precision::Fp16 {
        bail!("`precision`: fp16 is unusably slow on the CPU; use `auto` or `fp32`, or train on a GPU");
    }
    if on_cpu && device == DeviceChoice::Auto && info.cuda_problem.is_some() {
        labelled(Label::Warning, &format!("there is a GPU, but training runs on the CPU: {reason}"));
    }
    Ok(())
}

/// SHA-256 of the libtorch that the trainer loads; `None` where its file cannot be read.
fn libtorch(trainer: &Path) -> Result<(TrainerInfo, Option<Sha256Hex>), SpawnError> {
    let info = session::describe(trainer)?;
    let digest = info.libtorch_file.as_deref().and_then(session::libtorch_digest);
    Ok((info, digest))
}

fn price(options: &SessionOptions) -> Result<Option<Price>> {
    if let Some(name) = &options.price {
        return Ok(Some(Price::by_name(name)?));
    }
    let Some(usd_per_hour) = options.price_per_hour else { return Ok(None) };
    let source = SafeText::try_from(options.price_source.clone().unwrap_or_default()).context("--price-source")?;
    let today = clock::calendar().format("%Y-%m-%d").to_string();
    Ok(Some(Price::own(usd_per_hour, source, &today)?))
}

/// Holds the session in a new folder under `options.sessions`, and writes its result there.
pub(super) fn hold(
    prepared: &Prepared,
    options: &SessionOptions,
    stop_at_target: bool,
    clock: &MonotonicClock,
) -> Result<Held> {
    let nonce = seed::fresh_nonce();
    let folder = new_folder(prepared, options, &nonce)?;
    let recipe_text = variant::canonical(&prepared.resolved.recipe);
    write_atomic(&folder.join(VARIANT_FILE), &prepared.resolved.variant_bytes)?;
    write_atomic(&folder.join(RECIPE_FILE), recipe_text.as_bytes())?;
    let manifest = &prepared.resolved.ground.manifest;
    if !manifest.is_published() {
        write_atomic(&folder.join(MANIFEST_FILE), manifest.text().as_bytes())?;
        labelled(
            Label::Warning,
            &format!("`{}` is not the track's published data set; this session is never ranked", manifest.id),
        );
    }
    let recipe_sha256 = sha256_hex(recipe_text.as_bytes());
    let machine = Machine::read();
    let harness = harness(prepared)?;
    let job = job(prepared, options, recipe_sha256, &nonce, stop_at_target, &machine);
    let start = start(prepared, options, recipe_sha256, &nonce, stop_at_target, clock);
    supervise(prepared, options, &folder, job, start, clock)?;
    let log_bytes = fs::read(folder.join(LOG_FILE)).context("the run log cannot be read back")?;
    let log = RunLog::parse(&log_bytes).context("the run log does not add up")?;
    let result = result(prepared, &log, &log_bytes, machine, harness)?;
    let result_text = yaml::emit(&result)?;
    write_atomic(&folder.join(RESULT_FILE), result_text.as_bytes())?;
    Ok(Held { folder, result, result_text })
}

fn new_folder(prepared: &Prepared, options: &SessionOptions, nonce: &str) -> Result<PathBuf> {
    let day = clock::calendar().format("%Y-%m-%d");
    let name = format!("{day}-{}-{}", prepared.resolved.variant.header.name, &nonce[..8]);
    let folder = options.sessions.join(&prepared.resolved.ground.track.id).join(name);
    fs::create_dir_all(&folder)
        .with_context(|| format!("the folder {} cannot be made; name another with --sessions", folder.display()))?;
    Ok(folder)
}

fn job(
    prepared: &Prepared,
    options: &SessionOptions,
    recipe_sha256: Sha256Hex,
    nonce: &str,
    stop_at_target: bool,
    machine: &Machine,
) -> Job {
    let seed = |index| seed::derive(recipe_sha256, nonce, index);
    let cores = machine.host.physical_cores.unwrap_or(machine.host.logical_cpus);
    Job {
        recipe: prepared.resolved.recipe.clone(),
        target: prepared.resolved.ground.track.target,
        seeds: (1..=options.runs).map(seed).collect::<Vec<Seed>>(),
        warmup_seed: seed(0),
        stop_at_target,
        device: options.device,
        threads: options.threads.unwrap_or(cores.min(machine.host.logical_cpus)),
        arrays: prepared.data.arrays.shapes(),
    }
}

fn start(
    prepared: &Prepared,
    options: &SessionOptions,
    recipe_sha256: Sha256Hex,
    nonce: &str,
    stop_at_target: bool,
    clock: &MonotonicClock,
) -> SessionStart {
    SessionStart {
        schema: crate::result::LOG_SCHEMA.to_owned(),
        rules_version: RULES_VERSION.to_owned(),
        track: prepared.resolved.ground.track.id.clone(),
        target: prepared.resolved.ground.track.target,
        recipe_sha256,
        nonce: nonce.to_owned(),
        runs: options.runs,
        stop_at_target,
        steps_per_epoch: prepared.resolved.recipe.steps_per_epoch(prepared.resolved.ground.shapes.train),
        epochs: prepared.resolved.recipe.epochs,
        started_at: clock::calendar().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        dataset_seconds: clock.now().as_secs_f64(),
    }
}

/// Holds the session; Ctrl-C and SIGTERM end it with a recorded outcome.
fn supervise(
    prepared: &Prepared,
    options: &SessionOptions,
    folder: &Path,
    job: Job,
    start: SessionStart,
    clock: &MonotonicClock,
) -> Result<()> {
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed)).context("Ctrl-C cannot be caught")?;
    let request = Request {
        trainer: &prepared.trainer,
        job,
        arrays: prepared.data.arrays.clone(),
        start,
        log: &folder.join(LOG_FILE),
        hang_after: Duration::from_secs(options.hang_after),
        interrupted: &INTERRUPTED,
    };
    let mut progress = Progress::begin(&prepared.resolved.ground, &prepared.resolved.recipe, options.runs);
    session::supervise(request, *clock, &mut progress)?;
    Ok(())
}

fn harness(prepared: &Prepared) -> Result<HarnessFacts> {
    let own = std::env::current_exe().context("this program does not know its own file")?;
    let commit = env!("HLB_BENCH_COMMIT");
    Ok(HarnessFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: (!commit.is_empty()).then(|| commit.to_owned()),
        program_sha256: sha256_file(&own)?,
        trainer_sha256: sha256_file(&prepared.trainer)?,
    })
}

fn result(
    prepared: &Prepared,
    log: &RunLog,
    log_bytes: &[u8],
    machine: Machine,
    harness: HarnessFacts,
) -> Result<ResultFile> {
    let Some(trainer) = &log.trainer else {
        bail!("the trainer never began: {}", show(log.stop_reason.as_deref().unwrap_or("its run log ends there")));
    };
    let base = variant::digest(&prepared.resolved.variant.base()?);
    Ok(ResultFile {
        schema: RESULT_SCHEMA.to_owned(),
        rules_version: RULES_VERSION.to_owned(),
        track: prepared.resolved.ground.track.id.clone().try_into().context("the track's id")?,
        target: prepared.resolved.ground.track.target,
        variant: VariantFacts {
            name: prepared.resolved.variant.header.name.clone(),
            authors: prepared.resolved.variant.header.authors.clone(),
            description: prepared.resolved.variant.header.description.clone(),
            extends: prepared.resolved.variant.header.extends.clone(),
            variant_sha256: sha256_hex(&prepared.resolved.variant_bytes),
            recipe_sha256: log.start.recipe_sha256,
            base_recipe_sha256: base,
        },
        session: SessionFacts {
            nonce: log.start.nonce.clone(),
            started_at: log.start.started_at.clone(),
            runs: log.start.runs,
            stop_at_target: log.start.stop_at_target,
            stop_reason: log.stop_reason.clone().unwrap_or_default(),
            device: trainer.device.clone(),
            threads: trainer.threads,
            precision: trainer.precision.clone(),
        },
        log: LogFacts { sha256: sha256_hex(log_bytes), bytes: log_bytes.len() as u64 },
        dataset: dataset_facts(prepared),
        harness,
        libtorch: LibtorchFacts {
            version: trainer.libtorch_version.clone(),
            cpu_library_sha256: prepared.libtorch_sha256,
        },
        machine,
        price: prepared.price.clone(),
        derived: derive(log, prepared.price.as_ref()),
    })
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
