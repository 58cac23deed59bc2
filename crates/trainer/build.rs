//! Builds our C++ against libtorch's headers, and gives the trainer and its tests an rpath to libtorch.

use std::path::Path;

/// What is compiled.
const SOURCES: [&str; 2] = ["csrc/graph.cpp", "csrc/sgd.cpp"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=csrc");
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
        // For a test that compiles against libtorch's headers.
        println!("cargo:rustc-env=LIBTORCH_LIB={folder}");
        compile(&Path::new(&folder).join("../include"));
    }
}

/// Only libtorch's CPU half is linked: what is of the CUDA half is looked up when it is called.
fn compile(headers: &Path) {
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .flag("-isystem")
        .flag(headers.as_os_str())
        // After libtorch's own; its headers of CUDA's half mention names of CUDA's.
        .flag("-isystem")
        .flag("csrc/cuda_names")
        .warnings(true)
        .files(SOURCES)
        .compile("hlb_trainer_native");
}
