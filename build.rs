//! Gives the trainer program an rpath to libtorch, and both programs the commit they were built from.

use std::process::Command;

/// Everything that is compiled into the programs.
const SOURCES: [&str; 10] = [
    "build.rs",
    "Cargo.lock",
    "Cargo.toml",
    "datasets",
    "leaderboard/style.css",
    "leaderboard/templates",
    "prices.yaml",
    "recipes",
    "src",
    "tracks",
];

fn main() {
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
    println!("cargo:rustc-env=HLB_BENCH_COMMIT={}", commit());
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg-bin=hlb-bench-trainer=-Wl,-rpath,{folder}");
        println!("cargo:rustc-link-arg-tests=-Wl,-rpath,{folder}");
        println!("cargo:rustc-link-arg-benches=-Wl,-rpath,{folder}");
    }
}

/// The commit of the sources, with `-dirty` when tracked files differ from it; empty outside a git checkout.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(head) = git(&["rev-parse", "HEAD"]) else {
        return String::new();
    };
    match git(&[&["status", "--porcelain", "--"], &SOURCES[..]].concat()) {
        Some(changes) if changes.is_empty() => head,
        _ => format!("{head}-dirty"),
    }
}
