//! `hlb-bench compare` on made entries: what it names faster, what it does not, and what it refuses.

use std::path::Path;

use hlb_core::units::DeviceKind;
use serde_json::Value;

use crate::support::context::{Answer, Context};
use crate::support::fixture::{Fixture, Hand, Spec, gpu_machine};

fn compare(a: &Path, b: &Path, more: &[&str]) -> Answer {
    let folders = [a, b].map(|folder| folder.to_str().unwrap().to_owned());
    let arguments = ["compare".to_owned()].into_iter().chain(folders);
    Context::new().run(arguments.chain(more.iter().map(|one| (*one).to_owned())))
}

fn json(a: &Path, b: &Path) -> Value {
    let answer = compare(a, b, &["--json"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    serde_json::from_str(&answer.stdout).unwrap()
}

/// An entry whose epochs take so long.
fn spec(name: &str, epoch_seconds: f64) -> Spec {
    Spec { runs: Spec::runs(10, epoch_seconds, 16), ..Spec::named(name) }
}

#[test]
fn the_faster_one_is_named_whichever_way_round() {
    let fixture = Fixture::new();
    let slow = fixture.file(&spec("slow", 2.5));
    let fast = fixture.file(&Spec { changes: "logit_scale: 0.17\n".to_owned(), ..spec("fast", 2.0) });
    let answer = compare(&slow, &fast, &[]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let first = answer.stdout.lines().next().unwrap();
    assert_eq!(first, "B is faster than A by 20.0 %, p = 0.0001");
    for line in [
        "A: slow, self-reported by ada@example, on ",
        "10 of 10 runs reached, final accuracy 95.3",
        "time-to-accuracy, B over A: 0.800 (95 % interval ",
        "mean final accuracies are not significantly different: Welch p = 1.0000",
        "recipes differ, from A to B:\n  logit_scale: 0.2 -> 0.17\n",
    ] {
        assert!(answer.stdout.contains(line), "{line}: {}", answer.stdout);
    }
    assert!(!answer.stdout.contains("ratio to the paired reference, B over A"), "{}", answer.stdout);
    let turned = compare(&fast, &slow, &[]);
    assert!(turned.stdout.starts_with("A is faster than B by 20.0 %, p = 0.0001\n"), "{}", turned.stdout);
    let found = json(&slow, &fast);
    assert_eq!((&found["verdict"], &found["verdict_from"]), (&"b_is_faster".into(), &"times".into()));
    assert_eq!(found["runs_needed"], Value::Null);
    assert_eq!(found["recipe_differences"][0]["path"], "logit_scale");
    let ratio = &found["times"]["b_over_a"];
    assert!(ratio["low"].as_f64().unwrap() < 0.8 && ratio["high"].as_f64().unwrap() > 0.8, "{ratio}");
}

#[test]
fn people_read_verified_by_ci_and_programs_the_word_that_stays() {
    let fixture = Fixture::new();
    let mine = fixture.file(&spec("mine", 2.5));
    let runners = fixture.file(&Spec { hand: Hand::Runner, ..spec("runners", 2.0) });
    let verified = |more: &[&str]| {
        let entry = runners.to_str().unwrap();
        Context::new().run(["verify", entry].iter().chain(more)).stdout
    };
    for text in [verified(&[]), verified(&["--markdown"]), compare(&mine, &runners, &[]).stdout] {
        assert!(text.contains("verified by CI") && !text.contains("run by the runner"), "{text}");
    }
    assert!(verified(&["--json"]).contains(r#""trust":"run by the runner""#));
    assert_eq!(json(&mine, &runners)["b"]["trust"], "run by the runner");
}

#[test]
fn close_entries_are_not_significantly_different_and_the_runs_needed_are_said() {
    let fixture = Fixture::new();
    let (a, b) = (fixture.file(&spec("one", 2.5)), fixture.file(&spec("other", 2.515)));
    let found: Value = serde_json::from_str(&compare(&a, &b, &["--json", "--same-host"]).stdout).unwrap();
    assert_eq!(found["verdict"], "not_told_apart");
    assert!(found["times"]["p_same"].as_f64() >= Some(0.01), "{found}");
    let gain = found["gain_seen"].as_f64().unwrap();
    assert!((gain - 0.006).abs() < 1e-3, "{gain}");
    // 0.6 % at a noise of about 1.2 %: by the normal approximation, 2 (2.576 + 1.282)^2 / 0.5^2 = 119, and a little more.
    let runs = found["runs_needed"].as_u64().unwrap();
    assert!((90..=190).contains(&runs), "{runs}");
    let said = compare(&a, &b, &["--same-host"]).stdout;
    assert!(said.contains(&format!("{runs} runs each would show the gain seen, {:.2} %", 100.0 * gain)), "{said}");
    assert!(
        said.starts_with("not significantly different: p = ") && said.contains("both trained the same recipe"),
        "{said}"
    );
}

#[test]
fn two_hosts_have_to_be_overcome_unless_both_sessions_ran_on_one() {
    let fixture = Fixture::new();
    let (a, b) = (fixture.file(&spec("one", 2.5)), fixture.file(&spec("other", 2.45)));
    let apart = compare(&a, &b, &[]).stdout;
    assert!(apart.starts_with("not significantly different: p = 0."), "{apart}");
    assert!(apart.contains("; not even 500 runs each would show the gain seen, 2.0"), "{apart}");
    assert!(apart.contains("add --same-host if both sessions ran on one host"), "{apart}");
    let together = compare(&a, &b, &["--same-host"]).stdout;
    assert!(together.starts_with("B is faster than A by 2.0"), "{together}");
    let beside = |name: &str, seconds| Spec { reference_epoch_seconds: Some(2.5), ..spec(name, seconds) };
    let (a, b) = (fixture.file(&beside("one-2", 2.5)), fixture.file(&beside("other-2", 2.4)));
    let found = json(&a, &b);
    assert_eq!((&found["verdict"], &found["verdict_from"]), (&"b_is_faster".into(), &"calibrated_times".into()));
    assert!(found["trust"].as_str().unwrap().ends_with("which hosts of one hardware class hardly change"), "{found}");
    let gpu = fixture.file(&Spec { machine: gpu_machine(), device: DeviceKind::Cuda, ..spec("gpu", 0.3) });
    let refused = compare(&a, &gpu, &["--same-host"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("so not on one host; leave out --same-host"), "{}", refused.stderr);
}

#[test]
fn misses_count_as_slower_than_any_time() {
    let fixture = Fixture::new();
    let a = fixture.file(&spec("reaches", 2.5));
    let b = fixture.file(&Spec { runs: Spec::runs(10, 2.0, -40), ..Spec::named("misses") });
    let found = json(&a, &b);
    assert_eq!(found["verdict"], "a_is_faster");
    assert_eq!((&found["times"]["b_over_a"], &found["gain_seen"]), (&Value::Null, &Value::Null));
    let said = compare(&a, &b, &[]).stdout;
    assert!(said.contains("B: misses") && said.contains("target not reached by the median run"), "{said}");
    assert!(said.contains("mean final accuracies are significantly different"), "{said}");
}

/// Two misses in ten leave no typical time. Hosts that differ must not be taken for recipes that differ then, either.
#[test]
fn a_few_misses_do_not_make_the_difference_of_two_hosts_a_verdict() {
    let fixture = Fixture::new();
    let mut misses = spec("misses", 2.5);
    misses.runs.iter_mut().take(2).for_each(|run| run.over_target = -40);
    let (a, b) = (fixture.file(&misses), fixture.file(&spec("faster-host", 2.35)));
    let found = json(&a, &b);
    assert_eq!((&found["verdict"], &found["times"]["b_over_a"]), (&"not_told_apart".into(), &Value::Null));
    let together = compare(&a, &b, &["--same-host"]).stdout;
    assert!(together.starts_with("B is faster than A, p = 0.000"), "{together}");
}

#[test]
fn across_hardware_only_the_reference_lets_times_compare() {
    let fixture = Fixture::new();
    let gpu = |spec: Spec| Spec { machine: gpu_machine(), device: DeviceKind::Cuda, ..spec };
    let (a, b) = (fixture.file(&spec("cpu", 2.0)), fixture.file(&gpu(spec("gpu", 0.3))));
    let found = json(&a, &b);
    assert_eq!((&found["verdict"], &found["verdict_from"]), (&"cannot_say".into(), &"neither".into()));
    let said = compare(&a, &b, &[]).stdout;
    assert!(said.starts_with("cannot say: times on ") && said.contains("--calibrate"), "{said}");
    // 0.8 of the reference's time on the one, 1.2 of it on the other: the slower machine has the faster recipe.
    let beside = |spec: Spec, seconds| Spec { reference_epoch_seconds: Some(seconds), ..spec };
    let a = fixture.file(&beside(spec("cpu-2", 2.0), 2.5));
    let b = fixture.file(&gpu(beside(spec("gpu-2", 0.3), 0.25)));
    let found = json(&a, &b);
    assert_eq!((&found["verdict"], &found["verdict_from"]), (&"a_is_faster".into(), &"calibrated_times".into()));
    let ratio = found["calibrated"]["b_over_a"]["value"].as_f64().unwrap();
    assert!((ratio - 1.5).abs() < 0.02, "{ratio}");
    assert_eq!(found["seconds_per_step"], Value::Null);
    assert!(found["trust"].as_str().unwrap().contains("it is about these two machines"), "{found}");
    assert!(found["a"]["calibration"]["p_same_time_paired"].as_f64().unwrap() < 0.01, "{found}");
}

#[test]
fn what_does_not_compare_is_refused() {
    let fixture = Fixture::new();
    let a = fixture.file(&spec("one", 2.5));
    let other_track = fixture.file(&Spec { track: "fashion-mnist".to_owned(), ..spec("elsewhere", 2.5) });
    let refused = compare(&a, &other_track, &[]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("A is for track `shapes` and B for track `fashion-mnist`"), "{}", refused.stderr);
    let itself = compare(&a, &a, &[]);
    assert_eq!(itself.code, Some(2));
    assert!(itself.stderr.contains("one and the same session"), "{}", itself.stderr);
    let nowhere = compare(&a, Path::new("no/such/folder"), &[]);
    assert_eq!(nowhere.code, Some(2), "{}", nowhere.stdout);
    // A figure that does not follow from the log is no figure to compare.
    let result = a.join("result.yaml");
    let text = std::fs::read_to_string(&result).unwrap();
    std::fs::write(&result, text.replacen("reached: 10", "reached: 9", 1)).unwrap();
    std::fs::remove_file(a.join("result.yaml.sig")).unwrap();
    let b = fixture.file(&spec("other", 2.0));
    let altered = compare(&a, &b, &[]);
    assert_eq!(altered.code, Some(2));
    assert!(altered.stderr.contains("the run log gives 10"), "{}", altered.stderr);
}

#[test]
fn unsigned_sessions_are_compared_and_called_so() {
    let fixture = Fixture::new();
    let a = fixture.file(&spec("signed", 2.5));
    let b = fixture.file(&Spec { hand: Hand::Nobody, ..spec("unsigned", 2.0) });
    let answer = compare(&a, &b, &[]);
    assert_eq!(answer.code, Some(0));
    assert!(answer.stderr.contains("B is unsigned, so it is not known who measured it"), "{}", answer.stderr);
    assert!(!answer.stderr.contains("A is unsigned"), "{}", answer.stderr);
    assert_eq!(json(&a, &b)["b"]["trust"], "unsigned");
}
