//! Studies as a user runs them, with a trainer that plays them: order of the runs, records that survive every end, reports.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use hlb_core::units::Accuracy;
use hlb_data::task::Task;
use hlb_data::track;
use hlb_protocol::run_log::Outcome;
use hlb_study::{Records, StudyFile, StudyFolder, StudyPlan, figures};

use crate::support::context::{Answer, answer};
use crate::support::simulated::{Stage, wait_until};

const STUDY: &str = "name: two\ntitle: Two things\ndescription: which is better\ntracks: [cifar10]\nruns: 3\nreference: base\n\
variants:\n\
\x20 - name: base\n    changes: {epochs: 2, batch_size: 64, stem: {images: 64, width: 8}, blocks: {widths: [8, 16]}, average: null}\n\
\x20 - name: other\n    changes: {epochs: 2, batch_size: 64, stem: {images: 64, width: 8}, blocks: {widths: [8, 16]}, average: null, schedule: {peak: 0.3}}\n\
published:\n  source: slides\n  conditions: elsewhere\n  figures: [{variant: base, accuracy_percent: 90, seconds: 3.5}, {variant: other, accuracy_percent: 91}]\n";

fn stage() -> Stage {
    let stage = Stage::small();
    stage.context.write("s.yaml", STUDY);
    stage
}

fn command(stage: &Stage, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlb-bench"));
    stage.environment(&mut command, "out");
    let manifest = &stage.subject[1..];
    command.args(["study", "s.yaml", "--out", "out"]).args(manifest).args(more);
    command
}

fn run(stage: &Stage, more: &[&str]) -> Answer {
    answer(&command(stage, more).output().unwrap())
}

fn spawn(stage: &Stage) -> Child {
    command(stage, &[]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn log(stage: &Stage) -> Vec<u8> {
    fs::read(stage.context.path("out/runs.jsonl")).unwrap_or_default()
}

fn records(stage: &Stage) -> Records {
    Records::parse(&log(stage), &PathBuf::from("runs.jsonl")).unwrap().unwrap()
}

fn ended(stage: &Stage) -> Vec<(String, u32)> {
    records(stage).runs.into_iter().map(|run| (run.variant, run.run)).collect()
}

fn plan() -> StudyPlan {
    let task = Task::published(track::by_id("cifar10").unwrap());
    StudyPlan::new(StudyFile::parse(STUDY.as_bytes(), "s.yaml").unwrap(), task, None).unwrap()
}

fn order(runs: u32) -> Vec<(String, u32)> {
    (1..=runs).flat_map(|run| ["base", "other"].map(|name| (name.to_owned(), run))).collect()
}

fn processes(stage: &Stage) -> usize {
    fs::read_to_string(stage.context.path("out.pids")).unwrap_or_default().lines().count()
}

/// The trainer stops in the third run of the study, after an epoch, until the file `go` is there.
const STOPS: &str = r#"[ "$(wc -l < "$pids")" = 3 ] && until [ -e go ]; do nap 0.01; done"#;

/// A study whose third run is under way.
fn under_way(stage: &Stage) -> Child {
    stage.plays("", STOPS);
    let child = spawn(stage);
    wait_until("the third run", || processes(stage) == 3);
    assert_eq!(ended(stage), order(1));
    child
}

#[test]
fn a_study_runs_to_its_end_in_rounds_and_is_reported() {
    let stage = stage();
    let whole = run(&stage, &[]);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    assert_eq!(whole.stdout, "report out/index.html\nreport out/report.md\nreport out/runs.csv\n");
    assert!(whole.stderr.contains("6/6 other 3/3: reached after"), "{}", whole.stderr);
    assert_eq!((ended(&stage), processes(&stage)), (order(3), 6));
    let records = records(&stage);
    for pair in records.runs.chunks(2) {
        assert_eq!(pair[0].seed, pair[1].seed, "runs of one number share a seed");
        assert!(pair.iter().all(|run| run.outcome == Outcome::Reached && run.process_seconds > 0.0));
    }
    assert_ne!(records.runs[0].seed, records.runs[2].seed);
    let read = |name: &str| fs::read_to_string(stage.context.path(&format!("out/{name}"))).unwrap();
    assert!(read("index.html").contains("6 of 6 runs") && read("report.md").contains("| other | 3 | 3 of 3 |"));
    assert_eq!(read("runs.csv").lines().count(), 7);
    let names = ["index.html", "report.md", "runs.csv", "runs.jsonl"].map(|name| format!("out/{name}"));
    let files: Vec<_> = stage.context.files().into_iter().filter(|path| path.starts_with("out/")).collect();
    assert_eq!(files, names, "no session is left behind");
}

#[test]
fn a_report_is_written_again_without_training_and_more_runs_can_follow() {
    let stage = stage();
    assert_eq!(run(&stage, &["--runs", "1"]).code, Some(0));
    let (before, page) = (log(&stage), fs::read(stage.context.path("out/index.html")).unwrap());
    fs::remove_file(stage.context.path("out/index.html")).unwrap();
    let again = run(&stage, &["--report-only", "--runs", "1"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert_eq!(fs::read(stage.context.path("out/index.html")).unwrap(), page, "the same bytes");
    assert_eq!((log(&stage), processes(&stage)), (before.clone(), 2));
    let outline = run(&stage, &["--dry-run"]);
    assert!(outline.stdout.contains("2 of 6 runs are finished; the others take about"), "{}", outline.stdout);
    let more = run(&stage, &["--runs", "2"]);
    assert_eq!(more.code, Some(0), "{}", more.stderr);
    assert!(log(&stage).starts_with(&before), "{}", more.stderr);
    assert_eq!((ended(&stage), processes(&stage)), (order(2), 4));
}

#[test]
fn a_study_that_was_killed_goes_on_and_repeats_nothing() {
    let stage = stage();
    let mut child = under_way(&stage);
    child.kill().unwrap();
    child.wait().unwrap();
    stage.wait_for_trainers("out");
    let before = log(&stage);
    // What a machine that lost power may leave.
    let mut torn = before.clone();
    torn.extend_from_slice(b"{\"variant\":\"ba");
    stage.context.write("out/runs.jsonl", &torn);
    stage.context.write("go", "");
    let rest = run(&stage, &[]);
    assert_eq!(rest.code, Some(0), "{}", rest.stderr);
    assert!(rest.stderr.contains("goes on: 2 of 6 runs are finished"), "{}", rest.stderr);
    assert!(log(&stage).starts_with(&before), "what was logged stays as it was");
    assert_eq!((ended(&stage), processes(&stage)), (order(3), 7), "only the current run was repeated");
    let nothing = run(&stage, &[]);
    assert_eq!((nothing.code, processes(&stage)), (Some(0), 7), "{}", nothing.stderr);
}

#[test]
fn ctrl_c_ends_a_study_in_order() {
    let stage = stage();
    let child = under_way(&stage);
    let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(done.success());
    let interrupted = answer(&child.wait_with_output().unwrap());
    assert_eq!(interrupted.code, Some(2), "{}", interrupted.stderr);
    let words = "interrupted after 2 of 6 runs; they are kept in out, and the same command runs the others";
    assert!(interrupted.stderr.contains(words), "{}", interrupted.stderr);
    stage.wait_for_trainers("out");
    assert_eq!(ended(&stage), order(1), "the current run leaves no record");
    assert!(stage.context.path("out/report.md").exists());
}

#[test]
fn a_trainer_that_dies_is_one_run_that_was_interrupted() {
    let stage = stage();
    // One dies in its run, one before it.
    let dies = r#"[ "$(wc -l < "$pids")" = 2 ] && kill -9 $$"#;
    let early = r#"[ "$(wc -l < "$pids")" = 3 ] && exit 1"#;
    stage.plays(early, dies);
    let whole = run(&stage, &[]);
    assert_eq!(whole.code, Some(0), "{}", whole.stderr);
    assert!(whole.stderr.contains("2 runs were interrupted and are left out"), "{}", whole.stderr);
    let records = records(&stage);
    assert_eq!(ended(&stage), order(3));
    let interrupted: Vec<usize> = (0..6).filter(|index| records.runs[*index].outcome == Outcome::Interrupted).collect();
    assert_eq!(interrupted, [1, 2]);
    assert!(records.runs[1].reason.as_deref().is_some_and(|reason| reason.contains("the trainer was lost")));
    assert!(records.runs[2].reason.is_some());
    let found = figures(&plan(), &records);
    assert_eq!((found[0].runs, found[1].runs), (2, 2));
    assert_eq!(found[1].against.as_ref().unwrap().pairs, 1, "only the third round is whole");
}

#[test]
fn a_log_has_one_writer() {
    let stage = stage();
    let mut child = under_way(&stage);
    let second = run(&stage, &[]);
    assert_eq!(second.code, Some(2), "{}", second.stderr);
    assert!(second.stderr.contains("another process is still writing"), "{}", second.stderr);
    stage.context.write("go", "");
    assert!(child.wait().unwrap().success());
    assert_eq!(ended(&stage), order(3));
}

#[test]
fn another_study_cannot_go_on_in_the_same_folder() {
    let stage = stage();
    assert_eq!(run(&stage, &["--runs", "1", "--threads", "1"]).code, Some(0));
    let before = log(&stage);
    let refused = |what: &str, more: &[&str]| {
        let refused = run(&stage, more);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        let words = format!("the study in out/runs.jsonl cannot go on: {what} not the same as when it began");
        assert!(refused.stderr.contains(&words), "{words}: {}", refused.stderr);
        assert!(refused.stderr.contains("--out DIR"), "{}", refused.stderr);
        assert_eq!(log(&stage), before, "nothing is touched");
    };
    refused("the number of threads is", &["--threads", "2"]);
    stage.context.write("s.yaml", STUDY.replace("peak: 0.3", "peak: 0.4"));
    for more in [vec!["--threads", "1"], vec!["--report-only"], vec!["--dry-run"]] {
        refused("the recipes of the variants are", &more);
    }
    stage
        .context
        .write("s.yaml", STUDY.replace("name: other", "name: third").replace("variant: other", "variant: third"));
    refused("the variants are", &["--threads", "1"]);
    stage.context.write("s.yaml", STUDY.replace("runs: 3", "runs: 3\nseeds: others"));
    refused("the set of seeds is", &["--threads", "1"]);
    // Words are not what is trained.
    stage.context.write("s.yaml", STUDY.replace("Two things", "Two other things"));
    stage.plays("", "true");
    refused("the program `hlb-bench-trainer` is", &["--threads", "1"]);
    stage.plays("", "");
    let goes_on = run(&stage, &["--runs", "2", "--threads", "1"]);
    assert_eq!(goes_on.code, Some(0), "{}", goes_on.stderr);
}

#[test]
fn records_that_were_edited_are_refused() {
    let stage = stage();
    assert_eq!(run(&stage, &["--runs", "1"]).code, Some(0));
    let text = String::from_utf8(log(&stage)).unwrap();
    let last = text.lines().last().unwrap();
    for (edited, words) in [
        (format!("{text}{last}\n"), "line 4: run 1 of `other` is there twice"),
        (
            text.replace("\"outcome\":\"reached\"", "\"outcome\":\"missed\""),
            "line 2: the outcome `missed` does not follow",
        ),
        (format!("{text}{{}}\n"), "line 4: not a run: missing field"),
        (text.replace("study-log/v1", "study-log/v2"), "line 1: format `hlb-bench/study-log/v2`"),
    ] {
        stage.context.write("out/runs.jsonl", edited);
        let refused = run(&stage, &["--report-only"]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
}

#[test]
fn a_dry_run_trains_nothing() {
    let stage = stage();
    let before = stage.context.files();
    let outline = run(&stage, &["--dry-run"]);
    assert_eq!(outline.code, Some(0), "{}", outline.stderr);
    for words in [
        "study two on track cifar10, target 94.00 %: 2 variants, 3 runs each",
        "  the reference\n",
        "  schedule.peak: ",
        "in all: 6 runs, ",
        "FLOP\n",
        "time: unknown until the first round has run: no entry of this track is from such a machine\n",
    ] {
        assert!(outline.stdout.contains(words), "{words}: {}", outline.stdout);
    }
    assert_eq!((stage.context.files(), processes(&stage)), (before, 0));
    let nothing = run(&stage, &["--report-only"]);
    assert_eq!(nothing.code, Some(2), "{}", nothing.stderr);
    assert!(nothing.stderr.contains("there are no records in out"), "{}", nothing.stderr);
}

#[test]
fn a_bad_study_gets_one_clear_error_with_its_place() {
    let stage = stage();
    for (from, to, words) in [
        ("runs: 3", "runs: 0", "s.yaml:5:7: `runs`: is 0, has to be 1 to 1000"),
        ("runs: 3", "rums: 3", "s.yaml:5:1: unknown field `rums`"),
        ("reference: base", "reference: bass", "s.yaml:6:12: `reference`: there is no variant `bass`"),
        ("name: other", "name: base", "s.yaml:10:11: `variants[1].name`: `base` is the name of an earlier variant"),
        ("peak: 0.3", "peak: 3", "`schedule.peak`: is 3, has to be"),
        ("{variant: other,", "{variant: third,", "`published.figures[1].variant`: there is no variant `third`"),
    ] {
        stage.context.write("s.yaml", STUDY.replace(from, to));
        let refused = run(&stage, &[]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
        assert!(refused.stderr.starts_with("error: s.yaml:"), "{}", refused.stderr);
    }
    stage.context.write("s.yaml", STUDY);
    let refused = run(&stage, &["--track", "shapes"]);
    assert!(refused.stderr.contains("the study has no track `shapes`; it has `cifar10`"), "{}", refused.stderr);
    assert_eq!((processes(&stage), stage.context.path("out").exists()), (0, false));
}

#[test]
fn a_report_orders_variants_next_to_published_figures() {
    let stage = stage();
    assert_eq!(run(&stage, &[]).code, Some(0));
    let mut records = records(&stage);
    for run in &mut records.runs {
        let epoch = run.epochs.last_mut().unwrap();
        // The base is better by 10, 20, 30 of 2000 images, or half a point to one and a half.
        let correct = if run.variant == "base" { 1980 } else { 1980 - 10 * run.run };
        epoch.accuracy = Accuracy { correct, total: 2000 };
    }
    let plan = plan();
    let against = figures(&plan, &records)[1].against.clone().unwrap();
    assert!((against.accuracy_points.unwrap().value + 1.0).abs() < 1e-9);
    // t = 20 / (10 / sqrt 3) with two degrees of freedom.
    let expected = 1.0 - 12.0_f64.sqrt() / 14.0_f64.sqrt();
    assert!((against.p_t_test.alone.unwrap() - expected).abs() < 1e-9);
    let folder = stage.context.path("again");
    fs::create_dir(&folder).unwrap();
    StudyFolder::new(&plan, Some(&folder)).report(&plan, &records).unwrap();
    let text = fs::read_to_string(folder.join("report.md")).unwrap();
    assert!(text.contains("Published order, best accuracy first: other > base"), "{text}");
    assert!(text.contains("Our order, best accuracy first: base > other"), "{text}");
    assert!(text.contains("The order is not the same. Kendall's tau: -1.000"), "{text}");
}
