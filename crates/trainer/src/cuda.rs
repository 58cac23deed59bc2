//! The CUDA half of libtorch: loaded where the machine has an NVIDIA driver, and asked why it can use no GPU.

use std::error::Error as _;
use std::ffi::{CStr, c_char, c_int};
use std::path::Path;

use hlb_protocol::job::{CudaVersions, GpuIdentity};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY, RTLD_NOW};

/// The driver's control device.
const DEVICE: &str = "/dev/nvidiactl";

/// The driver's own library, by which it shows in Windows' subsystem for Linux, too.
const DRIVER: &str = "libcuda.so.1";

/// Loads the CUDA half of libtorch where the machine has an NVIDIA driver; the reason if that fails, or if CUDA finds no GPU
/// that it can use.
///
/// *Why:* the program links only the CPU half, so that one binary serves machines without a GPU. It has to be the
/// first thing in `main`: libtorch decides once, at the first question about CUDA, whether it is there.
pub fn load_cuda_if_there_is_a_driver() -> Result<(), String> {
    if !has_driver() {
        return Ok(());
    }
    let library = open("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL).map_err(|error| {
        format!("{}; install libtorch's CUDA libraries with `make setup CUDA=1`", complaint(&error))
    })?;
    // Leaked on purpose: its kernels are registered for the life of the process.
    std::mem::forget(library);
    if tch::Cuda::is_available() { Ok(()) } else { Err(why_no_gpu()) }
}

fn has_driver() -> bool {
    Path::new(DEVICE).exists() || open(DRIVER, RTLD_LAZY).is_ok()
}

fn open(name: &str, flags: c_int) -> Result<Library, libloading::Error> {
    #[expect(unsafe_code, reason = "loading a library runs its constructors; there is no safe way")]
    // SAFETY: the constructors of libtorch_cuda register kernels, those of the driver's library set up its own data; neither
    // touches anything of ours, and no thread runs yet.
    unsafe {
        Library::open(Some(name), flags)
    }
}

/// What the loader says: libloading keeps its text in the source.
pub(crate) fn complaint(error: &libloading::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Why CUDA counts no GPU, and what to do.
fn why_no_gpu() -> String {
    match count_gpus() {
        Ok((0, 0)) => explain(100, "no CUDA-capable device is detected"),
        Ok((0, _)) => "CUDA finds a GPU, but libtorch cannot use it; see `nvidia-smi`".to_owned(),
        // So it is answered, too, where there is no driver's library at all.
        Ok((35, _)) if open(DRIVER, RTLD_LAZY).is_err() => format!(
            "the driver's library `{DRIVER}` is not there; start the container with the driver capability `compute`, or \
             install the driver"
        ),
        Ok((code, _)) => explain(code, &error_text(code)),
        Err(error) => format!("the CUDA runtime cannot be asked: {}", complaint(&error)),
    }
}

/// The GPU that CUDA numbers 0, as it names it itself; `None` without one.
pub fn first_gpu() -> Option<GpuIdentity> {
    if !tch::Cuda::is_available() {
        return None;
    }
    let own = Library::this();
    #[expect(unsafe_code, reason = "C++ functions are called by their symbols; there is no binding")]
    // SAFETY: the symbol's name holds the signature (Itanium C++ ABI); it returns a pointer to properties of static lifetime,
    // which begin with 256 characters of a name that ends with a zero, and 16 bytes of a UUID (`driver_types.h` of CUDA 13).
    unsafe {
        let properties = own.get::<extern "C-unwind" fn(i8) -> *const c_char>(PROPERTIES).ok()?;
        let begin = properties(0);
        let name = CStr::from_ptr(begin).to_string_lossy().into_owned();
        let uuid: [u8; 16] = begin.add(NAME_LENGTH).cast::<[u8; 16]>().read_unaligned();
        Some(GpuIdentity { name, uuid: uuid_text(uuid) })
    }
}

/// `at::cuda::getDeviceProperties(signed char device)`.
const PROPERTIES: &[u8] = b"_ZN2at4cuda19getDevicePropertiesEa";

/// Bytes of the name in the properties of a GPU.
const NAME_LENGTH: usize = 256;

/// As NVML writes it.
fn uuid_text(bytes: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(bytes));
    let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    format!("GPU-{}", groups.join("-"))
}

/// Versions of the libraries that compute on a GPU; `None` where there is none.
pub fn cuda_versions() -> Option<CudaVersions> {
    tch::Cuda::is_available().then(|| CudaVersions {
        runtime: runtime_version(),
        cudnn: own_version(b"cudnnGetVersion"),
        cublas_lt: own_version(b"cublasLtGetVersion"),
    })
}

fn runtime_version() -> Option<u64> {
    let own = Library::this();
    #[expect(unsafe_code, reason = "the CUDA runtime is called by its symbols; there is no binding")]
    // SAFETY: the signature is that of CUDA 13's `cuda_runtime_api.h`; the function writes one int.
    unsafe {
        let ask = own.get::<extern "C" fn(*mut c_int) -> c_int>(b"cudaRuntimeGetVersion").ok()?;
        let mut version = 0;
        (ask(&raw mut version) == 0).then(|| u64::try_from(version).ok()).flatten()
    }
}

/// The number that a library's own function returns.
fn own_version(function: &[u8]) -> Option<u64> {
    let own = Library::this();
    #[expect(unsafe_code, reason = "the libraries of CUDA are called by their symbols; there is no binding")]
    // SAFETY: both functions take nothing and return a `size_t` (`cudnn_graph.h`, `cublasLt.h`).
    unsafe {
        own.get::<extern "C" fn() -> usize>(function).ok().and_then(|version| u64::try_from(version()).ok())
    }
}

/// The error number and the count of `cudaGetDeviceCount`.
fn count_gpus() -> Result<(c_int, c_int), libloading::Error> {
    let own = Library::this();
    #[expect(unsafe_code, reason = "the CUDA runtime is called by its symbols; there is no binding")]
    // SAFETY: the signature is that of CUDA 13's `cuda_runtime_api.h`; the function writes one int.
    unsafe {
        let count = own.get::<extern "C" fn(*mut c_int) -> c_int>(b"cudaGetDeviceCount")?;
        let mut found = 0;
        let code = count(&raw mut found);
        Ok((code, found))
    }
}

/// The runtime's own words for an error number.
fn error_text(code: c_int) -> String {
    let own = Library::this();
    #[expect(unsafe_code, reason = "the CUDA runtime is called by its symbols; there is no binding")]
    // SAFETY: the signature is that of CUDA 13's `cuda_runtime_api.h`; it returns a text of static lifetime.
    unsafe {
        let text = own.get::<extern "C" fn(c_int) -> *const c_char>(b"cudaGetErrorString");
        text.map_or_else(|_| "unknown".to_owned(), |text| CStr::from_ptr(text(code)).to_string_lossy().into_owned())
    }
}

/// Number and text of an error of CUDA, what it means, and the next step.
fn explain(code: c_int, text: &str) -> String {
    format!("CUDA error {code} ({text}): {}", meaning(code))
}

/// Errors of `cudaGetDeviceCount`, as `driver_types.h` of CUDA 13 numbers them.
fn meaning(code: c_int) -> &'static str {
    match code {
        2 => "the memory of the GPU is full; see in `nvidia-smi` who uses it",
        3 | 999 => {
            "the driver cannot be initialized, as where `/dev/nvidia-uvm` is missing or closed to this user; run \
             `nvidia-modprobe -c0 -u` as root, or start the container with all of the GPU's devices"
        }
        35 => "the driver is older than CUDA 13 needs; install driver 580 or newer",
        46 => {
            "the GPU is in exclusive use, or in MIG mode without an instance; see `nvidia-smi -q -d COMPUTE,MIG`, then \
             `nvidia-smi -c DEFAULT`, or name an instance in CUDA_VISIBLE_DEVICES"
        }
        100 | 101 => {
            "no GPU can be seen; see `nvidia-smi`, CUDA_VISIBLE_DEVICES, and in a container its option for GPUs (`--gpus`)"
        }
        214 => "the memory of the GPU has an error that ECC cannot correct; reset the GPU or start the machine again",
        304 => "the system refused a call of the driver; look at the permissions of `/dev/nvidia*`",
        802 => {
            "the NVLink fabric is not ready; start `nvidia-fabricmanager` in the version of the driver, and wait until \
             `nvidia-smi -q` says that the fabric is completed"
        }
        803 => {
            "the driver's library and its kernel module are of different versions; start the machine again, or the \
             container anew"
        }
        804 => {
            "the compatibility library of CUDA does not serve this GPU; take it out of LD_LIBRARY_PATH, and install \
             driver 580 or newer"
        }
        _ => "see `nvidia-smi` and the kernel's log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_written_as_nvml_writes_it() {
        let bytes = std::array::from_fn(|index| u8::try_from(index * 16 + 1).expect("under 256"));
        assert_eq!(uuid_text(bytes), "GPU-01112131-4151-6171-8191-a1b1c1d1e1f1");
    }
}
