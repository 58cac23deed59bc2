//! Reproductions of an entry: those that agree, and those that do not.

use minijinja::context;
use minijinja::value::{Serde, Value};

use crate::site::copies::reproduction_folder;
use crate::site::figure::{Figure, day, foreign};
use crate::site::figures::{energy, final_accuracy, own_ratio, principal, time_to_target, warnings};
use hlb_result::{Entry, REPRODUCTIONS_FOLDER, Reproduction, Verdict};

/// One session that repeated the entry at `path` below the submissions.
pub(super) fn view(entry: &Entry, again: &Reproduction, path: &str) -> Value {
    let (session, agreement) = (again.entry.as_ref(), &again.agreement);
    let (folder, is_own_name) = reproduction_folder(again);
    let file = |(name, _)| context! { name, path => format!("{REPRODUCTIONS_FOLDER}/{folder}/{name}") };
    context! {
        principal => principal(session),
        fingerprint => session.trust.signer().map(|signer| foreign(&signer.fingerprint)).unwrap_or_default(),
        date => day(&session.result.session.started_at),
        verdict => agreement.verdict.as_str(),
        look => look(agreement.verdict),
        // Whether another person with another key signed it; only then it counts.
        independent => again.is_independent_of(entry),
        time_ratio => Figure::ratio(agreement.time_ratio, "the times cannot be compared"),
        ratio_of => if agreement.calibrated { "Ratio to the paired reference" } else { "Time to target" },
        class => session.result.class(),
        time => time_to_target(session),
        ratio => own_ratio(session),
        summary => Serde(&session.result.derived.summary),
        accuracy => final_accuracy(session),
        p_same_accuracy => agreement.p_same_accuracy,
        energy => energy(session),
        reasons => Serde(&agreement.reasons),
        warnings => warnings(&session.result.warnings()),
        files => session.files().map(file).collect::<Value>(),
        // What verifies it; none if its folder's name is not fit for a command.
        verify => is_own_name.then(|| format!("hlb-bench verify submissions/{path}/{REPRODUCTIONS_FOLDER}/{folder}")),
    }
}

fn look(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Agrees => "agrees",
        Verdict::Disagrees => "disagrees",
        Verdict::CannotSay => "open",
    }
}
