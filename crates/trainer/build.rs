//! Compiles the C++ beside libtorch's own, and gives the trainer and its tests an rpath to libtorch.

use std::env;
use std::path::Path;

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
    compile_stages(&Path::new(&folder).join("../include"));
    println!("cargo:rustc-link-search=native={folder}");
    for library in ["torch_cpu", "c10", "gomp"] {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
}

/// The loops are compiled apart from what knows libtorch: no inline function of its headers may come in the wrong width.
fn compile_stages(include: &Path) {
    let wide = env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|name| name == "x86_64");
    for (level, flags) in LEVELS.into_iter().filter(|(level, _)| wide || *level == "baseline") {
        let mut loops = cpp();
        loops.flag("-Wno-psabi").define("LEVEL", level).file("csrc/stage_kernels.cpp").opt_level(3);
        for flag in flags {
            loops.flag(flag);
        }
        loops.compile(&format!("hlb_stage_{level}"));
    }
    let mut stage = cpp();
    stage.flag("-fopenmp").flag("-isystem").flag(include).file("csrc/stage.cpp").opt_level(2);
    stage.compile("hlb_stage");
}

fn cpp() -> cc::Build {
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").warnings(true).extra_warnings(true).flag("-Wno-unused-parameter");
    build
}
