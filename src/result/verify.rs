//! Checks an entry: signature before parsing, canonical bytes, digests, and every figure computed again from the run log.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::artifact::{Sha256Hex, sha256_hex};
use crate::dataset::{DatasetError, Manifest, ManifestError};
use crate::ground::Ground;
use crate::price;
use crate::recipe::{Recipe, RecipeError};
use crate::result::derive::derive;
use crate::result::file::{RESULT_SCHEMA, ResultFile};
use crate::result::run_log::{LOG_CAP, RunLog, RunLogError};
use crate::signing::{AllowedSigners, RERUN_NAMESPACE, RESULT_NAMESPACE, SignatureError, Verified, verify};
use crate::text::show;
use crate::track::{self, RULES_VERSION};
use crate::tree;
use crate::variant::{self, Header, Variant, VariantError};
use crate::yaml::{self, RESULT_CAP, ReadError, VARIANT_CAP, YamlError};

/// The result.
pub const RESULT_FILE: &str = "result.yaml";
/// Its detached signature.
pub const SIGNATURE_FILE: &str = "result.yaml.sig";
/// The variant as submitted.
pub const VARIANT_FILE: &str = "variant.yaml";
/// The recipe that it resolved to.
pub const RECIPE_FILE: &str = "recipe.yaml";
/// The manifest of a data set that is not the published one.
pub const MANIFEST_FILE: &str = "dataset.yaml";
/// The run log.
pub const LOG_FILE: &str = "session.jsonl";

/// How far an entry can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// No signature; never on the public board.
    Unsigned,
    /// Signed by the submitter.
    SelfReported(Verified),
    /// Signed by the runner that executed it.
    RunByTheRunner(Verified),
}

impl Trust {
    /// The level, 0 to 2.
    pub fn level(&self) -> u8 {
        match self {
            Self::Unsigned => 0,
            Self::SelfReported(_) => 1,
            Self::RunByTheRunner(_) => 2,
        }
    }

    /// The level in words.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::SelfReported(_) => "self-reported",
            Self::RunByTheRunner(_) => "run by the runner",
        }
    }

    /// Who signed.
    pub fn signer(&self) -> Option<&Verified> {
        match self {
            Self::Unsigned => None,
            Self::SelfReported(signer) | Self::RunByTheRunner(signer) => Some(signer),
        }
    }
}

/// A checked entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its folder.
    pub folder: PathBuf,
    /// The result.
    pub result: ResultFile,
    /// SHA-256 of the result file: the identity of the entry.
    pub result_sha256: Sha256Hex,
    /// The recipe that was trained.
    pub recipe: Recipe,
    /// The track and the data set that it was trained on.
    pub ground: Ground,
    /// The run log.
    pub log: RunLog,
    /// How far it can be trusted.
    pub trust: Trust,
}

/// An entry that is not what it says.
#[derive(Debug, thiserror::Error)]
#[error("{folder}: {fault}")]
pub struct EntryError {
    /// The entry.
    pub folder: PathBuf,
    /// What is wrong with it.
    pub fault: Box<Fault>,
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The folder cannot be listed.
    #[error("cannot be listed: {0}")]
    Folder(std::io::Error),
    /// Neither a result nor a run log.
    #[error("holds no `{RESULT_FILE}`")]
    NoResult,
    /// A session that was killed, or ended without a result.
    #[error("the session did not end with a result: {0}")]
    Unfinished(String),
    /// A file that does not belong to an entry.
    #[error("`{}` does not belong to an entry", show(.0))]
    Stranger(String),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The signature.
    #[error("`{SIGNATURE_FILE}`: {0}")]
    Signature(#[from] SignatureError),
    /// Not YAML that we accept.
    #[error(transparent)]
    Yaml(#[from] YamlError),
    /// The variant.
    #[error(transparent)]
    Variant(#[from] VariantError),
    /// The recipe.
    #[error("`{RECIPE_FILE}`: {0}")]
    Recipe(#[from] RecipeError),
    /// The manifest of a data set that is not the published one.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// That data set does not fit the track.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The bytes are not those that this program writes.
    #[error("`{0}` is not in canonical form")]
    NotCanonical(&'static str),
    /// A digest.
    #[error("`{file}` has SHA-256 {found}, the result says {stated}")]
    Digest {
        /// File, or what the digest is of.
        file: &'static str,
        /// Computed.
        found: Sha256Hex,
        /// Stated.
        stated: Sha256Hex,
    },
    /// A figure that does not follow from the run log.
    #[error("`{key}` is {stated}, the run log gives {recomputed}")]
    Figure {
        /// Key path.
        key: String,
        /// Stated.
        stated: String,
        /// Computed.
        recomputed: String,
    },
    /// The run log.
    #[error("`{LOG_FILE}`: {0}")]
    RunLog(#[from] RunLogError),
    /// A value that contradicts another file or this program's tables.
    #[error("`{key}` is `{}`, {problem}", show(.stated))]
    Contradiction {
        /// Key path.
        key: &'static str,
        /// Stated.
        stated: String,
        /// What it contradicts.
        problem: String,
    },
}

impl EntryError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self.fault.as_ref() {
            Fault::Signature(error) => error.hint(),
            Fault::Digest { .. } | Fault::Figure { .. } | Fault::NotCanonical(_) => {
                Some("the files were changed after the session; restore them from git, or measure again".to_owned())
            }
            Fault::Unfinished(_) => Some("its run log shows what it did; measure again for a result".to_owned()),
            Fault::NoResult => Some("name the folder of an entry, or a folder that holds entries".to_owned()),
            _ => None,
        }
    }
}

/// Reads an entry and checks everything in it. Without `signers` the signature is not looked at.
pub fn check_entry(folder: &Path, signers: &AllowedSigners, now: DateTime<Utc>) -> Result<Entry, EntryError> {
    let check = || {
        let bytes = result_bytes(folder)?;
        let trust = signature(folder, &bytes, signers, now)?;
        read_entry(folder, &bytes, trust)
    };
    check().map_err(|fault| EntryError { folder: folder.to_owned(), fault: Box::new(fault) })
}

/// The result file's bytes, once the folder holds nothing that does not belong there.
fn result_bytes(folder: &Path) -> Result<Vec<u8>, Fault> {
    let names = names_in(folder).map_err(Fault::Folder)?;
    let known = [RESULT_FILE, SIGNATURE_FILE, VARIANT_FILE, RECIPE_FILE, MANIFEST_FILE, LOG_FILE];
    if !names.contains(RESULT_FILE) {
        return Err(if names.contains(LOG_FILE) { unfinished(folder)? } else { Fault::NoResult });
    }
    if let Some(stranger) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Fault::Stranger(stranger.clone()));
    }
    Ok(yaml::read(&folder.join(RESULT_FILE), RESULT_CAP)?)
}

fn names_in(folder: &Path) -> std::io::Result<BTreeSet<String>> {
    fs::read_dir(folder)?.map(|item| Ok(item?.file_name().to_string_lossy().into_owned())).collect()
}

/// Why a session left a run log and no result.
fn unfinished(folder: &Path) -> Result<Fault, Fault> {
    let log = RunLog::parse(&yaml::read(&folder.join(LOG_FILE), LOG_CAP)?)?;
    let reason = log.stop_reason.unwrap_or_else(|| "its run log has no `session_stop`, so it was killed".to_owned());
    Ok(Fault::Unfinished(format!("{reason} (after {} runs)", log.runs.len())))
}

/// Who signed these bytes, and as what. A key's namespaces say whether it speaks for a submitter or for the runner.
fn signature(folder: &Path, bytes: &[u8], signers: &AllowedSigners, now: DateTime<Utc>) -> Result<Trust, Fault> {
    let path = folder.join(SIGNATURE_FILE);
    if !path.exists() {
        return Ok(Trust::Unsigned);
    }
    let armour = yaml::read(&path, VARIANT_CAP)?;
    match verify(bytes, &armour, RESULT_NAMESPACE, signers, now) {
        Ok(signer) => Ok(Trust::SelfReported(signer)),
        Err(refused) => match verify(bytes, &armour, RERUN_NAMESPACE, signers, now) {
            Ok(signer) => Ok(Trust::RunByTheRunner(signer)),
            Err(_) => Err(refused.into()),
        },
    }
}

/// Parses the result and checks it against the files beside it.
pub fn read_entry(folder: &Path, bytes: &[u8], trust: Trust) -> Result<Entry, Fault> {
    let result: ResultFile = yaml::parse(bytes, RESULT_FILE)?;
    if !yaml::is_canonical(bytes, &result) {
        return Err(Fault::NotCanonical(RESULT_FILE));
    }
    let log_bytes = yaml::read(&folder.join(LOG_FILE), LOG_CAP)?;
    digest(LOG_FILE, sha256_hex(&log_bytes), result.log.sha256)?;
    if result.log.bytes != log_bytes.len() as u64 {
        return contradiction("log.bytes", result.log.bytes.to_string(), "the run log is longer or shorter");
    }
    check_price(&result)?;
    check_versions(&result)?;
    let ground = check_ground(folder, &result)?;
    let recipe = check_recipe(folder, &result, &ground)?;
    let log = RunLog::parse(&log_bytes)?;
    check_log(&result, &log)?;
    check_schedule(&ground, &recipe, &log)?;
    check_figures(&result, &log)?;
    Ok(Entry { folder: folder.to_owned(), result_sha256: sha256_hex(bytes), result, recipe, ground, log, trust })
}

fn digest(file: &'static str, found: Sha256Hex, stated: Sha256Hex) -> Result<(), Fault> {
    if found == stated {
        return Ok(());
    }
    Err(Fault::Digest { file, found, stated })
}

/// The variant and the recipe, and that one follows from the other. Shipped recipes never change under their name.
fn check_recipe(folder: &Path, result: &ResultFile, ground: &Ground) -> Result<Recipe, Fault> {
    let variant_bytes = yaml::read(&folder.join(VARIANT_FILE), VARIANT_CAP)?;
    digest(VARIANT_FILE, sha256_hex(&variant_bytes), result.variant.variant_sha256)?;
    let recipe_bytes = yaml::read(&folder.join(RECIPE_FILE), VARIANT_CAP)?;
    digest(RECIPE_FILE, sha256_hex(&recipe_bytes), result.variant.recipe_sha256)?;
    let recipe: Recipe = yaml::parse(&recipe_bytes, RECIPE_FILE)?;
    if !yaml::is_canonical(&recipe_bytes, &recipe) {
        return Err(Fault::NotCanonical(RECIPE_FILE));
    }
    if recipe.track != ground.track.id {
        return contradiction("track", result.track.to_string(), "the recipe is for another track");
    }
    recipe.check(ground.terms())?;
    let variant = Variant::parse(&variant_bytes, VARIANT_FILE)?;
    check_header(result, &variant.header)?;
    digest("recipe in `extends`", variant::digest(&variant.base()?), result.variant.base_recipe_sha256)?;
    digest(
        "recipe resolved from the variant",
        variant::digest(&variant.resolve(ground.terms())?),
        result.variant.recipe_sha256,
    )?;
    Ok(recipe)
}

fn check_header(result: &ResultFile, variant: &Header) -> Result<(), Fault> {
    let stated = &result.variant;
    let same = stated.name == variant.name
        && stated.authors == variant.authors
        && stated.description == variant.description
        && stated.extends == variant.extends;
    if same {
        return Ok(());
    }
    contradiction(
        "variant.name",
        stated.name.to_string(),
        "name, authors, description or base are not those of the variant file",
    )
}

fn contradiction<T>(key: &'static str, stated: String, problem: &str) -> Result<T, Fault> {
    Err(Fault::Contradiction { key, stated, problem: problem.to_owned() })
}

/// Schema and rules against those of this program.
fn check_versions(result: &ResultFile) -> Result<(), Fault> {
    if result.schema != RESULT_SCHEMA {
        return contradiction("schema", result.schema.clone(), &format!("this program reads `{RESULT_SCHEMA}`"));
    }
    if result.rules_version != RULES_VERSION {
        let problem = format!("this board is for {RULES_VERSION}");
        return contradiction("rules_version", result.rules_version.clone(), &problem);
    }
    Ok(())
}

/// Track, target and data set against what this program ships, or against the manifest in the entry.
fn check_ground(folder: &Path, result: &ResultFile) -> Result<Ground, Fault> {
    let track = match track::by_id(result.track.as_str()) {
        Ok(track) => track,
        Err(unknown) => return contradiction("track", result.track.to_string(), &unknown.to_string()),
    };
    let own = folder.join(MANIFEST_FILE);
    let ground = match (result.dataset.published, own.exists()) {
        (true, false) => Ground::published(track),
        (false, true) => Ground::own(track, Manifest::own(&yaml::read(&own, VARIANT_CAP)?, MANIFEST_FILE)?)?,
        (published, _) => {
            let problem =
                format!("and a `{MANIFEST_FILE}` belongs to an entry on a data set of one's own, and to no other");
            return contradiction("dataset.published", published.to_string(), &problem);
        }
    };
    check_dataset(result, &ground)?;
    if result.target == ground.track.target {
        return Ok(ground);
    }
    contradiction("target.correct", result.target.correct.to_string(), "the track's target is another")
}

fn check_dataset(result: &ResultFile, ground: &Ground) -> Result<(), Fault> {
    let (stated, manifest) = (&result.dataset, &ground.manifest);
    if stated.id != manifest.id {
        return contradiction("dataset.id", stated.id.to_string(), "the track's data set is another");
    }
    digest("data set manifest", manifest.digest(), stated.manifest_sha256)?;
    if stated.resize != ground.track.resize {
        return contradiction("dataset.resize", format!("{:?}", stated.resize), "the track resizes otherwise");
    }
    if stated.decoder.is_some() != stated.resize.is_some() {
        let decoder = stated.decoder.as_ref().map_or("null", |decoder| decoder.as_str());
        return contradiction("dataset.decoder", decoder.to_owned(), "pictures have a decoder, arrays have none");
    }
    let Some(known) = manifest.content(stated.resize) else { return Ok(()) };
    digest("data set content", known.sha256, stated.content_sha256)?;
    if stated.duplicates == known.duplicates {
        return Ok(());
    }
    contradiction("dataset.duplicates", format!("{:?}", stated.duplicates), "the manifest counts others")
}

/// A price of the user's own is a sane number; any other is a row of the table.
fn check_price(result: &ResultFile) -> Result<(), Fault> {
    let Some(price) = &result.price else { return Ok(()) };
    if !price.is_in_range() {
        return contradiction("price.usd_per_hour", price.usd_per_hour.to_string(), "no machine has such a price");
    }
    if price.is_own() || price::table().contains(price) {
        return Ok(());
    }
    contradiction("price.instance", price.name(), "the price table has no such row; a price of one's own says so")
}

/// What result and run log both state.
fn check_log(result: &ResultFile, log: &RunLog) -> Result<(), Fault> {
    let Some(stop_reason) = &log.stop_reason else {
        return Err(Fault::Unfinished("its run log has no `session_stop`".to_owned()));
    };
    let trainer = log.trainer.as_ref();
    let pairs = [
        ("track", result.track.to_string(), log.start.track.clone()),
        ("rules_version", result.rules_version.clone(), log.start.rules_version.clone()),
        ("target.correct", format!("{:?}", result.target), format!("{:?}", log.start.target)),
        ("variant.recipe_sha256", result.variant.recipe_sha256.to_string(), log.start.recipe_sha256.to_string()),
        ("session.nonce", result.session.nonce.clone(), log.start.nonce.clone()),
        ("session.started_at", result.session.started_at.clone(), log.start.started_at.clone()),
        ("session.runs", result.session.runs.to_string(), log.start.runs.to_string()),
        ("session.stop_at_target", result.session.stop_at_target.to_string(), log.start.stop_at_target.to_string()),
        ("session.stop_reason", result.session.stop_reason.clone(), stop_reason.clone()),
        (
            "session.device",
            result.session.device.clone(),
            trainer.map_or_else(String::new, |trainer| trainer.device.clone()),
        ),
        (
            "session.threads",
            result.session.threads.to_string(),
            trainer.map_or_else(String::new, |trainer| trainer.threads.to_string()),
        ),
        (
            "session.precision",
            result.session.precision.clone(),
            trainer.map_or_else(String::new, |trainer| trainer.precision.clone()),
        ),
        (
            "libtorch.version",
            result.libtorch.version.clone(),
            trainer.map_or_else(String::new, |trainer| trainer.libtorch_version.clone()),
        ),
    ];
    for (key, stated, logged) in pairs {
        if stated != logged {
            return Err(Fault::Figure { key: key.to_owned(), stated, recomputed: logged });
        }
    }
    Ok(())
}

/// Epochs and steps of the run log against the recipe, and the whole evaluation split against the data set.
fn check_schedule(ground: &Ground, recipe: &Recipe, log: &RunLog) -> Result<(), Fault> {
    let steps = recipe.steps_per_epoch(ground.shapes.train);
    if log.start.epochs != recipe.epochs || log.start.steps_per_epoch != steps {
        let logged = format!("{} epochs of {} steps", log.start.epochs, log.start.steps_per_epoch);
        return contradiction("session_start", logged, &format!("the recipe has {} epochs of {steps}", recipe.epochs));
    }
    let evaluation = ground.shapes.evaluation;
    let totals = log.runs.iter().flat_map(|run| &run.epochs).map(|epoch| epoch.accuracy.total);
    match totals.into_iter().find(|total| *total != evaluation) {
        Some(total) => {
            contradiction("accuracy.total", total.to_string(), &format!("the evaluation split has {evaluation} images"))
        }
        None => Ok(()),
    }
}

/// Every derived figure, computed again.
fn check_figures(result: &ResultFile, log: &RunLog) -> Result<(), Fault> {
    let recomputed = derive(log, result.price.as_ref());
    let changes = tree::differences(&tree::of(&result.derived), &tree::of(&recomputed));
    match changes.into_iter().next() {
        Some(change) => Err(Fault::Figure {
            key: format!("derived.{}", change.path),
            stated: change.before,
            recomputed: change.after,
        }),
        None => Ok(()),
    }
}
