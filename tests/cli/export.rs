//! `hlb-bench export`: what other programs make of our entries, read back with their own libraries where Python has them.
//!
//! TensorBoard's and MLPerf's readers are those of `requirements/interop.txt`, in the Python that `HLB_BENCH_PYTHON` names, or
//! `python3`. Without them a test is skipped by name; with `CI` set it fails instead.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hlb_board::external;
use hlb_board::read_signers;
use hlb_protocol::run_log::Arm;
use hlb_result::signing::AllowedSigners;
use hlb_result::{Entry, RunFigures, check_entry};
use serde_json::Value;

use crate::support::context::{Answer, Context};
use crate::support::fixture::{Fixture, Hand, Spec, SpecRun, price};

/// A fixture with one entry.
struct Made {
    _fixture: Fixture,
    folder: PathBuf,
    context: Context,
    entry: Entry,
}

impl Made {
    fn new(spec: &Spec) -> Self {
        let fixture = Fixture::new();
        let folder = fixture.file(spec);
        let entry = check_entry(&folder, &signers(&fixture), Fixture::now()).unwrap();
        Self { folder, context: Context::new(), entry, _fixture: fixture }
    }

    fn export(&self, format: &str, more: &[&str]) -> Answer {
        self.context.run([&["export", format, self.folder.to_str().unwrap()], more].concat())
    }

    fn exported(&self, format: &str, more: &[&str]) -> String {
        let answer = self.export(format, more);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        answer.stdout
    }

    fn runs(&self) -> &[RunFigures] {
        &self.entry.result.derived.runs
    }

    /// Number of the median run: the slower of the two in the middle.
    fn median(&self) -> &RunFigures {
        let mut runs: Vec<&RunFigures> = self.runs().iter().collect();
        runs.sort_by(|a, b| a.time_to_accuracy_seconds.partial_cmp(&b.time_to_accuracy_seconds).unwrap());
        runs[runs.len() / 2]
    }
}

fn signers(fixture: &Fixture) -> AllowedSigners {
    read_signers(&fixture.submissions().join("allowed_signers")).unwrap()
}

fn priced(name: &str) -> Spec {
    Spec { price: Some(price(3.6)), ..Spec::named(name) }
}

/// Ten runs of the variant paired with ten of the reference.
fn calibrated() -> Spec {
    Spec { reference_epoch_seconds: Some(3.0), ..Spec::named("beside") }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs()
}

/// Runs a script of `tests/interop`; `None`, said aloud, where its library is missing.
fn read_back(test: &str, library: &str, script: &str, path: &Path) -> Option<Value> {
    let python = |arguments: &[&str]| -> Option<Output> {
        let program = std::env::var_os("HLB_BENCH_PYTHON").unwrap_or_else(|| "python3".into());
        Command::new(program).args(arguments).output().ok()
    };
    if !python(&["-c", &format!("import {library}")]).is_some_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "no {library}, and this is CI");
        println!("skipped {test}: no {library}");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script);
    let output = python(&[script.to_str().unwrap(), path.to_str().unwrap()]).expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn an_exported_run_is_imported_with_the_same_time_and_cost() {
    let made = Made::new(&priced("steady"));
    let import = |run: &RunFigures, more: &[&str]| {
        made.exported("dawnbench", more);
        let answer = made.context.run(["import", "dawnbench", "exports", "--task", "shapes"]);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        let board = external::parse(&answer.stdout, "standard output").unwrap();
        let row = &board.rows[0];
        let seconds = run.time_to_accuracy_seconds.unwrap();
        assert!(near(row.seconds.unwrap(), seconds), "{:?} and {seconds}", row.seconds);
        // 3.60 dollars an hour are a tenth of a cent a second.
        assert!(near(row.usd.unwrap(), seconds / 1000.0), "{:?}", row.usd);
        assert_eq!((row.usd_per_hour, board.track.as_ref().unwrap().as_str()), (Some(3.6), "shapes"));
        assert_eq!(
            (row.authors.as_ref().unwrap().as_str(), row.date.as_ref().unwrap().as_str()),
            ("Ada Lovelace", "2026-11-26")
        );
        let odd: Vec<&str> = row.irregularities.iter().map(AsRef::as_ref).collect();
        assert_eq!(odd, ["there is no code"]);
    };
    import(made.median(), &[]);
    import(&made.runs()[6], &["--run", "7"]);
    let first = made.runs().iter().find(|run| run.run != made.median().run).unwrap();
    assert_ne!(first.time_to_accuracy_seconds, made.median().time_to_accuracy_seconds);
}

#[test]
fn an_export_keeps_the_rule_for_names_and_has_the_keys_that_the_format_asks_for() {
    let made = Made::new(&priced("steady"));
    let said = made.exported("dawnbench", &["--out", "checkout"]);
    let [json, tsv] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    let stem = "checkout/shapes/train/ada-lovelace_steady_2x-intel-r-xeon-r-processor-2-60ghz_libtorch-2-11-0";
    assert_eq!(json, format!("{stem}.json"));
    assert_eq!(json.strip_suffix(".json"), tsv.strip_suffix(".tsv"));
    let facts: Value = serde_json::from_slice(&std::fs::read(made.context.path(json)).unwrap()).unwrap();
    for key in ["version", "author", "authorEmail", "framework", "codeURL", "model", "hardware", "timestamp"] {
        assert!(facts[key].is_string(), "{key}");
    }
    assert_eq!((&facts["version"], &facts["costPerHour"]), (&Value::from("v1.0"), &Value::from(3.6)));
    assert_eq!(facts["misc"]["run"], Value::from(made.median().run));
    assert_eq!(facts["misc"]["result_sha256"], Value::from(made.entry.result_sha256.to_string()));
    let curve = std::fs::read_to_string(made.context.path(tsv)).unwrap();
    assert!(curve.starts_with("epoch\thours\ttop1Accuracy\n1\t") && curve.ends_with('\n'), "{curve}");
}

#[test]
fn a_run_that_did_not_reach_has_no_time_to_export() {
    let missed = SpecRun { epoch_seconds: 2.5, over_target: -60, diverges_after: None };
    let runs = Spec::runs(9, 2.5, 16).into_iter().chain([missed]).collect();
    let made = Made::new(&Spec { runs, ..Spec::named("steady") });
    let answer = made.export("dawnbench", &["--run", "10"]);
    assert_eq!(answer.code, Some(2));
    assert!(
        answer.stderr.contains("run 10 did not reach the target") && answer.stderr.contains("hint: "),
        "{}",
        answer.stderr
    );
    let answer = made.export("mllog", &["--run", "11"]);
    assert!(
        answer.code == Some(2) && answer.stderr.contains("there is no run 11; the session has 10"),
        "{}",
        answer.stderr
    );
    let answer = made.export("csv", &["--run", "1"]);
    assert!(answer.code == Some(2) && answer.stderr.contains("leave out --run"), "{}", answer.stderr);
    // A log says how the run ended.
    let log = made.exported("mllog", &["--run", "10"]);
    assert!(log.contains("\"status\":\"aborted\""), "{log}");
    assert_eq!(made.context.files(), [""; 0]);
}

#[test]
fn what_cannot_be_verified_is_not_exported_and_what_is_unsigned_says_so() {
    let made = Made::new(&Spec { hand: Hand::Nobody, ..Spec::named("mine") });
    let answer = made.export("json", &[]);
    assert_eq!(answer.code, Some(0));
    assert!(answer.stderr.contains("unsigned, so it is not known who measured it"), "{}", answer.stderr);
    let log = made.folder.join("session.jsonl");
    let touched = std::fs::read_to_string(&log).unwrap().replacen("\"loss\":", "\"loss\": ", 1);
    std::fs::write(&log, touched).unwrap();
    for format in ["dawnbench", "mllog", "csv", "json", "tensorboard"] {
        let answer = made.export(format, &[]);
        assert_eq!((answer.code, answer.stdout.as_str()), (Some(2), ""), "{format}");
        assert!(answer.stderr.contains("session.jsonl"), "{format}: {}", answer.stderr);
    }
    assert_eq!(made.context.files(), [""; 0]);
}

#[test]
fn tensorboard_reads_every_run_with_its_curve() {
    let made = Made::new(&calibrated());
    let said = made.exported("tensorboard", &[]);
    assert_eq!(said.lines().count(), 20);
    let name = "exports/tensorboard/2026-11-26-beside";
    assert!(said.lines().all(|line| line.starts_with(name) && line.contains("tfevents")), "{said}");
    // A second export replaces the first: the reader would take two files for one curve with each point twice.
    assert_eq!(made.exported("tensorboard", &[]), said);
    let test = "tensorboard_reads_every_run_with_its_curve";
    let reader = "tensorboard.backend.event_processing.event_accumulator";
    let Some(found) = read_back(test, reader, "read_tensorboard.py", &made.context.path(name)) else { return };
    let start = chrono::DateTime::parse_from_rfc3339(&made.entry.result.session.started_at).unwrap();
    assert_eq!(found.as_object().unwrap().len(), 20);
    for run in made.entry.log.in_order() {
        let name = if run.arm == Arm::Reference { "reference" } else { "run" };
        let curves = &found[format!("{name}-{:03}", run.run)];
        assert_eq!(curves.as_object().unwrap().len(), 3);
        for (tag, value) in [("accuracy", 0), ("loss", 1), ("train_seconds", 2)] {
            let points = curves[tag].as_array().unwrap();
            assert_eq!(points.len(), run.epochs.len(), "{tag}");
            for ((point, epoch), at) in points.iter().zip(&run.epochs).zip(&run.epochs_at_seconds) {
                let ours = [epoch.accuracy.share(), epoch.loss, epoch.train_seconds][value];
                let theirs = point[2].as_f64().unwrap();
                assert!((theirs - ours).abs() <= 1e-6 * ours, "{tag}: {theirs} and {ours}");
                assert_eq!(point[1].as_u64(), Some(epoch.step));
                let when = point[0].as_f64().unwrap() - f64::from(i32::try_from(start.timestamp()).unwrap());
                assert!((when - at).abs() < 1e-5, "{when} and {at}");
            }
        }
    }
}

/// The lines of a log without its token, each a JSON object.
fn lines(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| line.strip_prefix(":::MLLOG "));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_log_in_the_form_of_mlperf_says_first_that_it_is_no_result() {
    let made = Made::new(&priced("steady"));
    let log = made.exported("mllog", &[]);
    assert!(log.starts_with("# This is no MLPerf result"), "{log}");
    let found = lines(&log);
    assert_eq!(found.len() + 1, log.lines().count());
    let of = |key: &str| found.iter().filter(|line| line["key"] == key).cloned().collect::<Vec<_>>();
    let (run, figures) = (&made.entry.log.runs[made.median().run as usize - 1], made.median());
    let evaluations = of("eval_accuracy");
    assert_eq!(evaluations.len(), run.epochs.len());
    for (line, epoch) in evaluations.iter().zip(&run.epochs) {
        assert_eq!(line["value"].as_f64(), Some(epoch.accuracy.share()));
        assert_eq!(line["metadata"]["epoch_num"], Value::from(epoch.epoch));
    }
    for key in ["run_start", "run_stop", "time_to_accuracy_seconds", "seed"] {
        assert_eq!(of(key).len(), 1, "{key}");
    }
    assert_eq!(of("time_to_accuracy_seconds")[0]["value"].as_f64(), figures.time_to_accuracy_seconds);
    assert_eq!(of("time_to_accuracy_seconds")[0]["namespace"], "hlb-bench");
    assert_eq!(of("run_stop")[0]["metadata"]["status"], "success");
    let times: Vec<i64> = found.iter().map(|line| line["time_ms"].as_i64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let lasted = times[times.len() - 1] - of("run_start")[0]["time_ms"].as_i64().unwrap();
    #[expect(clippy::cast_possible_truncation, reason = "a run lasts seconds")]
    let supervised = (1000.0 * run.supervised_seconds).round() as i64;
    assert!((lasted - supervised).abs() <= 1, "{lasted} and {supervised}");
}

#[test]
fn mlperfs_own_parser_reads_every_line() {
    let mut spec = priced("steady");
    // Their parser takes the file for Latin-1, and a line to begin at the last token in it.
    spec.machine.host.cpu = Some("Prozeßor 試 \u{1f680} :::MLLOG {}".to_owned());
    let made = Made::new(&spec);
    let path = made.exported("mllog", &["--out", "run.log"]);
    assert_eq!(path, "run.log\n");
    let path = made.context.path("run.log");
    let library = "mlperf_logging.compliance_checker.mlp_parser";
    let Some(found) = read_back("mlperfs_own_parser_reads_every_line", library, "read_mllog.py", &path) else { return };
    assert_eq!(found["failed"], Value::Array(Vec::new()));
    let ours = lines(&std::fs::read_to_string(&path).unwrap());
    let theirs = found["lines"].as_array().unwrap();
    assert_eq!(theirs.len(), ours.len());
    for (theirs, ours) in theirs.iter().zip(&ours) {
        for key in ["key", "value", "metadata"] {
            assert_eq!(theirs[key], ours[key]);
        }
        assert_eq!(theirs["time_ms"].as_f64(), ours["time_ms"].as_f64());
    }
}

#[test]
fn the_table_has_a_line_for_each_evaluation_of_each_run() {
    let made = Made::new(&calibrated());
    let table = made.exported("csv", &[]);
    let mut rows = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = rows.next().unwrap();
    let column = |name: &str| head.iter().position(|column| *column == name).expect(name);
    let epochs = made.entry.log.in_order().into_iter().flat_map(|run| run.epochs.iter().map(move |epoch| (run, epoch)));
    let mut count = 0;
    for (row, (run, epoch)) in rows.by_ref().zip(epochs) {
        assert_eq!(row.len(), head.len());
        let cell = |name: &str| row[column(name)];
        let arm = if run.arm == Arm::Reference { ("reference", "hlb-shapes") } else { ("variant", "beside") };
        assert_eq!((cell("arm"), cell("variant")), arm);
        assert_eq!((cell("run"), cell("epoch")), (run.run.to_string().as_str(), epoch.epoch.to_string().as_str()));
        assert_eq!(cell("correct").parse(), Ok(epoch.accuracy.correct));
        assert_eq!(cell("train_seconds").parse(), Ok(epoch.train_seconds));
        assert_eq!(cell("loss").parse(), Ok(epoch.loss));
        assert_eq!(cell("meets_target"), made.entry.result.target.is_met_by(epoch.accuracy).to_string());
        assert_eq!(cell("usd_per_hour"), "");
        count += 1;
    }
    assert!(rows.next().is_none());
    assert_eq!(count, made.entry.log.in_order().iter().map(|run| run.epochs.len()).sum::<usize>());
}

/// What a stranger's machine calls itself stays in one cell, and no cell begins as a formula does.
#[test]
fn nothing_in_the_table_is_run_as_a_formula() {
    let mut spec = Spec::named("steady");
    spec.machine.host.cpu = Some("=HYPERLINK(\"https://example.org\",\"x\")".to_owned());
    let table = Made::new(&spec).exported("csv", &[]);
    let quoted = "\"2x =HYPERLINK(\"\"https://example.org\"\",\"\"x\"\")\"";
    for line in table.lines().skip(1) {
        assert!(line.contains(quoted), "{line}");
        let cells = line.replace(quoted, "");
        assert!(!cells.split(',').any(|cell| cell.starts_with(['=', '+', '-', '@'])), "{line}");
    }
}

#[test]
fn the_document_holds_the_result_and_the_curves() {
    let made = Made::new(&calibrated());
    let document: Value = serde_json::from_str(&made.exported("json", &[])).unwrap();
    // Through text, for the reader of JSON takes some floats for their neighbours.
    let through_text = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    assert_eq!(document["result"], through_text(serde_json::to_string(&made.entry.result).unwrap()));
    assert_eq!(
        (document["trust"].as_str(), document["principal"].as_str()),
        (Some("self-reported"), Some("ada@example"))
    );
    let runs = document["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 20);
    for (theirs, ours) in runs.iter().zip(made.entry.log.in_order()) {
        assert_eq!(
            (&theirs["arm"], &theirs["run"]),
            (&serde_json::to_value(ours.arm).unwrap(), &Value::from(ours.run))
        );
        let seconds: Vec<_> =
            theirs["epochs"].as_array().unwrap().iter().map(|epoch| epoch["train_seconds"].as_f64().unwrap()).collect();
        assert_eq!(seconds.len(), ours.epochs.len());
        assert!(
            seconds.iter().zip(&ours.epochs).all(|(theirs, ours)| near(*theirs, ours.train_seconds)),
            "{seconds:?}"
        );
    }
}
