//! The folder and run log of a new session, or of one that ended early and is resumed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::environment::passed_names;
use crate::error::SessionError;
use crate::note::Note;
use crate::observer::Observer;
use crate::prepare::PreparedSession;
use crate::resolve::ResolvedVariant;
use crate::supervise::Opening;
use crate::unfinished::Unfinished;
use hlb_core::artifact::{ArtifactError, write_atomic};
use hlb_core::bounded;
use hlb_core::clock::{self, Clock as _, MonotonicClock};
use hlb_core::rules::{MAX_RESUMES, RULES_VERSION};
use hlb_core::seed::{self, Nonce};
use hlb_protocol::run_log::range::{self, SensorCount};
use hlb_protocol::run_log::{
    Announced, Arm, LOG_CAP, LOG_SCHEMA, LogError, RunStart, SessionResume, SessionStart, TrainingLength, whole_lines,
};
use hlb_recipe::{Recipe, variant};
use hlb_result::{LOG_FILE, MANIFEST_FILE, RECIPE_FILE, VARIANT_FILE};

/// The folder of a session that is about to be run.
pub(super) struct SessionFolder {
    pub(super) path: PathBuf,
    /// What the session set out to do, now or when it began.
    pub(super) start: SessionStart,
    /// How its run log is opened.
    pub(super) opening: Opening,
    /// The runs that are missing, in their order.
    pub(super) runs: Vec<RunStart>,
    /// Threads of earlier runs.
    pub(super) threads: Option<u32>,
}

impl SessionFolder {
    /// A new folder, with the variant and all that follows from it.
    pub(super) fn create(prepared: &PreparedSession, clock: &MonotonicClock) -> Result<Self, SessionError> {
        let announced = prepared.plan.announced.as_ref();
        let nonce = announced.map_or_else(Nonce::fresh, Announced::nonce);
        let start = start(prepared, &nonce, clock);
        check_range(&start)?;
        let path = new_path(prepared, &nonce);
        if let Some(folder) = announced.and_then(|_| begun(&path, &nonce)) {
            return Err(SessionError::AnsweredBefore { folder });
        }
        fs::create_dir_all(&path).map_err(|source| SessionError::CreateFolder { folder: path.clone(), source })?;
        write_inputs(&prepared.plan.variant, &path).inspect_err(|_| remove_unbegun(&path))?;
        let runs = order(&start);
        let opening = Opening::Start { start: Box::new(start.clone()), path: path.join(LOG_FILE) };
        Ok(Self { path, start, opening, runs, threads: None })
    }

    /// The folder of a session that ended early.
    pub(super) fn resume(
        prepared: &PreparedSession,
        unfinished: &Unfinished,
        (clock, observer): (&MonotonicClock, &mut dyn Observer),
    ) -> Result<Self, SessionError> {
        let Unfinished { folder, log, .. } = unfinished;
        check_same(prepared, unfinished)?;
        let resume = SessionResume {
            started_at: clock::timestamp(),
            dataset_seconds: clock.now().as_secs_f64(),
            environment: Some(passed_names(log.start.deterministic)),
        };
        check_resume(folder, log.segments.len(), &resume)?;
        let writer = unfinished.take_over()?;
        let ended =
            |run: &RunStart| log.runs_of(run.arm).iter().any(|logged| logged.run == run.run && logged.is_finished());
        let all = order(&log.start);
        let runs: Vec<RunStart> = all.iter().copied().filter(|run| !ended(run)).collect();
        let (finished, planned) = (all.len() - runs.len(), all.len());
        observer.note(&Note::Resumed { finished, planned, folder: folder.clone() });
        let (trainer, at_seconds) = (log.trainer.clone(), log.wall_seconds);
        let threads = trainer.as_ref().map(|trainer| trainer.threads);
        let sensors = SensorCount::of(&log.samples);
        let opening = Opening::Resume { resume, log: writer, trainer, at_seconds, sensors };
        Ok(Self { path: folder.clone(), start: log.start.clone(), opening, runs, threads })
    }
}

/// Writes what is trained, on which data.
fn write_inputs(variant: &ResolvedVariant, folder: &Path) -> Result<(), ArtifactError> {
    write_atomic(&folder.join(VARIANT_FILE), &variant.bytes)?;
    write_atomic(&folder.join(RECIPE_FILE), variant::canonical(&variant.recipe).as_bytes())?;
    let manifest = &variant.task.manifest;
    if !manifest.is_published() {
        write_atomic(&folder.join(MANIFEST_FILE), manifest.text().as_bytes())?;
    }
    Ok(())
}

/// Removes the folder of a session without a run log, which nothing could go on with.
fn remove_unbegun(folder: &Path) {
    // What cannot be removed holds no session, and is in nobody's way.
    let _ = fs::remove_dir_all(folder);
}

/// The error of a session that ended before it had a result. If the disk did not even take the
/// first line of its log, there is no session, and its folder is removed.
pub(super) fn unbegun(folder: &Path, error: SessionError) -> SessionError {
    let log = folder.join(LOG_FILE);
    let begun = bounded::read(&log, LOG_CAP).map_or_else(|_| log.exists(), |bytes| !whole_lines(&bytes).is_empty());
    match error {
        SessionError::Log(source @ LogError::Write { .. }) if !begun => {
            remove_unbegun(folder);
            SessionError::NotBegun { folder: folder.to_owned(), source }
        }
        other => other,
    }
}

/// The folder of a session that lacks only its result.
pub(super) fn take_over_finished(
    prepared: &PreparedSession,
    unfinished: &Unfinished,
    observer: &mut dyn Observer,
) -> Result<PathBuf, SessionError> {
    check_same(prepared, unfinished)?;
    unfinished.take_over()?;
    observer.note(&Note::OnlyResultMissing { folder: unfinished.folder.clone() });
    Ok(unfinished.folder.clone())
}

fn new_path(prepared: &PreparedSession, nonce: &Nonce) -> PathBuf {
    let (variant, day) = (&prepared.plan.variant, clock::today());
    let name = format!("{day}-{}-{}", variant.variant.header.name, nonce.short());
    prepared.plan.local.sessions.join(&variant.task.track.id).join(name)
}

fn start(prepared: &PreparedSession, nonce: &Nonce, clock: &MonotonicClock) -> SessionStart {
    let PreparedSession { plan, equipment, .. } = prepared;
    let track = &plan.variant.task.track;
    let length =
        |recipe: &Recipe| TrainingLength::new(variant::digest(recipe), recipe.length(plan.variant.task.shapes.train));
    SessionStart {
        schema: LOG_SCHEMA.to_owned(),
        rules_version: RULES_VERSION.to_owned(),
        track: track.id.clone(),
        target: track.target,
        recipe: length(&plan.variant.recipe),
        reference: prepared.reference.as_ref().map(length),
        content_sha256: equipment.data.content_sha256,
        program_sha256: equipment.harness.program_sha256,
        trainer_sha256: equipment.harness.trainer_sha256,
        nonce: nonce.clone(),
        runs: prepared.runs,
        stop_at_target: plan.stop_at_target,
        deterministic: plan.deterministic,
        reproduces: plan.reproduces.as_ref().map(|original| original.result_sha256),
        started_at: clock::timestamp(),
        dataset_seconds: clock.now().as_secs_f64(),
        environment: Some(passed_names(plan.deterministic)),
        announced: plan.announced.clone(),
    }
}

/// The folder of a session with this nonce that was begun before, on whatever day.
fn begun(path: &Path, nonce: &Nonce) -> Option<PathBuf> {
    let items = fs::read_dir(path.parent()?).ok()?.flatten();
    let mut names = items.map(|item| item.path());
    names.find(|path| path.to_string_lossy().ends_with(&format!("-{}", nonce.short())))
}

/// Refuses before training what would make the run log unreadable.
fn check_range(start: &SessionStart) -> Result<(), SessionError> {
    let checked = range::dataset_seconds(start.dataset_seconds).and_then(|()| range::start(start));
    checked.map_err(|problem| SessionError::OutOfRange { problem })
}

/// Refuses a resume, of which it is to be the one with this number, that would make the run log unreadable.
fn check_resume(folder: &Path, number: usize, resume: &SessionResume) -> Result<(), SessionError> {
    if number > MAX_RESUMES {
        return Err(SessionError::ResumedTooOften { folder: folder.to_owned(), most: MAX_RESUMES });
    }
    range::dataset_seconds(resume.dataset_seconds).map_err(|problem| SessionError::OutOfRange { problem })
}

/// All runs of a session: each run of the reference, if there are any, before that of the variant.
fn order(start: &SessionStart) -> Vec<RunStart> {
    let arms = [(Arm::Reference, start.reference), (Arm::Variant, Some(start.recipe))];
    let round = |run: u32| {
        arms.into_iter().filter_map(move |(arm, length)| {
            length.map(|length| RunStart {
                arm,
                run,
                seed: seed::derive(length.recipe_sha256, start.nonce.as_str(), run),
            })
        })
    };
    (1..=start.runs).flat_map(round).collect()
}

/// Runs of one session have everything in common.
fn check_same(prepared: &PreparedSession, unfinished: &Unfinished) -> Result<(), SessionError> {
    let then = &unfinished.log.start;
    let now = start(prepared, &then.nonce, &MonotonicClock::start());
    let same = [
        ("its recipe", then.recipe == now.recipe),
        ("whether the reference is run with it", then.reference == now.reference),
        ("its data set", then.content_sha256 == now.content_sha256),
        ("the program `hlb-bench`", then.program_sha256 == now.program_sha256),
        ("the program `hlb-bench-trainer`", then.trainer_sha256 == now.trainer_sha256),
        ("the rules", then.rules_version == now.rules_version && then.target == now.target),
        ("--stop-at-target", then.stop_at_target == now.stop_at_target),
        ("--deterministic", then.deterministic == now.deterministic),
        ("what it reproduces", then.reproduces == now.reproduces),
        ("--announced", then.announced == now.announced),
        ("--runs", then.runs == now.runs),
    ];
    match same.iter().find(|(_, same)| !same) {
        Some((what, _)) => Err(SessionError::Changed { folder: unfinished.folder.clone(), what }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hlb_core::artifact::sha256_hex;
    use hlb_core::rules::MAX_DATASET_SECONDS;
    use hlb_core::units::Target;
    use hlb_recipe::Length;

    fn start(paired: bool) -> SessionStart {
        let length = Length { epochs: 1, steps_per_epoch: 1, last_epoch_steps: None };
        let length = |text: &[u8]| TrainingLength::new(sha256_hex(text), length);
        SessionStart {
            schema: LOG_SCHEMA.to_owned(),
            rules_version: RULES_VERSION.to_owned(),
            track: "shapes".to_owned(),
            target: Target { correct: 1, of: 2 },
            recipe: length(b"variant"),
            reference: paired.then(|| length(b"reference")),
            content_sha256: sha256_hex(b"data"),
            program_sha256: sha256_hex(b"program"),
            trainer_sha256: sha256_hex(b"trainer"),
            nonce: Nonce::fresh(),
            runs: 2,
            stop_at_target: false,
            deterministic: false,
            reproduces: None,
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            dataset_seconds: 0.0,
            environment: None,
            announced: None,
        }
    }

    #[test]
    fn reference_and_variant_take_turns() {
        let arms = |paired| order(&start(paired)).iter().map(|run| (run.arm, run.run)).collect::<Vec<_>>();
        assert_eq!(arms(false), [(Arm::Variant, 1), (Arm::Variant, 2)]);
        let (reference, variant) = (Arm::Reference, Arm::Variant);
        assert_eq!(arms(true), [(reference, 1), (variant, 1), (reference, 2), (variant, 2)]);
    }

    #[test]
    fn a_resume_that_the_log_could_not_hold_is_refused() {
        let resume = |number, dataset_seconds| {
            let started_at = "2026-01-01T00:00:00Z".to_owned();
            check_resume(Path::new("s"), number, &SessionResume { started_at, dataset_seconds, environment: None })
        };
        assert!(resume(MAX_RESUMES, MAX_DATASET_SECONDS).is_ok());
        assert!(matches!(resume(MAX_RESUMES + 1, 1.0), Err(SessionError::ResumedTooOften { .. })));
        assert!(matches!(resume(1, MAX_DATASET_SECONDS + 1.0), Err(SessionError::OutOfRange { .. })));
    }

    #[test]
    fn no_two_runs_have_the_same_seed() {
        let mut seeds: Vec<_> = order(&start(true)).iter().map(|run| run.seed).collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 4);
    }
}
