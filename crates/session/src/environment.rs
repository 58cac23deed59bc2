//! What is set or loaded around this program that changes clocks or arithmetic, and what the trainer gets to see of the
//! environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open, readlink};
use rustix::io::Errno;

use hlb_core::hint::Hint;
use hlb_core::text::{SafeText, show, show_path};

/// Something outside of the programs would change what a session measures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum EnvironmentError {
    #[error("{} is set to `{}`, which {effect}", show(.name), show(.value))]
    Variable { name: String, value: String, effect: &'static str },
    /// An entry of the variable that loaders search before the system's folders.
    #[error("LD_LIBRARY_PATH names `{}`, whose libraries would be loaded in place of the system's", show_path(.folder))]
    Folder { folder: PathBuf },
    #[error("{PRELOAD_FILE} loads `{}` into every program", show(.value))]
    PreloadFile { value: String },
    #[error("`{}` is loaded into this program and is none of its libraries", show_path(.path))]
    Library { path: PathBuf },
    #[error("what this program was started with cannot be read: {}", show_path(.path))]
    Unread { path: PathBuf, source: io::Error },
}

impl Hint for EnvironmentError {
    fn hint(&self) -> Option<String> {
        let without = |name: &str| format!("start it without: `env -u {} hlb-bench ...`", show(name));
        Some(match self {
            Self::Variable { name, .. } => without(name),
            Self::Folder { .. } => {
                format!("{}; only the `lib` folder of a moved libtorch may be named there", without(SEARCH))
            }
            Self::PreloadFile { .. } => "remove the line, or measure on a machine without it".to_owned(),
            Self::Library { .. } => {
                "start `hlb-bench` itself, not through a loader, wrapper or tool that loads it".to_owned()
            }
            Self::Unread { .. } => "sessions need /proc".to_owned(),
        })
    }
}

/// Where the loader finds what it puts into every program.
const PRELOAD_FILE: &str = "/etc/ld.so.preload";
/// Where it looks first.
const SEARCH: &str = "LD_LIBRARY_PATH";

/// Refuses to measure where a variable, a file or a library changes clocks or arithmetic from outside. It has to be asked
/// before this program loads the driver's libraries.
pub fn check_environment() -> Result<(), EnvironmentError> {
    // What a library removed from the environment is still among what the process was started with.
    let started_with = read("/proc/self/environ")?;
    let pairs = started_with.split(|byte| *byte == 0).filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        Some((OsStr::from_bytes(&pair[..equals]).to_owned(), OsStr::from_bytes(&pair[equals + 1..]).to_owned()))
    });
    pairs.chain(std::env::vars_os()).try_for_each(|(name, value)| check_variable(&name, &value))?;
    match read(PRELOAD_FILE) {
        Ok(bytes) => check_preload_file(&String::from_utf8_lossy(&bytes))?,
        Err(EnvironmentError::Unread { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let unread = |errno: Errno| EnvironmentError::Unread { path: "/proc/self/exe".into(), source: errno.into() };
    let program = readlink("/proc/self/exe", Vec::new()).map_err(unread)?;
    check_libraries(&read("/proc/self/maps")?, Path::new(OsStr::from_bytes(program.as_bytes())))
}

/// The bytes of a file, read without the C library, in which a preloaded one may answer.
fn read(path: &str) -> Result<Vec<u8>, EnvironmentError> {
    const CAP: usize = 8 << 20;
    let bytes = || {
        let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let (mut bytes, mut buffer) = (Vec::new(), [0; 1 << 14]);
        while let count @ 1.. = rustix::io::read(&file, &mut buffer)? {
            bytes.extend_from_slice(&buffer[..count]);
            if bytes.len() > CAP {
                return Err(Errno::FBIG);
            }
        }
        Ok(bytes)
    };
    bytes().map_err(|errno| EnvironmentError::Unread { path: path.into(), source: errno.into() })
}

fn check_variable(name: &OsStr, value: &OsStr) -> Result<(), EnvironmentError> {
    if value.is_empty() {
        return Ok(());
    }
    if name == SEARCH {
        return search_folders(value).map(drop);
    }
    let name = name.to_string_lossy();
    match effect(&name) {
        Some(effect) => {
            let value = value.to_string_lossy().into_owned();
            Err(EnvironmentError::Variable { name: name.into_owned(), value, effect })
        }
        None => Ok(()),
    }
}

/// What a variable does to a program, its clock or its arithmetic.
fn effect(name: &str) -> Option<&'static str> {
    // NVIDIA's containers set it, and no trainer sees it.
    if name == "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE" {
        return None;
    }
    // The linker's, which no running program reads.
    let is_loaders = name.starts_with("LD_") && name != "LD_RUN_PATH";
    let is_torchs = ["TORCH_", "PYTORCH_", "NVIDIA_", "CUBLAS"].iter().any(|prefix| name.starts_with(prefix));
    let arithmetic = (is_torchs && name.ends_with("_OVERRIDE"))
        || ["TF32", "FPMATH"].iter().any(|word| name.contains(word))
        || ["ATEN_CPU_CAPABILITY", "MKL_CBWR"].contains(&name);
    if is_loaders || name == "GLIBC_TUNABLES" {
        Some("changes what the loader puts into programs")
    } else if name.contains("INJECTION") {
        Some("loads a library into programs that use CUDA")
    } else if name.starts_with("FAKETIME") {
        Some("changes clocks")
    } else {
        arithmetic.then_some("changes the arithmetic of training")
    }
}

/// The folders of the search variable that a trainer needs: that of a moved libtorch, and the system's with the GPU's driver.
/// Of the others, those without a library change nothing and are left out.
fn search_folders(value: &OsStr) -> Result<Vec<PathBuf>, EnvironmentError> {
    let mut kept = Vec::new();
    // The loader separates by semicolons, too, and takes an empty name for the working folder.
    for name in value.as_bytes().split(|byte| matches!(byte, b':' | b';')) {
        let named = if name.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(name)) };
        // The loader replaces `$LIB` and its like.
        if name.contains(&b'$') {
            return Err(EnvironmentError::Folder { folder: named.to_owned() });
        }
        let Ok(folder) = named.canonicalize() else { continue };
        let is_system = is_system(&folder) || folder.starts_with("/usr");
        let is_torchs = folder.join("libtorch_cpu.so").exists();
        // Next to libtorch lie libraries that it brings, none of which the system has.
        if !is_system && holds_libraries(&folder, |name| !is_torchs || is_own_library(name)) {
            return Err(EnvironmentError::Folder { folder: named.to_owned() });
        }
        if is_torchs || (is_system && folder.join("libcuda.so.1").exists()) {
            kept.push(folder);
        }
    }
    Ok(kept)
}

/// Whether a folder, or one below it for some processors, holds such libraries by the names under which programs load them:
/// `libm.so.6`.
fn holds_libraries(folder: &Path, is_such: impl Fn(&Path) -> bool) -> bool {
    let is_version = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_library = |name: OsString| {
        name.to_str().and_then(|name| name.split_once(".so.")).is_some_and(|(_, version)| is_version(version))
    };
    let names = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    names(folder).any(|item| is_such(Path::new(&item.file_name())) && is_library(item.file_name()))
        || ["glibc-hwcaps", "tls", "x86_64", "haswell"].iter().any(|below| folder.join(below).is_dir())
}

/// A comment reaches from `#` to the end of its line.
fn check_preload_file(text: &str) -> Result<(), EnvironmentError> {
    let mut loaded = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    match loaded.find(|line| !line.is_empty()) {
        Some(line) => Err(EnvironmentError::PreloadFile { value: line.to_owned() }),
        None => Ok(()),
    }
}

/// Refuses code from a file other than the program, its loader and its few libraries.
fn check_libraries(maps: &[u8], program: &Path) -> Result<(), EnvironmentError> {
    for line in maps.split(|byte| *byte == b'\n') {
        // Addresses, rights, offset, device and number, of which none has a slash; then the path.
        let Some(slash) = line.iter().position(|byte| *byte == b'/') else { continue };
        let (facts, path) = line.split_at(slash);
        let rights = facts.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let path = Path::new(OsStr::from_bytes(path));
        if rights.contains(&b'x') && path != program && !(is_system(path) && is_own_library(path)) {
            return Err(EnvironmentError::Library { path: path.to_owned() });
        }
    }
    Ok(())
}

/// Whether a path lies where only the system's packages put libraries.
fn is_system(path: &Path) -> bool {
    let roots = ["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/nix/store", "/gnu/store"];
    roots.iter().any(|root| path.starts_with(root))
}

/// Whether a file is by its name the loader, the C library or a part of it, or the compiler's.
fn is_own_library(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some((stem, _)) = name.split_once(".so") else { return false };
    // `libc-2.31.so` is `libc.so.6`.
    let stem = stem.trim_end_matches(|letter: char| letter.is_ascii_digit() || matches!(letter, '.' | '-'));
    let known = ["ld", "libc", "libm", "libgcc_s", "libpthread", "libdl", "librt", "libresolv", "libutil"];
    known.contains(&stem) || ["ld-linux", "ld-musl", "libnss_"].iter().any(|family| stem.starts_with(family))
}

/// Whether a trainer may see a variable: what a program needs to find its files and show its text, and which GPU it is given.
fn is_passed(name: &str) -> bool {
    const NAMES: [&str; 9] =
        ["PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "TZ", "RUST_BACKTRACE", "CUDA_VISIBLE_DEVICES"];
    let is_plain = name.len() <= 64 && name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'));
    NAMES.contains(&name) || (name.starts_with("LC_") && is_plain)
}

/// The environment of a trainer: nothing but this.
pub(super) fn passed(deterministic: bool) -> BTreeMap<String, OsString> {
    let text = |name: OsString| name.into_string().ok();
    let named = std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, value)));
    let mut passed: BTreeMap<String, OsString> = named.filter(|(name, _)| is_passed(name)).collect();
    let search = std::env::var_os(SEARCH).filter(|value| !value.is_empty());
    let folders = search.and_then(|value| search_folders(&value).ok()).unwrap_or_default();
    if let (false, Ok(value)) = (folders.is_empty(), std::env::join_paths(folders)) {
        passed.insert(SEARCH.to_owned(), value);
    }
    // CUDA then numbers GPUs as NVML does, so that the first one trained on is the first one recorded.
    passed.insert("CUDA_DEVICE_ORDER".to_owned(), "PCI_BUS_ID".into());
    if deterministic {
        // cuBLAS is deterministic only with a workspace of its own, which it asks for before anything else.
        passed.insert("CUBLAS_WORKSPACE_CONFIG".to_owned(), ":4096:8".into());
    }
    passed
}

/// The names of a trainer's environment, for the record.
pub(super) fn passed_names(deterministic: bool) -> Vec<SafeText<64>> {
    passed(deterministic).into_keys().filter_map(|name| SafeText::try_from(name).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hlb_core::artifact::write_atomic;

    fn refused(name: &str, value: &str) -> bool {
        check_variable(name.as_ref(), value.as_ref()).is_err()
    }

    #[test]
    fn what_changes_loader_clock_or_arithmetic_is_refused_unless_empty() {
        for name in [
            "LD_PRELOAD",
            "LD_AUDIT",
            "LD_PRELOAD_64",
            "LD_HWCAP_MASK",
            "GLIBC_TUNABLES",
            "CUDA_INJECTION32_PATH",
            "CUDA_INJECTION64_PATH",
            "NVTX_INJECTION64_PATH",
            "NVIDIA_TF32_OVERRIDE",
            "TORCH_ALLOW_TF32_CUDNN_OVERRIDE",
            "ONEDNN_DEFAULT_FPMATH_MODE",
            "DNNL_DEFAULT_FPMATH_MODE",
            "ATEN_CPU_CAPABILITY",
            "FAKETIME",
        ] {
            assert!(refused(name, "x"), "{name}");
            assert!(!refused(name, ""), "{name}");
        }
        for name in ["PATH", "HOME", "LD_RUN_PATH", "TORCH_HOME", "PYTORCH_VERSION", "CUDA_VISIBLE_DEVICES"] {
            assert!(!refused(name, "x"), "{name}");
        }
        // Set in NVIDIA's containers, out of the trainer's sight.
        let in_containers = "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE";
        assert!(!refused(in_containers, "1") && !is_passed(in_containers));
    }

    #[test]
    fn an_error_names_variable_and_value_without_what_is_hidden_in_it() {
        let error = check_variable("LD_PRELOAD".as_ref(), "a\u{1b}[2J\u{202e}b".as_ref()).expect_err("refused");
        let (text, hint) = (error.to_string(), error.hint().unwrap_or_default());
        assert!(text.starts_with("LD_PRELOAD is set to `a\\u{1b}[2J\\u{202e}b`"), "{text}");
        assert!(hint.contains("env -u LD_PRELOAD hlb-bench"), "{hint}");
    }

    #[test]
    fn only_folders_of_libtorch_are_searched_for_libraries() {
        let folder = tempfile::tempdir().expect("a folder");
        let named = |below: &str, file: &str| {
            let below = folder.path().join(below);
            std::fs::create_dir_all(&below).expect("a folder");
            write_atomic(&below.join(file), b"").expect("writable");
            below
        };
        let (torch, mathematics) = (named("torch", "libtorch_cpu.so"), named("m", "libm.so.6"));
        let (build, processor) =
            (named("build", "libserde_derive-0.so"), named("p/glibc-hwcaps/x86-64-v3", "libm.so.6"));
        let processor = processor.ancestors().nth(2).expect("a folder").to_owned();
        let join = |folders: &[&Path]| std::env::join_paths(folders).expect("no colon");
        let torch = torch.canonicalize().expect("there");
        let harmless = join(&[Path::new("/there/is/none"), &build, &torch, Path::new("/usr/lib")]);
        assert_eq!(search_folders(&harmless).expect("harmless"), std::slice::from_ref(&torch));
        for folder in [&mathematics, &processor] {
            assert!(search_folders(&join(&[&torch, folder])).is_err(), "{folder:?}");
        }
        for (name, file) in
            [("mixed", "libm.so.6"), ("mixed/glibc-hwcaps/x86-64-v3", "libm.so.6"), ("loader", "ld-linux-x86-64.so.2")]
        {
            let folder = named(name, file);
            let top = folder.ancestors().find(|at| at.ends_with(name.split('/').next().expect("a name")));
            let top = top.expect("there");
            write_atomic(&top.join("libtorch_cpu.so"), b"").expect("writable");
            assert!(search_folders(top.as_os_str()).is_err(), "{name}/{file}");
        }
        let own = ["libc10.so", "libgomp-98b21ff3.so.1", "libcudart.so.12"].map(|file| named("whole", file));
        let whole = named("whole", "libtorch_cpu.so");
        assert_eq!(search_folders(whole.as_os_str()).expect("libtorch").len(), 1, "{own:?}");
        let mut semicolons = torch.into_os_string();
        semicolons.push(";");
        semicolons.push(&mathematics);
        assert!(search_folders(&semicolons).is_err());
        assert!(search_folders("/tmp/$LIB".as_ref()).is_err());
    }

    #[test]
    fn a_file_that_loads_libraries_into_every_program_is_refused() {
        assert!(check_preload_file("\n  # nothing\n\t\n").is_ok());
        let error = check_preload_file("# for all\n/usr/lib/libfaketime.so.1 # slow\n").expect_err("refused");
        assert!(error.to_string().contains("loads `/usr/lib/libfaketime.so.1` into every"), "{error}");
    }

    #[test]
    fn code_of_other_files_is_refused_wherever_it_lies_and_whatever_its_name() {
        let check = |path: &str, rights: &str| {
            let line = format!("7f00-7f01 {rights} 00001000 08:01 1234                       {path}\n");
            check_libraries(line.as_bytes(), Path::new("/home/ada/hlb-bench"))
        };
        for own in [
            "/home/ada/hlb-bench",
            "/usr/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2",
            "/lib/x86_64-linux-gnu/libc-2.31.so",
            "/lib/x86_64-linux-gnu/ld-2.31.so",
            "/usr/lib64/libgcc_s-13-20230728.so.1",
            "/nix/store/0abc-glibc-2.40/lib/libm.so.6",
            "[vdso]",
        ] {
            assert!(check(own, "r-xp").is_ok(), "{own}");
        }
        for foreign in [
            "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
            "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
            "/tmp/a b/libm.so.6",
            "/library/libc.so.6x",
            "/memfd:libc.so.6 (deleted)",
            "/home/ada/hlb-bench.so",
        ] {
            assert!(check(foreign, "r-xp").is_err(), "{foreign}");
            assert!(check(foreign, "rwxp").is_err(), "{foreign}");
        }
        assert!(check("/usr/lib/locale/locale-archive", "r--p").is_ok());
    }

    #[test]
    fn a_trainer_sees_only_what_the_list_allows() {
        for name in ["PATH", "LC_ALL", "CUDA_VISIBLE_DEVICES"] {
            assert!(is_passed(name), "{name}");
        }
        for name in ["OMP_NUM_THREADS", "LD_PRELOAD", "PYTORCH_CUDA_ALLOC_CONF", "SSH_AUTH_SOCK", "LC_\u{1b}", "LC_a b"]
        {
            assert!(!is_passed(name), "{name}");
        }
        for name in ["HLB_BENCH_RUNNER_KEY", "HLB_BENCH_CACHE", "SIMULATED_PIDS"] {
            assert!(!is_passed(name), "{name}");
        }
        let set = |deterministic| passed(deterministic).contains_key("CUBLAS_WORKSPACE_CONFIG");
        assert!(set(true) && !set(false) && passed(false).contains_key("CUDA_DEVICE_ORDER"));
    }
}
