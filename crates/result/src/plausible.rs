//! Whether a session's times are possible at all on the device that it names, and whether they are its own.

use std::collections::BTreeMap;

use crate::derive::{Basis, floor_seconds_of_epochs};
use crate::entry::{Entry, Fault};
use crate::file::ResultFile;
use crate::fingerprint::{self, Claim, Mark};
use hlb_core::rules::{MAX_RESTARTS, RESTARTED_SHARE};
use hlb_protocol::run_log::{Arm, LoggedRun, RunLog};
use hlb_recipe::Recipe;

/// What only this session can have. Refuses an epoch that trained faster than the device's peak allows, and a run that is a copy
/// of another. The floor is low on purpose, so that no honest run is refused.
pub(super) fn check(entry: &Entry, reference: Option<&Recipe>) -> Result<Vec<Claim>, Fault> {
    let basis = entry.basis();
    check_runs(&basis.log.runs, floor_seconds_of_epochs(basis))?;
    let floor = reference.and_then(|recipe| floor_seconds_of_epochs(Basis { recipe, ..basis }));
    check_runs(&basis.log.reference, floor)?;
    let marked = marked(basis, reference);
    check_repeated(&marked)?;
    Ok(claims(&entry.result, marked))
}

fn check_runs(runs: &[LoggedRun], floors: Option<Vec<f64>>) -> Result<(), Fault> {
    let Some(floors) = floors else { return Ok(()) };
    for run in runs {
        let mut before = 0.0;
        for (epoch, floor) in run.epochs.iter().zip(floors.iter().copied()) {
            let seconds = epoch.train_seconds - before;
            if seconds < floor {
                return Err(Fault::Impossible { run: run.run, epoch: epoch.epoch, seconds, floor });
            }
            before = epoch.train_seconds;
        }
    }
    Ok(())
}

/// What only this session can have: its nonce, its log, its seeds, and the marks of its runs.
fn claims(result: &ResultFile, marked: Vec<(&LoggedRun, Vec<Mark>)>) -> Vec<Claim> {
    let of_session = |what, key| Claim { what, run: None, key };
    let mut found = vec![
        of_session("the nonce", format!("nonce {}", result.session.nonce)),
        of_session("the run log", format!("log {}", result.log.sha256)),
    ];
    if let Some(announced) = &result.session.announced {
        found.push(of_session("the announcement", format!("announcement {}", announced.announcement_sha256)));
    }
    for (run, marks) in marked {
        let claim = |what, key| Claim { what, run: Some((run.arm, run.run)), key };
        // A run that was abandoned and run again has its seed twice within one session.
        found.push(claim("the seed", format!("seed {}", run.seed)));
        found.extend(marks.into_iter().map(|mark| claim(mark.what, mark.key)));
    }
    found
}

/// Every run of a session with its marks, those that were abandoned too.
fn marked<'a>(basis: Basis<'a>, reference: Option<&Recipe>) -> Vec<(&'a LoggedRun, Vec<Mark>)> {
    let half = |arm| match arm {
        Arm::Variant => basis.recipe.loss.half,
        Arm::Reference => reference.is_some_and(|reference| reference.loss.half),
    };
    let runs = basis.log.runs.iter().chain(&basis.log.reference).chain(&basis.log.abandoned);
    runs.map(|run| (run, fingerprint::of_run(run, half(run.arm)))).collect()
}

/// Refuses a session in which a run has a mark of another. What follows from a seed may repeat with it: in a run that was
/// started again, and in runs of one recipe as variant and as reference.
fn check_repeated(marked: &[(&LoggedRun, Vec<Mark>)]) -> Result<(), Fault> {
    let mut seen: BTreeMap<&str, &LoggedRun> = BTreeMap::new();
    for (run, marks) in marked {
        for mark in marks {
            let other = seen.get(mark.key.as_str()).filter(|other| !(mark.follows_from_seed && other.seed == run.seed));
            if let Some(other) = other {
                let [first, second] = [other, run].map(|run| format!("{} {}", run.arm, run.run));
                return Err(Fault::Repeated { first, second, what: mark.what });
            }
        }
        seen.extend(marks.iter().map(|mark| (mark.key.as_str(), *run)));
    }
    Ok(())
}

/// Why nobody can tell what trained; `None` where it is known.
pub fn unknown_gpu(result: &ResultFile) -> Option<String> {
    let known = result.machine.knows(result.session.device);
    (!known).then(|| "it is unknown which GPU trained".to_owned())
}

/// Why a session's runs were cut off too often: who may choose when to stop a run may choose among its results. `None` if they
/// were not.
pub fn too_many_restarts(log: &RunLog) -> Option<String> {
    [Arm::Variant, Arm::Reference].into_iter().find_map(|arm| restarts(log, arm))
}

#[expect(clippy::cast_precision_loss, reason = "a session has at most 500 runs")]
fn restarts(log: &RunLog, arm: Arm) -> Option<String> {
    let (mut times, runs) = (BTreeMap::<u32, usize>::new(), log.runs_of(arm).len());
    for run in log.interrupted(arm) {
        *times.entry(run.run).or_default() += 1;
    }
    if let Some((run, times)) = times.iter().find(|(_, times)| **times > MAX_RESTARTS) {
        return Some(format!("{arm} {run} was cut off {times} times, in a ranked row once at most"));
    }
    let (cut_off, of_ten) = (times.len(), 10.0 * RESTARTED_SHARE);
    let too_many = cut_off as f64 > RESTARTED_SHARE * runs as f64;
    too_many.then(|| format!("{cut_off} of {runs} {arm}s were cut off, in a ranked row {of_ten} of 10 at most"))
}
