//! Tells the program the commit that it was built from.

#[path = "build/commit.rs"]
mod commit;

use std::path::Path;

#[expect(clippy::disallowed_methods, reason = "cargo takes a path as it is")]
fn main() {
    let checkout = commit::Checkout(Path::new("."));
    println!("cargo:rerun-if-changed=build.rs");
    for file in checkout.files() {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    println!("cargo:rustc-env=HLB_BENCH_COMMIT={}", checkout.commit());
}
