//! Builds our C++ against libtorch's headers, and gives the trainer and its tests an rpath to libtorch.

use std::env;
use std::path::Path;

/// What knows libtorch.
const SOURCES: [&str; 3] = ["csrc/graph.cpp", "csrc/sgd.cpp", "csrc/stage.cpp"];

/// Widths of vector registers that the loops of a stage are compiled for, and the compiler's flags.
const LEVELS: [(&str, &[&str]); 3] =
    [("baseline", &[]), ("avx2", &["-mavx2", "-mfma"]), ("avx512", &["-mavx512f", "-mavx512bw", "-mavx512vl"])];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=csrc");
    let Ok(folder) = env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    // For a test that compiles against libtorch's headers.
    println!("cargo:rustc-env=LIBTORCH_LIB={folder}");
    compile(&Path::new(&folder).join("../include"));
    // Only libtorch's CPU half is linked: what is of the CUDA half is looked up when it is called.
    println!("cargo:rustc-link-search=native={folder}");
    for library in ["torch_cpu", "c10", "gomp"] {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
}

/// The loops are compiled apart from what knows libtorch: no inline function of its headers may come in the wrong width.
fn compile(headers: &Path) {
    let wide = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|name| name == "x86_64");
    for (level, flags) in LEVELS.into_iter().filter(|(level, _)| wide || *level == "baseline") {
        let mut loops = cpp();
        loops.flag("-Wno-psabi").define("LEVEL", level).file("csrc/stage_kernels.cpp").opt_level(3);
        for flag in flags {
            loops.flag(flag);
        }
        loops.compile(&format!("hlb_stage_{level}"));
    }
    let mut native = cpp();
    // After libtorch's own headers: those of its CUDA half mention names of CUDA's.
    native.flag("-isystem").flag(headers).flag("-isystem").flag("csrc/cuda_names");
    native.flag("-fopenmp").files(SOURCES).opt_level(2).compile("hlb_trainer_native");
}

fn cpp() -> cc::Build {
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").warnings(true).extra_warnings(true).flag("-Wno-unused-parameter");
    build
}
