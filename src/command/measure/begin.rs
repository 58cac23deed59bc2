//! The folder and run log of a new session, or of one that ended early and goes on.

use std::fs;
use std::path::PathBuf;

use crate::args::SessionOptions;
use crate::artifact::{DRAFT_PREFIX, write_atomic};
use crate::clock::{self, Clock as _, MonotonicClock};
use crate::command::measure::prepare::{Prepared, Resolved};
use crate::hint::{Context as _, Result, bail};
use crate::recipe::Recipe;
use crate::result::{LOG_FILE, LOG_SCHEMA, MANIFEST_FILE, RECIPE_FILE, RESULT_FILE, RunLog, VARIANT_FILE};
use crate::seed;
use crate::session::{LogWriter, Opening};
use crate::terminal::{Label, labelled, note};
use crate::text::show;
use crate::track::RULES_VERSION;
use crate::variant;
use crate::wire::{Arm, Course, RunStart, SessionResume, SessionStart, whole_lines};

/// A session that is about to be held.
pub(super) struct Begun {
    /// Its folder.
    pub(super) folder: PathBuf,
    /// What it set out to do, now or when it was begun.
    pub(super) start: SessionStart,
    /// How its run log goes on from here.
    pub(super) opening: Opening,
    /// The runs that are missing, in their order.
    pub(super) runs: Vec<RunStart>,
    /// Threads that earlier runs had.
    pub(super) threads: Option<u32>,
}

/// A new session in a new folder under `options.host.sessions`.
pub(super) fn fresh(prepared: &Prepared, options: &SessionOptions, clock: &MonotonicClock) -> Result<Begun> {
    let nonce = seed::fresh_nonce();
    let folder = new_folder(prepared, options, &nonce)?;
    write_atomic(&folder.join(VARIANT_FILE), &prepared.resolved.variant_bytes)?;
    write_atomic(&folder.join(RECIPE_FILE), variant::canonical(&prepared.resolved.recipe).as_bytes())?;
    let manifest = &prepared.resolved.ground.manifest;
    if !manifest.is_published() {
        write_atomic(&folder.join(MANIFEST_FILE), manifest.text().as_bytes())?;
    }
    let start = start(prepared, options, &nonce, clock);
    let runs = order(&start);
    let opening = Opening::Start { start: Box::new(start.clone()), path: folder.join(LOG_FILE) };
    Ok(Begun { folder, opening, start, runs, threads: None })
}

fn new_folder(prepared: &Prepared, options: &SessionOptions, nonce: &str) -> Result<PathBuf> {
    let day = clock::calendar().format("%Y-%m-%d");
    let name = format!("{day}-{}-{}", prepared.resolved.variant.header.name, &nonce[..8]);
    let folder = options.host.sessions.join(&prepared.resolved.ground.track.id).join(name);
    fs::create_dir_all(&folder)
        .with_context(|| format!("the folder {} cannot be made; name another with --sessions", folder.display()))?;
    Ok(folder)
}

fn start(prepared: &Prepared, options: &SessionOptions, nonce: &str, clock: &MonotonicClock) -> SessionStart {
    let ground = &prepared.resolved.ground;
    SessionStart {
        schema: LOG_SCHEMA.to_owned(),
        rules_version: RULES_VERSION.to_owned(),
        track: ground.track.id.clone(),
        target: ground.track.target,
        recipe: course(&prepared.resolved.recipe, prepared),
        reference: prepared.reference.as_ref().map(|recipe| course(recipe, prepared)),
        content_sha256: prepared.data.content_sha256,
        program_sha256: prepared.harness.program_sha256,
        trainer_sha256: prepared.harness.trainer_sha256,
        nonce: nonce.to_owned(),
        runs: prepared.runs,
        stop_at_target: prepared.purpose.stop_at_target,
        deterministic: options.deterministic,
        reproduces: prepared.purpose.reproduces,
        started_at: now(),
        dataset_seconds: clock.now().as_secs_f64(),
    }
}

fn now() -> String {
    clock::calendar().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn course(recipe: &Recipe, prepared: &Prepared) -> Course {
    Course::new(variant::digest(recipe), recipe.length(prepared.resolved.ground.shapes.train))
}

/// All runs of a session: those of the reference, if there are any, each before that of the variant.
fn order(start: &SessionStart) -> Vec<RunStart> {
    let arms = [(Arm::Reference, start.reference), (Arm::Variant, Some(start.recipe))];
    let of = |run: u32| {
        arms.into_iter().filter_map(move |(arm, course)| {
            course.map(|course| RunStart { arm, run, seed: seed::derive(course.recipe_sha256, &start.nonce, run) })
        })
    };
    (1..=start.runs).flat_map(of).collect()
}

/// A session that ended early.
pub(super) struct Unfinished {
    /// Its folder.
    pub(super) folder: PathBuf,
    /// Its run log, up to the last full line.
    pub(super) log: RunLog,
    /// Bytes of those lines.
    length: u64,
}

impl Unfinished {
    /// Whether every run and the end of the session are logged: it was cut off before its result was on the disk.
    pub(super) fn lacks_only_its_result(&self) -> bool {
        self.log.stop_reason.as_deref() == Some("completed")
    }
}

/// The newest session of this variant under `options.host.sessions` that did not come to its end.
pub(super) fn find_unfinished(resolved: &Resolved, options: &SessionOptions) -> Result<Unfinished> {
    let track = options.host.sessions.join(&resolved.ground.track.id);
    let session = |folder: PathBuf| {
        let same = fs::read(folder.join(VARIANT_FILE)).is_ok_and(|bytes| bytes == resolved.variant_bytes);
        let bytes = fs::read(folder.join(LOG_FILE)).ok()?;
        let (log, length) = (RunLog::parse_unfinished(&bytes).ok()?, whole_lines(&bytes).len() as u64);
        let found = Unfinished { folder, log, length };
        let ended = found.lacks_only_its_result() && found.folder.join(RESULT_FILE).exists();
        (same && !ended).then_some(found)
    };
    let folders = fs::read_dir(&track).into_iter().flatten().filter_map(|item| Some(item.ok()?.path()));
    folders.filter_map(session).max_by(|a, b| a.log.start.started_at.cmp(&b.log.start.started_at)).with_context(|| {
        format!("there is no unfinished session of this variant in {}; leave out --resume", track.display())
    })
}

/// Goes on with a session that ended early.
pub(super) fn resumed(
    prepared: &Prepared,
    unfinished: &Unfinished,
    options: &SessionOptions,
    clock: &MonotonicClock,
) -> Result<Begun> {
    let Unfinished { folder, log, .. } = unfinished;
    check_same(prepared, options, unfinished)?;
    let writer = take_over(unfinished)?;
    let finished = |run: &RunStart| log.runs_of(run.arm).iter().any(|held| held.run == run.run && held.is_finished());
    let all = order(&log.start);
    let runs: Vec<RunStart> = all.iter().copied().filter(|run| !finished(run)).collect();
    let held = all.len() - runs.len();
    note(&format!("resumed: {held} of {} runs are held, the rest follows; {}", all.len(), folder.display()));
    let resume = SessionResume { started_at: now(), dataset_seconds: clock.now().as_secs_f64() };
    let (trainer, at_seconds) = (log.trainer.clone(), log.wall_seconds);
    let threads = trainer.as_ref().map(|trainer| trainer.threads);
    let opening = Opening::Resume { resume, log: writer, trainer, at_seconds };
    Ok(Begun { folder: folder.clone(), start: log.start.clone(), opening, runs, threads })
}

/// The folder of a session that lacks nothing but its result.
pub(super) fn completed(prepared: &Prepared, unfinished: &Unfinished, options: &SessionOptions) -> Result<PathBuf> {
    check_same(prepared, options, unfinished)?;
    take_over(unfinished)?;
    note(&format!("all runs are held, only the result was missing; {}", unfinished.folder.display()));
    Ok(unfinished.folder.clone())
}

/// The run log, once it is this process's alone, and the folder without what the last process had no time to finish.
fn take_over(unfinished: &Unfinished) -> Result<LogWriter> {
    let Unfinished { folder, length, .. } = unfinished;
    let writer = LogWriter::resume(&folder.join(LOG_FILE))?;
    // Since it was read the data set was verified; long enough for another process to go on with it and end.
    if writer.length() != *length {
        bail!("the session in {} went on in another process meanwhile; try again", folder.display());
    }
    for item in fs::read_dir(folder)? {
        let path = item?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // What an interrupted session has to say is no longer true once it goes on, and a draft never was.
        if name == RESULT_FILE || name.starts_with(DRAFT_PREFIX) {
            fs::remove_file(&path)?;
        }
    }
    Ok(writer)
}

/// Runs of one session have everything in common.
fn check_same(prepared: &Prepared, options: &SessionOptions, unfinished: &Unfinished) -> Result<()> {
    let Unfinished { folder, log, .. } = unfinished;
    let (begun, now) = (&log.start, start(prepared, options, &log.start.nonce, &MonotonicClock::start()));
    let same = [
        ("its recipe", begun.recipe == now.recipe),
        ("whether the reference is held with it", begun.reference == now.reference),
        ("its data set", begun.content_sha256 == now.content_sha256),
        ("the program `hlb-bench`", begun.program_sha256 == now.program_sha256),
        ("the program `hlb-bench-trainer`", begun.trainer_sha256 == now.trainer_sha256),
        ("the rules", begun.rules_version == now.rules_version && begun.target == now.target),
        ("--stop-at-target", begun.stop_at_target == now.stop_at_target),
        ("--deterministic", begun.deterministic == now.deterministic),
        ("what it reproduces", begun.reproduces == now.reproduces),
        ("--runs", begun.runs == now.runs),
    ];
    if let Some((what, _)) = same.iter().find(|(_, same)| !same) {
        let folder = folder.display();
        bail!("the session in {folder} cannot go on: {what} is no longer the same; begin a new one without --resume");
    }
    Ok(())
}

/// Tells the user what this session will never be.
pub(super) fn warn(prepared: &Prepared) {
    let manifest = &prepared.resolved.ground.manifest;
    if !manifest.is_published() {
        let id = show(manifest.id.as_str());
        let line = format!("`{id}` is not the track's published data set; this session is never ranked");
        labelled(Label::Warning, &line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::sha256_hex;
    use crate::recipe::Length;
    use crate::units::Target;

    fn start(calibrated: bool) -> SessionStart {
        let length = Length { epochs: 1, steps_per_epoch: 1, last_epoch_steps: None };
        let course = |text: &[u8]| Course::new(sha256_hex(text), length);
        SessionStart {
            schema: LOG_SCHEMA.to_owned(),
            rules_version: RULES_VERSION.to_owned(),
            track: "shapes".to_owned(),
            target: Target { correct: 1, of: 2 },
            recipe: course(b"variant"),
            reference: calibrated.then(|| course(b"reference")),
            content_sha256: sha256_hex(b"data"),
            program_sha256: sha256_hex(b"program"),
            trainer_sha256: sha256_hex(b"trainer"),
            nonce: "00".to_owned(),
            runs: 2,
            stop_at_target: false,
            deterministic: false,
            reproduces: None,
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            dataset_seconds: 0.0,
        }
    }

    #[test]
    fn reference_and_variant_take_turns() {
        let arms = |calibrated| order(&start(calibrated)).iter().map(|run| (run.arm, run.run)).collect::<Vec<_>>();
        assert_eq!(arms(false), [(Arm::Variant, 1), (Arm::Variant, 2)]);
        let (reference, variant) = (Arm::Reference, Arm::Variant);
        assert_eq!(arms(true), [(reference, 1), (variant, 1), (reference, 2), (variant, 2)]);
    }

    #[test]
    fn no_two_runs_have_the_same_seed() {
        let mut seeds: Vec<_> = order(&start(true)).iter().map(|run| run.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 4);
    }
}
