//! What each command prints with `--json`: the keys, and the values where no machine and no clock decides them.

use serde_json::Value;

use crate::snapshots::Snapshots;
use crate::support::context::{Context, VARIANT};
use crate::support::fixture::{Fixture, Spec, price};
use crate::support::simulated::Stage;

#[test]
fn the_keys_and_figures_of_entries_are_these() {
    let mut snapshots = Snapshots::of("json");
    let context = Context::new();
    let fixture = Fixture::at(context.root());
    let base = Spec { price: Some(price(3.6)), reference_epoch_seconds: Some(2.6), ..Spec::named("base") };
    fixture.file(&base);
    let changes = "logit_scale: 0.17\n".to_owned();
    fixture.file(&Spec { changes, runs: Spec::runs(10, 2.0, 16), ..Spec::named("fast") });
    let (a, b) = ("submissions/shapes/2026-11-26-base", "submissions/shapes/2026-11-26-fast");
    context.write("v.yaml", format!("{VARIANT}epochs: 3\n"));
    for (name, arguments) in [
        ("verify", &["verify", a, "--json"][..]),
        ("compare", &["compare", a, b, "--json"]),
        ("power", &["power", "--track", "shapes", "--runs", "20", "--json"]),
        ("recipe-show", &["recipe", "show", "v.yaml", "--json"]),
        ("export", &["export", "json", a]),
    ] {
        let answer = context.run(arguments);
        assert_eq!(answer.code, Some(0), "{name}: {}", answer.stderr);
        let found: Value = serde_json::from_str(&answer.stdout).unwrap();
        snapshots.check(name, &pretty(&rounded(found)), &context);
    }
    machine_and_data(&mut snapshots, &context);
    sessions(&mut snapshots);
    snapshots.finish();
}

/// What this machine is, and what is on it: keys only.
fn machine_and_data(snapshots: &mut Snapshots, context: &Context) {
    let hardware: Value = serde_json::from_str(&context.run(["hardware", "--json"]).stdout).unwrap();
    snapshots.check("hardware", &pretty(&keys(hardware)), context);
    let listed = context.run(["data", "list", "--json"]);
    let lines = listed.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    snapshots.check("data-list", &pretty(&keys(Value::Array(lines))), context);
}

/// Sessions with the simulated trainer, whose times are real: keys only.
fn sessions(snapshots: &mut Snapshots) {
    let stage = Stage::small();
    let run = stage.run("run", "sessions", &["--runs", "2", "--no-calibrate", "--json"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    snapshots.check("run", &pretty(&keys(serde_json::from_str(&run.stdout).unwrap())), &stage.context);
    let entry = stage.folder("sessions").unwrap();
    let mut command = stage.context.command();
    command.env("HLB_BENCH_TRAINER", stage.context.path("trainer")).arg("reproduce").arg(entry);
    let again = crate::support::context::answer(&command.args(["--sessions", "again", "--json"]).output().unwrap());
    let found: Value = serde_json::from_str(&again.stdout).unwrap_or_else(|_| panic!("{}", again.stderr));
    snapshots.check("reproduce", &pretty(&keys(found)), &stage.context);
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

/// With six digits of each fraction, so that the last bit of a logarithm does not matter.
fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            format!("{:.5e}", number.as_f64().unwrap()).parse::<f64>().unwrap().into()
        }
        Value::Object(object) => Value::Object(object.into_iter().map(|(key, value)| (key, rounded(value))).collect()),
        Value::Array(items) => Value::Array(items.into_iter().map(rounded).collect()),
        other => other,
    }
}

/// What differs in form, too: with the sensors, the load and the owner of a machine.
const VARYING: [&str; 10] =
    ["cost", "drift", "gpus", "instance", "price", "reasons", "telemetry", "time_ratio", "unknown", "warnings"];

/// With dots for every value.
fn keys(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let part = |key: &str, value| if VARYING.contains(&key) { "...".into() } else { keys(value) };
            Value::Object(object.into_iter().map(|(key, value)| (key.clone(), part(&key, value))).collect())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(keys).collect();
            items.dedup();
            Value::Array(items)
        }
        _ => "...".into(),
    }
}
