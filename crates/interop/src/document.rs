//! An entry as one JSON object: its result with the same keys as in YAML, who signed it, and the curves of all runs.

use serde_json::{Value, json};

use hlb_core::hint::Result;
use hlb_protocol::run_log::LoggedRun;
use hlb_result::Entry;

/// Name of this form.
const SCHEMA: &str = "hlb-bench/export/v1";

/// The object, on lines of its own for people.
pub fn text(entry: &Entry) -> Result<String> {
    let signer = entry.trust.signer();
    let object = json!({
        "schema": SCHEMA,
        "result_sha256": entry.result_sha256,
        "trust": entry.trust.as_str(),
        "principal": signer.map(|signer| signer.principal.clone()),
        "fingerprint": signer.map(|signer| signer.fingerprint.clone()),
        "result": serde_json::to_value(&entry.result)?,
        "recipe": serde_json::to_value(&entry.recipe)?,
        "runs": entry.log.in_order().into_iter().map(run).collect::<Vec<Value>>(),
    });
    Ok(serde_json::to_string_pretty(&object)? + "\n")
}

fn run(run: &LoggedRun) -> Value {
    let epochs = run.epochs.iter().zip(&run.epochs_at_seconds).map(|(epoch, at_seconds)| {
        json!({
            "epoch": epoch.epoch,
            "step": epoch.step,
            "loss": epoch.loss,
            "correct": epoch.accuracy.correct,
            "total": epoch.accuracy.total,
            "train_seconds": epoch.train_seconds,
            "evaluate_seconds": epoch.evaluate_seconds,
            "session_seconds": at_seconds,
        })
    });
    json!({
        "arm": run.arm,
        "run": run.run,
        "seed": run.seed,
        "began_at_session_seconds": run.began_at_seconds,
        "outcome": run.stop.as_ref().map(|stop| stop.outcome),
        "epochs": epochs.collect::<Vec<Value>>(),
    })
}
