//! What the real trainer says of itself: whether it repeats, and what to change where memory runs out.

use crate::support::context::{Context, VARIANT, answer};
use crate::support::trainer::real_trainer;

const SMALL: &str = "epochs: 1\nbatch_size: 512\nblocks: {widths: [8, 8]}\naverage: null\nevaluate: {weights: trained, mirror: false}\n";

#[test]
fn two_runs_of_one_seed_are_bit_identical_where_that_is_asked_for() {
    if real_trainer().is_none() {
        return;
    }
    let context = Context::new();
    context.write("v.yaml", format!("{VARIANT}{SMALL}"));
    let mut command = context.command();
    let ran = answer(&command.args(["run", "v.yaml", "--runs", "1", "--deterministic"]).output().unwrap());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("deterministic: one seed trained twice was bit-identical over all 9 steps"),
        "{}",
        ran.stderr
    );
    assert!(ran.stdout.contains("repeat:\n    steps: 9\n    parted: null\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("  deterministic: true\n"), "{}", ran.stdout);
}

/// Passes the trainer `@REAL@` through, and keeps all that it says on its standard error.
const OVERHEARD: &str = r#"#!/bin/sh
if [ "$1" = --describe ]; then exec '@REAL@' "$1"; fi
'@REAL@' "$@" 2>overheard
code=$?
cat overheard >&2
exit $code
"#;

#[test]
fn memory_that_runs_out_is_answered_with_a_batch_that_fits() {
    let Some(real) = real_trainer() else { return };
    let context = Context::new();
    let large = "batch_size: 4096\nblocks: {widths: [2048, 2048]}\naverage: null\nevaluate: {weights: trained}\n";
    context.write("v.yaml", format!("{VARIANT}{large}"));
    let trainer = context.write("overhear", OVERHEARD.replace("@REAL@", real.to_str().unwrap()));
    std::fs::set_permissions(&trainer, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let program = env!("CARGO_BIN_EXE_hlb-bench");
    let line = format!("ulimit -v 12000000; exec {program} run v.yaml --runs 1 --threads 2");
    let mut command = std::process::Command::new("bash");
    command.args(["-c", &line]).current_dir(context.root()).env("HOME", context.path("home"));
    command.env("RUST_BACKTRACE", "1");
    let ran = answer(&command.env("HLB_BENCH_TRAINER", &trainer).output().unwrap());
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    let says = "out of memory: a batch of 4096 does not fit; try `batch_size: 2048`; libtorch: [enforce fail";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    let overheard = std::fs::read_to_string(context.path("overheard")).unwrap();
    assert!(overheard.starts_with(says) && overheard.lines().count() == 1, "{overheard}");
    assert!(ran.stdout.contains("outcome: \"interrupted\"") || ran.stdout.contains("runs: []"), "{}", ran.stdout);
}
