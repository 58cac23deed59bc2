//! Gives the trainer program an rpath to libtorch, and both programs the commit they were built from.

#[path = "build/commit.rs"]
mod commit;

use std::path::Path;

fn main() {
    let checkout = commit::Checkout(Path::new("."));
    println!("cargo:rerun-if-changed=build.rs");
    for file in checkout.files() {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    println!("cargo:rustc-env=HLB_BENCH_COMMIT={}", checkout.commit());
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg-bin=hlb-bench-trainer=-Wl,-rpath,{folder}");
        println!("cargo:rustc-link-arg-tests=-Wl,-rpath,{folder}");
        println!("cargo:rustc-link-arg-benches=-Wl,-rpath,{folder}");
    }
}
