//! Whether a session's times are possible at all on the device that it names, and whether they are its own.

use crate::derive::{Basis, floor_seconds_of_epochs};
use crate::entry::{Entry, Fault};
use hlb_core::artifact::sha256_hex;
use hlb_protocol::run_log::LoggedRun;
use hlb_recipe::Recipe;

/// Refuses an epoch that trained faster than the device's peak allows. The floor is low on purpose, so that no honest run is refused.
pub(super) fn check(basis: Basis, reference: Option<&Recipe>) -> Result<(), Fault> {
    check_runs(&basis.log.runs, floor_seconds_of_epochs(basis))?;
    let floor = reference.and_then(|recipe| floor_seconds_of_epochs(Basis { recipe, ..basis }));
    check_runs(&basis.log.reference, floor)
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

/// Something that only one session can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What it is, for people.
    pub what: String,
    /// What is compared.
    pub key: String,
}

/// What only this session can have: its nonce, its log, its seeds, and the times of its runs to the last digit.
pub fn claims(entry: &Entry) -> Vec<Claim> {
    let result = &entry.result;
    let claim = |what: String, key: String| Claim { what, key };
    let mut found = vec![
        claim("the nonce".to_owned(), format!("nonce {}", result.session.nonce)),
        claim("the run log".to_owned(), format!("log {}", result.log.sha256)),
    ];
    let log = &entry.log;
    for run in log.runs.iter().chain(&log.reference).chain(&log.abandoned) {
        let number = run.run;
        // A run that was abandoned and run again has its seed twice within one session.
        found.push(claim(format!("the seed of run {number}"), format!("seed {}", run.seed)));
        found.extend(times_key(run).map(|key| claim(format!("every time of run {number}"), key)));
    }
    found
}

/// The times of a run to the last digit; nanoseconds never repeat.
fn times_key(run: &LoggedRun) -> Option<String> {
    let bytes: Vec<u8> = run.epochs.iter().flat_map(|epoch| epoch.train_seconds.to_be_bytes()).collect();
    (!bytes.is_empty()).then(|| format!("times {}", sha256_hex(&bytes)))
}
