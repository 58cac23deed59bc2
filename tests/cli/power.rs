//! `hlb-bench power`: how many runs a gain needs, from entries, from an assumed noise, and from nothing at all.

use std::path::Path;

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
