//! Builds our C++ against libtorch's headers, and gives the trainer and its tests an rpath to libtorch.

use std::path::Path;
use std::{env, fs};

/// What knows libtorch.
const SOURCES: [&str; 8] = [
    "csrc/celu.cpp",
    "csrc/graph.cpp",
    "csrc/sgd.cpp",
    "csrc/small_maps.cpp",
    "csrc/stage.cpp",
    "csrc/stage_gpu.cpp",
    "csrc/gpu_kernels.cpp",
    "csrc/stage_gpu_host.cpp",
];

/// Widths of vector registers that the loops of a stage are compiled for, and the compiler's flags.
const LEVELS: [(&str, &[&str]); 3] =
    [("baseline", &[]), ("avx2", &["-mavx2", "-mfma"]), ("avx512", &["-mavx512f", "-mavx512bw", "-mavx512vl"])];

/// Files of the kernels of a GPU, in their order.
const GPU_KERNELS: [(&str, &str); 3] = [
    ("stage_gpu.h", include_str!("csrc/stage_gpu.h")),
    ("stage_gpu_numbers.inc", include_str!("csrc/stage_gpu_numbers.inc")),
    ("stage_gpu_kernels.inc", include_str!("csrc/stage_gpu_kernels.inc")),
];

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
    let generated = env::var("OUT_DIR").expect("cargo names the folder");
    embed_gpu_kernels(Path::new(&generated));
    let mut native = cpp();
    // After libtorch's own headers: those of its CUDA half mention names of CUDA's.
    native.flag("-isystem").flag(headers).flag("-isystem").flag("csrc/cuda_names").include(generated);
    // Kernels read numbers as words, which compilers for GPUs allow.
    native.flag("-fopenmp").flag("-fno-strict-aliasing");
    native.files(SOURCES).opt_level(2).compile("hlb_trainer_native");
}

/// The kernels of a GPU are compiled where they run: their text is in the program.
#[expect(clippy::disallowed_methods, reason = "only this build reads the file")]
fn embed_gpu_kernels(folder: &Path) {
    let parts = GPU_KERNELS.map(|(name, text)| format!("R\"HLB(#line 1 \"{name}\"\n{text})HLB\"\n"));
    let source = format!("const char stage_gpu_source[] =\n{};\n", parts.concat());
    fs::write(folder.join("stage_gpu_source.h"), source).expect("the folder can be written");
}

fn cpp() -> cc::Build {
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").warnings(true).extra_warnings(true).flag("-Wno-unused-parameter");
    build
}
