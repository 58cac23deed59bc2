//! What is known before the first step of training; everything that can be refused is refused here.

use std::path::{Path, PathBuf};
use std::thread;

use crate::args::SessionOptions;
use crate::artifact::{Sha256Hex, sha256_file};
use crate::clock;
use crate::command::measure::begin::{self, Unfinished};
use crate::dataset::{self, Manifest};
use crate::ground::Ground;
use crate::hardware::Machine;
use crate::hint::{Context as _, Failure, Result, bail};
use crate::price::{self, Price};
use crate::recipe::Recipe;
use crate::result::HarnessFacts;
use crate::session::{self, SpawnError, TrainerInfo};
use crate::terminal::DatasetProgress;
use crate::terminal::{Label, labelled, note};
use crate::text::SafeText;
use crate::track;
use crate::variant::Variant;
use crate::wire::DeviceChoice;
use crate::yaml::{self, VARIANT_CAP};

/// Runs where nobody asks for another number.
const USUAL_RUNS: u32 = 5;

/// What a session is held for.
#[derive(Debug, Clone, Copy)]
pub(in crate::command) struct Purpose {
    /// Runs end at their first crossing.
    pub(in crate::command) stop_at_target: bool,
    /// Whether the reference is held in turn with the variant where the user does not say.
    pub(in crate::command) calibrates: Calibrates,
    /// SHA-256 of the result that is to be reproduced.
    pub(in crate::command) reproduces: Option<Sha256Hex>,
}

/// When the reference is held in turn with the variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::command) enum Calibrates {
    /// Only if the user asks for it.
    Asked,
    /// Where the row could be ranked.
    Ranked,
    /// As in the entry that is reproduced.
    Always,
    /// As in the entry that is reproduced.
    Never,
}

/// Everything known before the first step of training.
pub(in crate::command) struct Prepared {
    pub(super) resolved: Resolved,
    pub(super) purpose: Purpose,
    /// Runs of each recipe.
    pub(super) runs: u32,
    /// The session that goes on, where it is not a new one.
    pub(super) unfinished: Option<Unfinished>,
    /// The track's reference, if its runs are to be held too.
    pub(super) reference: Option<Recipe>,
    pub(super) data: dataset::Prepared,
    pub(super) price: Option<Price>,
    pub(super) trainer: PathBuf,
    pub(super) libtorch_sha256: Option<Sha256Hex>,
    pub(super) harness: HarnessFacts,
    pub(super) machine: Machine,
}

impl Prepared {
    /// SHA-256 over the arrays that are about to be trained on.
    pub(in crate::command) fn content_sha256(&self) -> Sha256Hex {
        self.data.content_sha256
    }

    /// The machine at hand.
    pub(in crate::command) fn machine(&self) -> &Machine {
        &self.machine
    }
}

/// Reads a variant file within its cap.
pub(in crate::command) fn read_variant(path: &Path) -> Result<Vec<u8>> {
    Ok(yaml::read(path, VARIANT_CAP)?)
}

/// What a variant is about, from its own text alone.
pub(in crate::command) struct Resolved {
    pub(in crate::command) variant: Variant,
    pub(super) variant_bytes: Vec<u8>,
    pub(super) ground: Ground,
    pub(in crate::command) recipe: Recipe,
}

/// The track on its own data set, or on that of a user's manifest.
pub(in crate::command) fn ground(track: &str, manifest: Option<&Path>) -> Result<Ground> {
    let track = track::by_id(track)?;
    Ok(match manifest {
        Some(path) => Ground::own(track, Manifest::read(path)?)?,
        None => Ground::published(track),
    })
}

/// Resolves a variant to its recipe, and refuses whatever is wrong with it. With `manifest` it is to be trained on that
/// data set of the user's own, else on the track's.
pub(in crate::command) fn resolve(
    variant_bytes: Vec<u8>,
    shown_name: &str,
    manifest: Option<&Path>,
) -> Result<Resolved> {
    let variant = Variant::parse(&variant_bytes, shown_name)?;
    let ground = ground(&variant.base()?.track, manifest)?;
    let recipe = variant.resolve(ground.terms())?;
    Ok(Resolved { variant, variant_bytes, ground, recipe })
}

/// Verifies the data set, and finds trainer, libtorch and price.
pub(in crate::command) fn prepare(
    resolved: Resolved,
    options: &SessionOptions,
    mut purpose: Purpose,
) -> Result<Prepared> {
    let unfinished = options.resume.then(|| begin::find_unfinished(&resolved, options)).transpose()?;
    let mut runs = options.runs.unwrap_or(USUAL_RUNS);
    if let Some(unfinished) = &unfinished {
        let start = &unfinished.log.start;
        runs = options.runs.unwrap_or(start.runs);
        purpose.calibrates = if start.reference.is_some() { Calibrates::Always } else { Calibrates::Never };
    }
    let reference = reference(&resolved, options, purpose.calibrates, runs)?;
    check_size([Some(&resolved.recipe), reference.as_ref()], runs)?;
    let machine = Machine::read();
    let price = price(options, &machine)?;
    let equipment = equip(&resolved.ground, options.host.trainer.data.as_deref())?;
    check_device(&equipment.trainer_info, [&resolved.recipe], options.host.trainer.device)?;
    let Equipment { data, trainer, libtorch_sha256, harness, .. } = equipment;
    Ok(Prepared {
        resolved,
        purpose,
        runs,
        unfinished,
        reference,
        data,
        price,
        trainer,
        libtorch_sha256,
        harness,
        machine,
    })
}

/// What runs need, whatever their recipe.
pub(in crate::command) struct Equipment {
    pub(in crate::command) data: dataset::Prepared,
    pub(in crate::command) trainer: PathBuf,
    pub(in crate::command) trainer_info: TrainerInfo,
    pub(in crate::command) libtorch_sha256: Option<Sha256Hex>,
    pub(in crate::command) harness: HarnessFacts,
}

/// Verifies the data set, for which `folder` holds the files where the user says so, and finds trainer and libtorch.
pub(in crate::command) fn equip(ground: &Ground, folder: Option<&Path>) -> Result<Equipment> {
    let trainer = session::find_trainer()?;
    let watch = DatasetProgress::begin();
    // Side by side, since each takes most of a second.
    let (data, libtorch) = thread::scope(|scope| {
        let libtorch = scope.spawn(|| libtorch(&trainer));
        let data = dataset::prepare(&ground.manifest, ground.track.resize, folder, &watch);
        (data, libtorch.join())
    });
    watch.end();
    let data = data?;
    let (trainer_info, libtorch_sha256) =
        libtorch.map_err(|_| Failure::new("the digest of libtorch could not be taken"))??;
    let harness = harness(&trainer)?;
    Ok(Equipment { data, trainer, trainer_info, libtorch_sha256, harness })
}

/// The track's reference, if its runs are to be held in turn with the variant's.
fn reference(
    resolved: &Resolved,
    options: &SessionOptions,
    calibrates: Calibrates,
    runs: u32,
) -> Result<Option<Recipe>> {
    let (ground, recipe) = (&resolved.ground, resolved.ground.reference());
    let ranked = runs >= ground.track.runs_to_rank && ground.manifest.is_published();
    let wanted = match calibrates {
        Calibrates::Always => true,
        Calibrates::Never => false,
        _ if options.calibrate => true,
        // The reference beside itself would say 1.
        Calibrates::Ranked => ranked && !options.no_calibrate && recipe != resolved.recipe,
        Calibrates::Asked => false,
    };
    if !wanted {
        return Ok(None);
    }
    let unfit = "the track's reference does not fit this data set, so it cannot calibrate; use --no-calibrate";
    recipe.check(ground.terms()).context(unfit)?;
    Ok(Some(recipe))
}

/// A run log that could not be read back would make the session worthless.
fn check_size(recipes: [Option<&Recipe>; 2], runs: u32) -> Result<()> {
    const MOST_EPOCHS: u32 = 60_000;
    // A last part of an epoch is logged as one.
    let logged = |recipe: &&Recipe| recipe.length(u32::MAX).epochs;
    let epochs: u32 = recipes.iter().flatten().map(logged).sum();
    if runs.saturating_mul(epochs) > MOST_EPOCHS {
        bail!(
            "{runs} runs of {epochs} epochs are more than a run log may hold, {MOST_EPOCHS} epochs; ask for fewer with --runs"
        );
    }
    Ok(())
}

/// Refuses a device or number format that the trainer cannot serve, before anything is written.
pub(in crate::command) fn check_device<'a>(
    info: &TrainerInfo,
    recipes: impl IntoIterator<Item = &'a Recipe>,
    device: DeviceChoice,
) -> Result<()> {
    let reason = info.cuda_problem.clone().unwrap_or_else(|| "libtorch sees no CUDA device".to_owned());
    let on_cpu = device == DeviceChoice::Cpu || !info.cuda;
    if device == DeviceChoice::Cuda && !info.cuda {
        bail!(
            "--device cuda cannot be used: {reason}; install the CUDA libraries with `make setup CUDA=1`, or use --device cpu"
        );
    }
    let short = recipes.into_iter().map(|recipe| recipe.precision).find(|precision| precision.is_short());
    if let (true, Some(precision)) = (on_cpu, short) {
        let word = precision.word();
        bail!("`precision`: {word} is unusably slow on the CPU; use `auto` or `fp32`, or train on a GPU");
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

/// The price asked for, else that of the instance that this machine says it is.
fn price(options: &SessionOptions, machine: &Machine) -> Result<Option<Price>> {
    let table = match &options.host.prices {
        Some(path) => price::Table::with_file(path)?,
        None => price::Table::shipped(),
    };
    let today = clock::calendar().format("%Y-%m-%d").to_string();
    if let Some(name) = &options.host.price {
        return Ok(Some(table.find(name, &today)?));
    }
    if let Some(usd_per_hour) = options.host.price_per_hour {
        let source =
            SafeText::try_from(options.host.price_source.clone().unwrap_or_default()).context("--price-source")?;
        return Ok(Some(Price::own(usd_per_hour, source, &today)?));
    }
    let Some(instance) = &machine.instance else { return Ok(None) };
    match &table.for_instance(&instance.provider, instance.instance_type.as_deref())[..] {
        [only] => {
            let price = table.find(&only.name(), &today)?;
            note(&format!(
                "this machine says it is {}: its price is {} US dollars per hour",
                price.name(),
                price.usd_per_hour
            ));
            Ok(Some(price))
        }
        [] => Ok(None),
        several => {
            let names: Vec<String> = several.iter().take(4).map(Price::name).collect();
            note(&format!(
                "this machine is rented from {}; for its cost say which row with --price, such as {}",
                instance.provider,
                names.join(", ")
            ));
            Ok(None)
        }
    }
}

/// The threads that a run on the CPU gets where nobody says: one for each core that may be used.
pub(in crate::command) fn usual_threads(machine: &Machine) -> u32 {
    let host = &machine.host;
    host.physical_cores.unwrap_or(host.logical_cpus).min(host.logical_cpus)
}

fn harness(trainer: &Path) -> Result<HarnessFacts> {
    let own = std::env::current_exe().context("this program does not know its own file")?;
    let commit = env!("HLB_BENCH_COMMIT");
    Ok(HarnessFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: (!commit.is_empty()).then(|| commit.to_owned()),
        program_sha256: sha256_file(&own)?,
        trainer_sha256: sha256_file(trainer)?,
    })
}
