//! Reproductions of an entry: those that agree, and those that do not.

use serde::Serialize;

use crate::site::copies::reproduction_folder;
use crate::site::figure::{Fact, Figure, day, foreign};
use crate::site::figures::{
    Estimated, WarningView, energy, final_accuracy, principal, ratio_to_reference, time_to_target, warnings,
};
use hlb_result::{Entry, REPRODUCTIONS_FOLDER, Reproduction, Verdict};

/// One session that repeated an entry.
#[derive(Debug, Serialize)]
pub(crate) struct ReproductionView {
    principal: String,
    fingerprint: String,
    date: String,
    verdict: &'static str,
    /// How its verdict looks.
    look: &'static str,
    /// Whether another person with another key signed it; only then it counts.
    independent: bool,
    time_ratio: Estimated,
    ratio_of: &'static str,
    facts: Vec<Fact>,
    reasons: Vec<String>,
    warnings: Vec<WarningView>,
    files: Vec<FileView>,
    /// What verifies it; `None` if its folder's name is not fit for a command.
    verify: Option<String>,
}

/// A file next to the page.
#[derive(Debug, Serialize)]
struct FileView {
    name: &'static str,
    path: String,
}

/// All sessions that repeated the entry at `path` below the submissions.
pub(super) fn all(entry: &Entry, path: &str) -> Vec<ReproductionView> {
    entry.reproductions.iter().map(|again| ReproductionView::new(entry, again, path)).collect()
}

impl ReproductionView {
    fn new(entry: &Entry, again: &Reproduction, path: &str) -> Self {
        let (session, agreement) = (again.entry.as_ref(), &again.agreement);
        let (folder, is_own_name) = reproduction_folder(again);
        let file = |(name, _)| FileView { name, path: format!("{REPRODUCTIONS_FOLDER}/{folder}/{name}") };
        Self {
            principal: principal(session),
            fingerprint: session.trust.signer().map(|signer| foreign(&signer.fingerprint)).unwrap_or_default(),
            date: day(&session.result.session.started_at),
            verdict: agreement.verdict.as_str(),
            look: look(agreement.verdict),
            independent: again.is_independent_of(entry),
            time_ratio: Estimated::ratio(agreement.time_ratio, "the times cannot be compared"),
            ratio_of: if agreement.calibrated { "Ratio to the paired reference" } else { "Time to target" },
            facts: facts(again),
            reasons: agreement.reasons.iter().map(|reason| foreign(reason)).collect(),
            warnings: warnings(session),
            files: session.files().map(file).collect(),
            verify: is_own_name.then(|| format!("hlb-bench verify submissions/{path}/{REPRODUCTIONS_FOLDER}/{folder}")),
        }
    }
}

fn look(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Agrees => "agrees",
        Verdict::Disagrees => "disagrees",
        Verdict::CannotSay => "open",
    }
}

fn facts(again: &Reproduction) -> Vec<Fact> {
    let (entry, p) = (again.entry.as_ref(), again.agreement.p_same_accuracy);
    let summary = &entry.result.derived.summary;
    let reached = format!("{} of {}", summary.reached, summary.runs);
    let p = p.map_or_else(|| Figure::none("too few final accuracies"), |p| Figure::known(format!("{p:.4}")));
    vec![
        Fact::new("Hardware", Figure::known(foreign(&entry.result.class()))),
        Fact::new("Time to target", time_to_target(entry)),
        Fact::new("Ratio to the paired reference", ratio_to_reference(entry).value),
        Fact::new("Runs that reached the target", Figure::known(reached)),
        Fact::new("Mean final accuracy", final_accuracy(entry)),
        Fact::new("p of equal final accuracy", p),
        Fact::new("Energy", energy(entry).value),
    ]
}
