//! Checks an entry: signature before parsing, canonical bytes, digests, and every figure computed again from the run log.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use crate::agreement;
use crate::calendar::{calendar_problem, date_problem};
use crate::clocks;
use crate::derive::derive;
use crate::entry::{
    Entry, EntryError, Fault, LOG_FILE, MANIFEST_FILE, RECIPE_FILE, REPRODUCTIONS_FOLDER, RESULT_FILE, Reproduction,
    SIGNATURE_FILE, Trust, VARIANT_FILE,
};
use crate::file::{HarnessFacts, RESULT_SCHEMA, ResultFile, SessionFacts};
use crate::plausible::{self, too_many_restarts, unknown_gpu};
use crate::signing::{AllowedSigners, RERUN_NAMESPACE, RESULT_NAMESPACE, SignatureError, verify};
use hlb_core::artifact::{Sha256Hex, sha256_hex};
use hlb_core::bounded::{self, RESULT_CAP, SMALL_CAP};
use hlb_core::clock;
use hlb_core::rules::{FIGURE_TOLERANCE, MAX_DAYS_AHEAD, RULES_BEFORE, RULES_VERSION};
use hlb_core::tree::{self, Change};
use hlb_core::yaml;
use hlb_data::task::Task;
use hlb_data::{Manifest, track};
use hlb_machine::Machine;
use hlb_machine::price::{Origin, Table};
use hlb_protocol::run_log::{LOG_CAP, RunLog, TrainingLength};
use hlb_recipe::variant::{self, Variant};
use hlb_recipe::{Length, Recipe};

/// Reads an entry and checks everything in it, its signature first. An entry without one is unsigned; one whose key is
/// not among `signers` is refused.
pub fn check_entry(folder: &Path, signers: &AllowedSigners, now: DateTime<Utc>) -> Result<Entry, EntryError> {
    let check = || {
        let bytes = result_bytes(folder)?;
        let trust = signature(folder, &bytes, signers, now)?;
        let mut entry = read_entry(folder, &bytes, trust)?;
        check_key_at_start(&entry, &bytes, signers, now)?;
        reproductions(&mut entry, signers, now)?;
        Ok(entry)
    };
    check().map_err(|fault| EntryError { folder: folder.to_owned(), fault: Box::new(fault) })
}

/// The bytes of the result file; refuses a folder with other files than those of an entry.
fn result_bytes(folder: &Path) -> Result<Vec<u8>, Fault> {
    let names = names_in(folder)?;
    let known = [RESULT_FILE, SIGNATURE_FILE, VARIANT_FILE, RECIPE_FILE, MANIFEST_FILE, LOG_FILE, REPRODUCTIONS_FOLDER];
    if !names.contains(RESULT_FILE) {
        return Err(if names.contains(LOG_FILE) { unfinished(folder)? } else { Fault::NoResult });
    }
    if let Some(stranger) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Fault::Stranger(stranger.clone()));
    }
    Ok(bounded::read(&folder.join(RESULT_FILE), RESULT_CAP)?)
}

/// The names in a folder, all of which, and itself, are files and folders. A link could lead to files that are not
/// published, or that change with the machine.
fn names_in(folder: &Path) -> Result<BTreeSet<String>, Fault> {
    // Without a slash at its end, after which the system would follow it.
    let folder = folder.components().as_path();
    if fs::symlink_metadata(folder).map_err(Fault::Folder)?.is_symlink() {
        return Err(Fault::Irregular(folder.to_owned()));
    }
    let name = |item: std::io::Result<fs::DirEntry>| {
        let item = item.map_err(Fault::Folder)?;
        let kind = item.file_type().map_err(Fault::Folder)?;
        let name = item.file_name().to_string_lossy().into_owned();
        if kind.is_file() || kind.is_dir() { Ok(name) } else { Err(Fault::Irregular(item.path())) }
    };
    fs::read_dir(folder).map_err(Fault::Folder)?.map(name).collect()
}

/// Why a session left a run log and no result.
fn unfinished(folder: &Path) -> Result<Fault, Fault> {
    let log = RunLog::parse_unfinished(&bounded::read(&folder.join(LOG_FILE), LOG_CAP)?)?;
    let reason = log.stop_reason.unwrap_or_else(|| "its run log has no `session_stop`, so it was killed".to_owned());
    Ok(Fault::Unfinished(format!("{reason} (after {} runs)", log.runs.len())))
}

/// Who signed these bytes, and as what. A key's namespaces say whether it speaks for a submitter or for the runner.
fn signature(folder: &Path, bytes: &[u8], signers: &AllowedSigners, now: DateTime<Utc>) -> Result<Trust, Fault> {
    let path = folder.join(SIGNATURE_FILE);
    if !path.exists() {
        return Ok(Trust::Unsigned);
    }
    let armor = bounded::read(&path, SMALL_CAP)?;
    let signer = |namespace| verify(bytes, &armor, namespace, signers, now);
    match (signer(RESULT_NAMESPACE), signer(RERUN_NAMESPACE)) {
        (Ok(submitter), _) => Ok(Trust::SelfReported(submitter)),
        (_, Ok(runner)) => Ok(Trust::RunByTheRunner(runner)),
        // Of a runner's signature only the second says more than that it is no submitter's.
        (Err(SignatureError::Namespace { .. }), Err(refused)) if !is_of_namespace(&refused) => Err(refused.into()),
        (Err(refused), _) => Err(refused.into()),
    }
}

fn is_of_namespace(refused: &SignatureError) -> bool {
    matches!(refused, SignatureError::Namespace { .. })
}

/// Refuses a session from before its key could sign. When it started is for the signer to say, so this is no reason to accept
/// one: a key that may no longer sign may not, whatever the session's day.
fn check_key_at_start(entry: &Entry, bytes: &[u8], signers: &AllowedSigners, now: DateTime<Utc>) -> Result<(), Fault> {
    let started = clock::parse(&entry.result.session.started_at).filter(|started| *started < now);
    match started {
        Some(started) => signature(&entry.folder, bytes, signers, started).map(|_| ()),
        None => Ok(()),
    }
}

/// Parses the result and checks it against the other files of the entry.
fn read_entry(folder: &Path, bytes: &[u8], trust: Trust) -> Result<Entry, Fault> {
    let result: ResultFile = yaml::parse_canonical(bytes, RESULT_FILE)?.ok_or(Fault::NotCanonical(RESULT_FILE))?;
    let log_bytes = read_checked(folder, LOG_FILE, LOG_CAP, result.log.sha256)?;
    let same_length = result.log.bytes == log_bytes.len() as u64;
    require(same_length, "log.bytes", &result.log.bytes, "the run log is longer or shorter")?;
    check_versions(&result)?;
    check_equipment(&result.machine, &result.harness)?;
    check_price(&result)?;
    let task = check_task(folder, &result)?;
    let recipe = check_recipe(folder, &result, &task)?;
    let log = RunLog::parse(&log_bytes)?;
    check_log(&result, &log)?;
    clocks::check(&log, &result.machine)?;
    check_number_format(&result, &recipe)?;
    check_losses(&log)?;
    let reference = reference(&result, &task)?;
    check_schedule(&task, (&recipe, reference.as_ref()), &log)?;
    let (folder, result_sha256) = (folder.to_owned(), sha256_hex(bytes));
    let (claims, reproductions) = (Vec::new(), Vec::new());
    let mut entry = Entry { folder, result, result_sha256, recipe, task, log, trust, claims, reproductions };
    let recomputed = ResultFile { derived: derive(entry.basis()), ..entry.result.clone() };
    check_equal(&entry.result, &recomputed, is_rounding)?;
    entry.claims = plausible::check(&entry, reference.as_ref())?;
    Ok(entry)
}

/// The sessions that repeated this entry. One that cannot be verified, or repeats another entry, makes the entry
/// invalid: a maintainer has to look at it.
fn reproductions(entry: &mut Entry, signers: &AllowedSigners, now: DateTime<Utc>) -> Result<(), Fault> {
    let folder = entry.folder.join(REPRODUCTIONS_FOLDER);
    if !folder.exists() {
        return Ok(());
    }
    let mut seen = Seen::new();
    claim(&mut seen, entry, "the entry");
    for name in names_in(&folder)? {
        let found = reproduction(entry, &folder.join(&name), &seen, signers, now);
        if let Ok(found) = &found {
            claim(&mut seen, &found.entry, "another reproduction");
        }
        entry.reproductions.push(found.map_err(|problem| Fault::Reproduction { name, problem })?);
    }
    // An entry is reproduced once an independent session agrees with it.
    if entry.reproductions.iter().any(|again| again.agreement.agrees() && again.is_independent_of(entry)) {
        entry.trust = Trust::Reproduced(Box::new(entry.trust.clone()));
    }
    Ok(())
}

/// What only one session can have, and whose it is.
type Seen = BTreeMap<String, &'static str>;

fn claim(seen: &mut Seen, entry: &Entry, whose: &'static str) {
    seen.extend(entry.claims.iter().map(|claim| (claim.key.clone(), whose)));
}

fn reproduction(
    entry: &Entry,
    folder: &Path,
    seen: &Seen,
    signers: &AllowedSigners,
    now: DateTime<Utc>,
) -> Result<Reproduction, String> {
    let again = check_entry(folder, signers, now).map_err(|error| error.fault.to_string())?;
    agreement::check_is_of(&entry.result, entry.result_sha256, &again.result)?;
    if again.trust == Trust::Unsigned {
        return Err("it is unsigned".to_owned());
    }
    if again.result.session.announced.is_some() {
        return Err("it answers an announcement, which only a session of its own does".to_owned());
    }
    check_independent(entry, &again, seen, now)?;
    if !again.reproductions.is_empty() {
        return Err("a reproduction is not reproduced itself".to_owned());
    }
    let agreement = agreement::between(&entry.result, &again.result);
    let agreement = agreement.unless(too_many_restarts(&again.log)).unless(unknown_gpu(&again.result));
    Ok(Reproduction { entry: Box::new(again), agreement })
}

/// Refuses a session that shares a run with the entry or with another session that reproduced it, or whose day
/// cannot be: it is older than its entry, or in the future.
fn check_independent(entry: &Entry, again: &Entry, seen: &Seen, now: DateTime<Utc>) -> Result<(), String> {
    if let Some((copied, whose)) = again.claims.iter().find_map(|claim| Some((claim, seen.get(&claim.key)?))) {
        return Err(format!("{copied} is that of {whose}"));
    }
    if let Some(problem) = calendar_problem(&again.log).or_else(|| date_problem(&again.log, now)) {
        return Err(problem);
    }
    let times = [entry, again].map(|one| clock::parse(&one.result.session.started_at));
    match times {
        [Some(first), Some(again)] if again + TimeDelta::days(MAX_DAYS_AHEAD) < first => {
            Err("it began before the session that it reproduces".to_owned())
        }
        _ => Ok(()),
    }
}

/// The bytes of a file of the entry, which have to be those that the result names.
fn read_checked(folder: &Path, name: &'static str, cap: u64, stated: Sha256Hex) -> Result<Vec<u8>, Fault> {
    let bytes = bounded::read(&folder.join(name), cap)?;
    digest(name, sha256_hex(&bytes), stated)?;
    Ok(bytes)
}

fn digest(file: &'static str, found: Sha256Hex, stated: Sha256Hex) -> Result<(), Fault> {
    if found == stated {
        return Ok(());
    }
    Err(Fault::Digest { file, found, stated })
}

/// The variant and the recipe, and that one follows from the other. Shipped recipes never change under their name.
fn check_recipe(folder: &Path, result: &ResultFile, task: &Task) -> Result<Recipe, Fault> {
    let stated = &result.variant;
    let variant_bytes = read_checked(folder, VARIANT_FILE, SMALL_CAP, stated.variant_sha256)?;
    let recipe_bytes = read_checked(folder, RECIPE_FILE, SMALL_CAP, stated.recipe_sha256)?;
    let recipe: Recipe = yaml::parse_canonical(&recipe_bytes, RECIPE_FILE)?.ok_or(Fault::NotCanonical(RECIPE_FILE))?;
    require(recipe.track == task.track.id, "track", &result.track, "the recipe is for another track")?;
    recipe.check(task.terms())?;
    let variant = Variant::parse(&variant_bytes, VARIANT_FILE)?;
    let header = &variant.header;
    let same = (&stated.name, &stated.authors, &stated.description, &stated.extends)
        == (&header.name, &header.authors, &header.description, &header.extends);
    let problem = "name, authors, description or base are not those of the variant file";
    require(same, "variant.name", &stated.name, problem)?;
    digest("recipe in `extends`", variant::digest(&variant.base()?), stated.base_recipe_sha256)?;
    let resolved = variant::digest(&variant.resolve(task.terms())?);
    digest("recipe resolved from the variant", resolved, stated.recipe_sha256)?;
    Ok(recipe)
}

/// Refuses a value that contradicts another file or this program's tables.
fn require(holds: bool, key: &'static str, stated: &dyn ToString, problem: &str) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(contradiction(key, stated, problem)) }
}

fn contradiction(key: &'static str, stated: &dyn ToString, problem: &str) -> Fault {
    Fault::Contradiction { key, stated: stated.to_string(), problem: problem.to_owned() }
}

/// Schema and rules against those of this program.
fn check_versions(result: &ResultFile) -> Result<(), Fault> {
    let problem = format!("this program reads `{RESULT_SCHEMA}`");
    require(result.schema == RESULT_SCHEMA, "schema", &result.schema, &problem)?;
    let known = [RULES_VERSION, RULES_BEFORE].contains(&result.rules_version.as_str());
    let problem = format!("this program verifies results of {RULES_BEFORE} and {RULES_VERSION}");
    require(known, "rules_version", &result.rules_version, &problem)
}

/// Refuses a machine and programs that are not possible. A session asks this before it trains.
pub fn check_equipment(machine: &Machine, harness: &HarnessFacts) -> Result<(), Fault> {
    machine.check()?;
    let HarnessFacts { program_sha256, trainer_sha256, .. } = harness;
    let problem = "that is the digest of `hlb-bench`, too, but they are two programs";
    require(program_sha256 != trainer_sha256, "harness.trainer_sha256", trainer_sha256, problem)
}

/// Track, target and data set against what this program ships, or against the manifest in the entry.
fn check_task(folder: &Path, result: &ResultFile) -> Result<Task, Fault> {
    let track = track::by_id(result.track.as_str())
        .map_err(|unknown| contradiction("track", &result.track, &unknown.to_string()))?;
    let own = folder.join(MANIFEST_FILE);
    let task = match (result.dataset.published, own.exists()) {
        (true, false) => Task::published(track),
        (false, true) => Task::own(track, Manifest::own(&bounded::read(&own, SMALL_CAP)?, MANIFEST_FILE)?)?,
        (published, _) => {
            let problem =
                format!("and a `{MANIFEST_FILE}` belongs to an entry on a data set of one's own, and to no other");
            return Err(contradiction("dataset.published", &published, &problem));
        }
    };
    check_dataset(result, &task)?;
    let target = result.target;
    require(target == task.track.target, "target.correct", &target.correct, "the track's target is another")?;
    Ok(task)
}

fn check_dataset(result: &ResultFile, task: &Task) -> Result<(), Fault> {
    let (stated, manifest) = (&result.dataset, &task.manifest);
    require(stated.id == manifest.id, "dataset.id", &stated.id, "the track's data set is another")?;
    digest("data set manifest", manifest.digest(), stated.manifest_sha256)?;
    let resize = format!("{:?}", stated.resize);
    require(stated.resize == task.track.resize, "dataset.resize", &resize, "the track resizes otherwise")?;
    let decoder = stated.decoder.as_ref().map_or("null", |decoder| decoder.as_str());
    let fits = stated.decoder.is_some() == stated.resize.is_some();
    require(fits, "dataset.decoder", &decoder, "decoded images have a decoder, arrays have none")?;
    let Some(known) = manifest.content(stated.resize) else { return Ok(()) };
    digest("data set content", known.sha256, stated.content_sha256)?;
    let duplicates = format!("{:?}", stated.duplicates);
    require(stated.duplicates == known.duplicates, "dataset.duplicates", &duplicates, "the manifest counts others")
}

/// A price of the user's own, or of a table of theirs, is a sane number; any other is a row of the shipped table.
fn check_price(result: &ResultFile) -> Result<(), Fault> {
    let Some(price) = &result.price else { return Ok(()) };
    require(price.is_in_range(), "price.usd_per_hour", &price.usd_per_hour, "no machine has such a price")?;
    let known = price.origin != Origin::Shipped || Table::shipped().holds(price);
    require(known, "price.instance", &price.name(), "the price table has no such row; a price of one's own says so")
}

/// Everything that the run log states against what the result says.
fn check_log(result: &ResultFile, log: &RunLog) -> Result<(), Fault> {
    let (Some(_), Some(trainer)) = (&log.stop_reason, &log.trainer) else {
        let line = if log.trainer.is_none() { "trainer_start" } else { "session_stop" };
        return Err(Fault::Unfinished(format!("its run log has no `{line}`")));
    };
    let start = &log.start;
    let text = |digest: Option<Sha256Hex>| digest.map_or_else(|| "null".to_owned(), |digest| digest.to_string());
    let stated = result.reference.as_ref().map(|reference| reference.recipe_sha256);
    let logged = start.reference.map(|length| length.recipe_sha256);
    for (key, stated, recomputed) in [
        ("track", result.track.to_string(), start.track.clone()),
        ("reference.recipe_sha256", text(stated), text(logged)),
    ] {
        if stated != recomputed {
            return Err(Fault::Figure { key: key.to_owned(), stated, recomputed });
        }
    }
    let mut logged = ResultFile {
        rules_version: start.rules_version.clone(),
        target: start.target,
        session: SessionFacts::new(log, trainer),
        reproduces: start.reproduces,
        ..result.clone()
    };
    logged.variant.recipe_sha256 = start.recipe.recipe_sha256;
    logged.dataset.content_sha256 = start.content_sha256;
    logged.harness.program_sha256 = start.program_sha256;
    logged.harness.trainer_sha256 = start.trainer_sha256;
    logged.libtorch.version.clone_from(&trainer.libtorch_version);
    check_equal(result, &logged, |stated, logged| stated == logged)
}

/// The number format follows from recipe and device.
fn check_number_format(result: &ResultFile, recipe: &Recipe) -> Result<(), Fault> {
    let (stated, device) = (result.session.precision, result.session.device);
    let follows = recipe.precision.format_on(device) == Some(stated);
    require(follows, "session.precision", &stated, "the recipe trains in another format on this device")
}

/// Refuses losses that are all the same: no training of two seeds, and of two epochs, ends at one number to the last digit.
fn check_losses(log: &RunLog) -> Result<(), Fault> {
    let runs = log.runs.iter().chain(&log.reference);
    let losses: Vec<u64> = runs.flat_map(|run| &run.epochs).map(|epoch| epoch.loss.to_bits()).collect();
    let differ = losses.len() < 2 || losses.windows(2).any(|pair| pair[0] != pair[1]);
    let constant = losses.first().map_or(0.0, |bits| f64::from_bits(*bits));
    require(differ, "loss", &constant, "and the same in every epoch of every run")
}

/// Compares what a result states with what follows from its run log.
fn check_equal(
    result: &ResultFile,
    recomputed: &ResultFile,
    is_same: impl Fn(&str, &str) -> bool,
) -> Result<(), Fault> {
    if result == recomputed {
        return Ok(());
    }
    let changes = tree::differences(&tree::of(result), &tree::of(recomputed));
    match changes.into_iter().find(|change| !is_same(&change.before, &change.after)) {
        Some(Change { path, before, after }) => Err(Fault::Figure { key: path, stated: before, recomputed: after }),
        None => Ok(()),
    }
}

/// The paired recipe of the session: the track's reference, which never changes under its name.
fn reference(result: &ResultFile, task: &Task) -> Result<Option<Recipe>, Fault> {
    let Some(stated) = &result.reference else { return Ok(None) };
    let same = stated.name == task.track.reference;
    require(same, "reference.name", &stated.name, "the track's reference is another")?;
    let recipe = task.reference();
    digest("recipe of the reference", variant::digest(&recipe), stated.recipe_sha256)?;
    recipe.check(task.terms())?;
    Ok(Some(recipe))
}

/// Epochs and steps of the run log against the recipes, and the whole evaluation split against the data set.
fn check_schedule(task: &Task, (recipe, reference): (&Recipe, Option<&Recipe>), log: &RunLog) -> Result<(), Fault> {
    check_length(task, recipe, log.start.recipe)?;
    if let Some((recipe, logged)) = reference.zip(log.start.reference) {
        check_length(task, recipe, logged)?;
    }
    let evaluation = task.shapes.evaluation;
    let runs = log.runs.iter().chain(&log.reference).chain(&log.abandoned);
    let mut totals = runs.flat_map(|run| &run.epochs).map(|epoch| epoch.accuracy.total);
    let total = totals.find(|total| *total != evaluation).unwrap_or(evaluation);
    let problem = format!("the evaluation split has {evaluation} images");
    require(total == evaluation, "accuracy.total", &total, &problem)
}

fn check_length(task: &Task, recipe: &Recipe, logged: TrainingLength) -> Result<(), Fault> {
    let (logged, length) = (logged.length(), recipe.length(task.shapes.train));
    let text = |length: Length| format!("{} epochs, {} steps", length.epochs, length.steps());
    require(logged == length, "session_start", &text(logged), &format!("the recipe has {}", text(length)))
}

/// Whether two figures differ by no more than another machine's logarithm may round otherwise.
fn is_rounding(stated: &str, recomputed: &str) -> bool {
    let numbers = stated.parse::<f64>().ok().zip(recomputed.parse::<f64>().ok());
    numbers.is_some_and(|(stated, recomputed)| (stated - recomputed).abs() <= FIGURE_TOLERANCE * recomputed.abs())
}
