//! `hlb-bench power`: how many runs a gain needs, from entries, from an assumed noise, and from nothing at all; and how many
//! a mean close to the target needs.

use std::collections::BTreeMap;
use std::path::Path;

use hlb_core::stats::mean_and_deviation;
use hlb_data::track;
use serde_json::Value;

use crate::support::context::{Answer, Context};
use crate::support::fixture::{Fixture, Spec, price};

fn power(submissions: &Path, more: &[&str]) -> Answer {
    let fixed = ["power", "--track", "shapes", "--submissions", submissions.to_str().unwrap()];
    Context::new().run(fixed.into_iter().chain(more.iter().copied()))
}

fn json(submissions: &Path, more: &[&str]) -> Value {
    let answer = power(submissions, &[more, &["--json"]].concat());
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    serde_json::from_str(&answer.stdout).unwrap()
}

fn needed(found: &Value) -> Vec<Option<u64>> {
    found["gains"].as_array().unwrap().iter().map(|gain| gain["runs_needed"].as_u64()).collect()
}

#[test]
fn the_best_entry_of_the_reference_says_how_many_runs_a_gain_needs() {
    let fixture = Fixture::new();
    fixture.file(&Spec {
        changes: "logit_scale: 0.17\n".to_owned(),
        runs: Spec::runs(10, 1.0, 16),
        ..Spec::named("faster")
    });
    fixture.file(&Spec { runs: Spec::runs(10, 3.0, 16), ..Spec::named("slower") });
    fixture.file(&Spec { price: Some(price(3.6)), ..Spec::named("reference") });
    let found = json(&fixture.submissions(), &[]);
    assert!(found["source"]["entry"].as_str().unwrap().ends_with("2026-11-26-reference"), "{found}");
    // Seven epochs of 2.5 s and 0.2 s of evaluation; the noise is that of the fixture.
    let seconds = found["source"]["seconds_per_run"].as_f64().unwrap();
    assert!((seconds - 18.9).abs() < 0.01, "{seconds}");
    assert!((found["source"]["noise"].as_f64().unwrap() - 0.0121).abs() < 2e-4, "{found}");
    let runs: Vec<u64> = needed(&found).into_iter().flatten().collect();
    assert_eq!(runs.len(), 5, "{found}");
    assert!(runs.windows(2).all(|pair| pair[1] <= pair[0]) && runs[0] > 10 * runs[4] && runs[4] >= 5, "{runs:?}");
    // 0.1 cents a second, for both recipes.
    let bill = &found["gains"][2]["bill"];
    let expected = 2.0 * seconds * f64::from(u32::try_from(runs[2]).unwrap());
    assert!((bill["machine_seconds"].as_f64().unwrap() - expected).abs() < 1e-6, "{bill}");
    assert!((bill["cost_usd"].as_f64().unwrap() - expected / 1000.0).abs() < 1e-9, "{bill}");
    assert_eq!(found["runs_to_rank"], 10);
    let said = power(&fixture.submissions(), &["--gain", "2%"]).stdout;
    assert!(said.contains(&format!("2.0 %: {} runs (", runs[2])) && said.contains("US dollars"), "{said}");
    assert!(said.contains("a ranked row on `shapes` needs at least 10 runs"), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("  ")).count(), 1, "{said}");
}

#[test]
fn an_entry_can_be_named() {
    let fixture = Fixture::new();
    let entry = fixture.file(&Spec { runs: Spec::runs(12, 3.0, 16), ..Spec::named("mine") });
    let found = json(Path::new("nowhere"), &["--entry", entry.to_str().unwrap()]);
    assert_eq!(found["source"]["runs"], 12);
    assert_eq!(found["gains"][0]["bill"]["cost_usd"], Value::Null, "it has no price, so nothing is made up");
    let elsewhere = fixture.file(&Spec { track: "fashion-mnist".to_owned(), ..Spec::named("elsewhere") });
    let refused = power(Path::new("nowhere"), &["--entry", elsewhere.to_str().unwrap()]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("is for track `fashion-mnist`, not for `shapes`"), "{}", refused.stderr);
    let missed = fixture.file(&Spec { runs: Spec::runs(10, 2.5, -60), ..Spec::named("missed") });
    let refused = power(Path::new("nowhere"), &["--entry", missed.to_str().unwrap()]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("fewer than two runs of "), "{}", refused.stderr);
}

/// SciPy's `mannwhitneyu` over 20,000 simulated pairs, for normal noise of 1 %: 32 runs each show 1 % with a chance of 0.9.
#[test]
fn an_assumed_noise_gives_chances_and_no_bill() {
    let found = json(Path::new("nowhere"), &["--noise", "1%", "--gain", "1%", "--runs", "32"]);
    let chance = found["gains"][0]["chance"].as_f64().unwrap();
    assert!((chance - 0.9).abs() < 0.03, "{chance}");
    let runs = needed(&found)[0].unwrap();
    assert!((29..=35).contains(&runs), "{runs}");
    let least = found["with_runs"]["least_gain"].as_f64().unwrap();
    assert!((least - 0.01).abs() < 0.001, "{least}");
    assert_eq!((&found["gains"][0]["bill"], &found["with_runs"]["bill"]), (&Value::Null, &Value::Null));
    let said = power(Path::new("nowhere"), &["--noise", "1%", "--runs", "4"]).stdout;
    assert!(said.contains("4 runs each show no gain that surely"), "{said}");
    assert!(!said.contains("machine time") && !said.contains("dollars") && !said.contains("NaN"), "{said}");
    let hopeless = json(Path::new("nowhere"), &["--noise", "20%", "--gain", "0.5%"]);
    assert_eq!(needed(&hopeless), [None], "{hopeless}");
}

#[test]
fn without_times_nothing_is_said() {
    let fixture = Fixture::new();
    fixture.file(&Spec { changes: "logit_scale: 0.17\n".to_owned(), ..Spec::named("variant") });
    for submissions in [fixture.submissions(), fixture.sibling("nowhere")] {
        let refused = power(&submissions, &[]);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
        assert!(refused.stderr.contains("no entry of the reference of `shapes`"), "{}", refused.stderr);
        assert!(refused.stderr.contains("--noise 2%"), "{}", refused.stderr);
    }
    for wrong in [&["--gain", "2"][..], &["--noise", "0%"], &["--gain", "100%"], &["--track", "cifar-9"]] {
        let arguments =
            if wrong[0] == "--track" { wrong.to_vec() } else { [&["--track", "shapes"][..], wrong].concat() };
        assert_eq!(Context::new().run([&["power"][..], &arguments[..]].concat()).code, Some(2), "{wrong:?}");
    }
}

fn of_mean(more: &[&str]) -> Answer {
    Context::new().run([&["power", "--submissions", "nowhere"], more].concat())
}

/// The runs, and the chance of 58 runs, are those of the noncentral t-distribution by another algorithm (`stats/mean_power.rs`).
#[test]
fn a_mean_close_to_the_target_needs_so_many_runs() {
    let answer = of_mean(&["--track", "cifar10", "--mean", "94.05", "--runs", "58"]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let expected = "accuracy varies from run to run by 0.145 points, as in published runs on `cifar10`
to find a true mean of 94.05 % over the target of 94.00 % at p < 0.01 with a chance of 90 %, a recipe needs
  113 runs
58 runs find it with a chance of 59 %
a ranked row on `cifar10` needs at least 20 runs, of which 90 % reach the target; of this recipe's, about 63 % end over it
";
    assert_eq!(answer.stdout, expected);
    let found = |more: &[&str]| -> Value {
        let answer = of_mean(&[&["--track", "cifar10", "--json"], more].concat());
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        serde_json::from_str(&answer.stdout).unwrap()
    };
    let assumed = found(&["--mean", "94.2%", "--deviation", "0.145"]);
    assert_eq!((&assumed["runs_needed"], &assumed["deviation"]["source"]["kind"]), (&10.into(), &"assumed".into()));
    assert_eq!(found(&["--mean", "94.0000001"])["runs_needed"], Value::Null);
    let close = of_mean(&["--track", "cifar10", "--mean", "94.01"]).stdout;
    assert!(close.contains("runs, more than the 500 that a session may have"), "{close}");
}

#[test]
fn accuracy_varies_as_in_the_entry_that_is_named_or_the_best_of_the_reference() {
    let fixture = Fixture::new();
    let entry = fixture.file(&Spec { runs: Spec::runs(12, 3.0, 16), ..Spec::named("reference") });
    let observed = fixture.board().tracks[0].rows[0].entry.result.derived.summary.final_accuracy_deviation_points;
    let named = of_mean(&["--track", "shapes", "--mean", "95", "--json", "--entry", entry.to_str().unwrap()]);
    let found: Value = serde_json::from_str(&named.stdout).unwrap();
    assert_eq!((found["deviation"]["points"].as_f64(), &found["deviation"]["source"]["runs"]), (observed, &12.into()));
    assert_eq!(json(&fixture.submissions(), &["--mean", "95"])["deviation"]["points"], found["deviation"]["points"]);
    let even = (0..10).map(|_| Spec::runs(1, 3.0, 16).remove(0)).collect();
    let even = fixture.file(&Spec { runs: even, ..Spec::named("even") });
    let refused = of_mean(&["--track", "shapes", "--mean", "95", "--entry", even.to_str().unwrap()]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("do not vary"), "{}", refused.stderr);
}

#[test]
fn no_number_of_runs_proves_a_mean_that_is_not_over_the_target() {
    for (track, mean) in [("cifar10", "94"), ("cifar10", "93.99"), ("cifar10", "0.9405"), ("shapes", "94.5")] {
        let refused = of_mean(&["--track", track, "--mean", mean, "--deviation", "0.2"]);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
        assert!(refused.stderr.contains("no number of runs proves it"), "{}", refused.stderr);
    }
    let unknown = of_mean(&["--track", "shapes", "--mean", "95"]);
    assert!(unknown.stderr.contains("how much accuracy varies on `shapes` is unknown"), "{}", unknown.stderr);
    for wrong in
        [&["--mean", "94.05", "--gain", "2%"][..], &["--deviation", "0.1"], &["--mean", "101"], &["--mean", "x"]]
    {
        assert_eq!(of_mean(&[&["--track", "cifar10"], wrong].concat()).code, Some(2), "{wrong:?}");
    }
}

/// Of the two published sets that are one recipe, which is the one nearest to the target.
#[test]
fn the_published_deviation_is_that_of_the_published_runs() {
    let mut sets = BTreeMap::<&str, Vec<f64>>::new();
    let published = include_str!("../../crates/core/src/stats/hosts.csv");
    for line in published.lines().filter(|line| line.contains(",hiverge,")) {
        let (set, accuracy) = (line.split(',').next().unwrap(), line.split(',').next_back().unwrap());
        sets.entry(set).or_default().push(accuracy.parse().unwrap());
    }
    let deviations: Vec<f64> = sets.values().filter_map(|set| mean_and_deviation(set).1).collect();
    let (mean, _) = mean_and_deviation(&deviations);
    let stated = track::by_id("cifar10").unwrap().published_deviation_points.unwrap();
    assert!(deviations.len() == 2 && (100.0 * mean.unwrap() - stated).abs() < 0.001, "{deviations:?}");
}
