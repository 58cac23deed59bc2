//! Gives the trainer and its tests an rpath to libtorch.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Ok(folder) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
        // For a test that compiles against libtorch's headers.
        println!("cargo:rustc-env=LIBTORCH_LIB={folder}");
    }
}
