//! The real CUDA half of libtorch on a machine without CUDA: its folders, of links, with stand-ins for NVIDIA's libraries. Each
//! function of the stand-ins fails with one error, as all of them do where the driver cannot be used; or they pretend a GPU that
//! computes nothing (`stub_cuda.c`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::clone::project;
use crate::support::context::Context;

/// Begin of the names of a library's functions, and the library. The first that fits is taken.
const LIBRARIES: [(&str, &str); 13] = [
    ("cublasLt", "libcublasLt.so.13"),
    ("cublas", "libcublas.so.13"),
    ("cudnn", "libcudnn.so.9"),
    ("cufft", "libcufft.so.12"),
    ("curand", "libcurand.so.10"),
    ("cusparseLt", "libcusparseLt.so.0"),
    ("cusparse", "libcusparse.so.12"),
    ("nccl", "libnccl.so.2"),
    ("cuFile", "libcufile.so.0"),
    ("nvshmem", "libnvshmem_host.so.3"),
    ("cuda", "libcudart.so.13"),
    ("__cuda", "libcudart.so.13"),
    ("nvrtc", "libnvrtc.so.13"),
];

/// The driver's library, which the trainer looks for.
const DRIVER: &str = "libcuda.so.1";

/// Folders of libtorch with stand-ins; `None`, said aloud, where the tools or the libtorch for that are not there.
pub(crate) struct StubCuda {
    root: PathBuf,
    functions: BTreeMap<&'static str, BTreeSet<(String, String)>>,
}

impl StubCuda {
    pub(crate) fn new(context: &Context, test: &str) -> Option<Self> {
        let installed = libtorch();
        let missing = match (installed.join("libtorch_cuda.so").is_file(), Command::new("cc").arg("--version").output())
        {
            (false, _) => Some("this libtorch has no CUDA half"),
            (_, Err(_)) => Some("there is no C compiler `cc`"),
            _ => None,
        };
        if let Some(missing) = missing {
            assert!(std::env::var_os("CI").is_none(), "{test} in CI: {missing}");
            println!("skipped {test}: {missing}");
            return None;
        }
        let stub = Self { root: context.path("libtorch"), functions: functions(&installed) };
        fs::create_dir_all(stub.folder()).unwrap();
        fs::create_dir_all(stub.nvidia()).unwrap();
        let cupti = installed.join("../../nvidia/cu13/lib/libcupti.so.13");
        for file in fs::read_dir(&installed).unwrap().map(|entry| entry.unwrap().path()).chain([cupti]) {
            let folder = if file.starts_with(installed.join("../..")) { stub.nvidia() } else { stub.folder() };
            symlink(&file, folder.join(file.file_name().unwrap())).unwrap();
        }
        Some(stub)
    }

    /// What `LD_LIBRARY_PATH` names.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.join("torch/lib")
    }

    fn nvidia(&self) -> PathBuf {
        self.root.join("nvidia/cu13/lib")
    }

    /// Puts stand-ins in place whose functions return this error of CUDA.
    pub(crate) fn fail_with(&self, error: u32) {
        self.put(error, &[]);
    }

    /// Puts stand-ins in place that pretend a GPU.
    pub(crate) fn pretend(&self) {
        self.put(0, &[project("tests/support/stub_cuda.c")]);
        self.let_fail("nothing");
    }

    /// Has this fail from now on: `begin`, `kernel`, `memory` or `end` of a capture, or `replay`. What was noted is forgotten.
    pub(crate) fn let_fail(&self, what: &str) {
        fs::write(self.root.join("fails"), what).unwrap();
        let _ = fs::remove_file(self.root.join("notes"));
    }

    /// How often the pretended GPU noted what.
    pub(crate) fn notes(&self) -> BTreeMap<String, u32> {
        let mut noted = BTreeMap::new();
        for line in fs::read_to_string(self.root.join("notes")).unwrap_or_default().lines() {
            *noted.entry(line.to_owned()).or_default() += 1;
        }
        noted
    }

    fn put(&self, error: u32, more: &[PathBuf]) {
        let none = BTreeSet::new();
        compile(&self.folder(), DRIVER, self.functions.get(DRIVER).unwrap_or(&none), (error, more));
        for (_, library) in LIBRARIES {
            compile(&self.nvidia(), library, self.functions.get(library).unwrap_or(&none), (error, more));
        }
    }

    /// Takes one of NVIDIA's libraries away.
    pub(crate) fn lacks(&self, library: &str) {
        fs::remove_file(self.nvidia().join(library)).unwrap();
    }
}

/// The folder of the libtorch that the trainer was built with.
fn libtorch() -> PathBuf {
    let named = std::env::var_os("LIBTORCH").map(|folder| Path::new(&folder).join("lib"));
    named.unwrap_or_else(|| project(".libtorch/site-packages/torch/lib"))
}

/// The functions that libtorch wants of each library, with their versions.
fn functions(libtorch: &Path) -> BTreeMap<&'static str, BTreeSet<(String, String)>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let files = ["libtorch_cuda.so", "libtorch_nvshmem.so", "libtorch_cpu.so", "libc10_cuda.so", "libcaffe2_nvrtc.so"];
    for file in files {
        let mut nm = Command::new("nm");
        let output =
            nm.args(["-D", "--undefined-only", "--with-symbol-versions"]).arg(libtorch.join(file)).output().unwrap();
        for symbol in
            String::from_utf8(output.stdout).unwrap().lines().filter_map(|line| line.split_whitespace().last())
        {
            let (name, version) = symbol.split_once('@').unwrap_or((symbol, ""));
            let known = LIBRARIES.iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, library)| *library);
            // CUPTI is there in truth.
            let driver = (name.starts_with("cu") && !name.starts_with("cupti")).then_some(DRIVER);
            if let Some(library) = known.or(driver) {
                let version = version.trim_start_matches('@');
                found.entry(library).or_default().insert((name.to_owned(), version.to_owned()));
            }
        }
    }
    found
}

/// Builds a library of these functions, which return an error, and of what `more` has of it in their place.
fn compile(folder: &Path, library: &str, functions: &BTreeSet<(String, String)>, (error, more): (u32, &[PathBuf])) {
    let mut source = String::from("int stand_in;\n");
    for (name, _) in functions {
        let body = match name.as_str() {
            "cudaGetErrorString" | "cudaGetErrorName" => {
                format!("const char *{name}(int e) {{ return \"as a driver says it\"; }}")
            }
            _ => format!("int {name}(void) {{ return {error}; }}"),
        };
        writeln!(source, "__attribute__((weak)) {body}").unwrap();
    }
    let mut versions = String::new();
    for version in
        functions.iter().map(|(_, version)| version).filter(|version| !version.is_empty()).collect::<BTreeSet<_>>()
    {
        let names: Vec<&str> =
            functions.iter().filter(|(_, of)| of == version).map(|(name, _)| name.as_str()).collect();
        writeln!(versions, "{version} {{ global: {}; }};", names.join("; ")).unwrap();
    }
    let path = folder.join(library);
    let (code, script) = (path.with_extension("c"), path.with_extension("map"));
    fs::write(&code, source).unwrap();
    fs::write(&script, &versions).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-w", "-O0"]).arg(format!("-Wl,-soname,{library}")).arg("-o").arg(&path).arg(&code);
    // `libcudart.so.13` is `libcudart` in the source, and the folder is that of all libraries.
    let root = folder.ancestors().find(|folder| folder.ends_with("libtorch")).unwrap();
    cc.arg(format!("-D{}", library.split('.').next().unwrap()))
        .arg(format!("-DFOLDER=\"{}\"", root.display()))
        .args(more);
    if !versions.is_empty() {
        cc.arg(format!("-Wl,--version-script={}", script.display()));
    }
    let output = cc.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
