//! One run as a log in the form of MLPerf: lines that its parser reads. Its first line states that it is not an MLPerf result.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::start::Start;
use hlb_core::hint::Result;
use hlb_protocol::run_log::{LoggedRun, Outcome};
use hlb_result::{Entry, RunFigures};

/// What every line of the log begins with.
const TOKEN: &str = ":::MLLOG";
/// Keys that MLPerf has not published; their lines are marked with the namespace `hlb-bench`.
const OURS: [&str; 6] = ["variant", "result_sha256", "rules_version", "target", "run", "time_to_accuracy_seconds"];
/// The first line; a parser skips what does not begin with [`TOKEN`].
const NO_RESULT: &str =
    "# This is no MLPerf result: neither its rules nor its review were applied. Exported by hlb-bench.";

/// The log of one run.
pub fn text(entry: &Entry, (run, figures): (&LoggedRun, &RunFigures)) -> Result<String> {
    let mut log = Log { start: Start::new(&entry.log)?, text: format!("{NO_RESULT}\n") };
    log.head(entry, run);
    log.curve(run);
    log.end(run, figures);
    Ok(log.text)
}

/// A log in the making.
struct Log {
    start: Start,
    text: String,
}

impl Log {
    fn line(&mut self, at_seconds: f64, kind: &str, key: &str, value: &Value, metadata: &Value) {
        let namespace = if OURS.contains(&key) { "hlb-bench" } else { "" };
        let line = json!({
            "namespace": namespace,
            "time_ms": self.start.milliseconds_at(at_seconds),
            "event_type": kind,
            "key": key,
            "value": value,
            "metadata": metadata,
        });
        let _ = writeln!(self.text, "{TOKEN} {}", plain(&line.to_string()));
    }

    /// A value of the run as a whole.
    fn fact(&mut self, at_seconds: f64, key: &str, value: &Value) {
        self.line(at_seconds, "POINT_IN_TIME", key, value, &json!({}));
    }

    fn head(&mut self, entry: &Entry, run: &LoggedRun) {
        let (result, at) = (&entry.result, run.began_at_seconds);
        let shapes = entry.task.shapes;
        let facts = [
            ("submission_benchmark", json!(result.track)),
            ("submission_platform", json!(result.class())),
            ("submission_status", json!("research")),
            ("variant", json!(result.variant.name)),
            ("result_sha256", json!(entry.result_sha256)),
            ("rules_version", json!(result.rules_version)),
            ("target", json!(result.target)),
            ("run", json!(run.run)),
            // As text: readers of JSON round numbers over 2^53.
            ("seed", json!(run.seed.to_string())),
            ("global_batch_size", json!(entry.recipe.batch_size)),
            ("train_samples", json!(shapes.train)),
            ("eval_samples", json!(shapes.evaluation)),
        ];
        for (key, value) in facts {
            self.fact(at, key, &value);
        }
        self.line(at, "INTERVAL_START", "run_start", &Value::Null, &json!({}));
    }

    fn curve(&mut self, run: &LoggedRun) {
        let mut began = run.began_at_seconds;
        for (epoch, &at) in run.epochs.iter().zip(&run.epochs_at_seconds) {
            let number = json!({"epoch_num": epoch.epoch});
            let evaluation = json!({
                "epoch_num": epoch.epoch,
                "step": epoch.step,
                "correct": epoch.accuracy.correct,
                "total": epoch.accuracy.total,
                "train_seconds": epoch.train_seconds,
                "evaluate_seconds": epoch.evaluate_seconds,
            });
            self.line(began, "INTERVAL_START", "epoch_start", &Value::Null, &number);
            self.line(at, "INTERVAL_END", "epoch_stop", &Value::Null, &number);
            self.line(at, "POINT_IN_TIME", "train_loss", &json!(epoch.loss), &number);
            self.line(at, "POINT_IN_TIME", "eval_accuracy", &json!(epoch.accuracy.share()), &evaluation);
            began = at;
        }
    }

    fn end(&mut self, run: &LoggedRun, figures: &RunFigures) {
        let at = run.began_at_seconds + run.supervised_seconds;
        let status = if figures.outcome == Outcome::Reached { "success" } else { "aborted" };
        let metadata = json!({"status": status, "outcome": figures.outcome.as_str()});
        self.line(at, "INTERVAL_END", "run_stop", &Value::Null, &metadata);
        self.fact(at, "time_to_accuracy_seconds", &json!(figures.time_to_accuracy_seconds));
    }
}

/// The same JSON in ASCII and without the token in any text: the parser takes a file for Latin-1, and a line to begin at the
/// last token in it.
fn plain(json: &str) -> String {
    let mut plain = String::new();
    for character in json.replace(TOKEN, "\\u003a::MLLOG").chars() {
        if character.is_ascii() {
            plain.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(plain, "\\u{unit:04x}");
        }
    }
    plain
}
