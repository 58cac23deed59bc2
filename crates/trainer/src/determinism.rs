//! Asks libtorch for deterministic algorithms, and takes the fingerprint of a model.

use std::ffi::c_void;

use sha2::{Digest as _, Sha256};
use tch::{Device, Tensor};

use hlb_protocol::trainer::TrainError;

/// The object of libtorch that holds its switches; opaque here.
type Context = *mut c_void;

/// `at::globalContext()`.
const GLOBAL: &[u8] = b"_ZN2at13globalContextEv";

/// `at::Context::setDeterministicAlgorithms(bool on, bool warn_only)`.
const SET: &[u8] = b"_ZN2at7Context26setDeterministicAlgorithmsEbb";

/// `at::Context::deterministicAlgorithms() const`.
const IS_SET: &[u8] = b"_ZNK2at7Context23deterministicAlgorithmsEv";

/// The other switches, each a `void at::Context::set...(bool on)`: the algorithms of cuDNN and of oneDNN, and memory that is
/// filled before its first use, so that a read too early gives the same each time.
const SWITCHES: [&[u8]; 3] = [
    b"_ZN2at7Context21setDeterministicCuDNNEb",
    b"_ZN2at7Context22setDeterministicMkldnnEb",
    b"_ZN2at7Context39setDeterministicFillUninitializedMemoryEb",
];

/// Makes libtorch choose deterministic algorithms for the life of the process; an operation that has none fails from then on.
///
/// Call it before the first tensor is made. On CUDA `CUBLAS_WORKSPACE_CONFIG=:4096:8` has to be in the environment before the
/// process starts, and cuDNN must not choose by timing: see [`Engine::choose`](crate::Engine::choose).
/// tch has no binding for any of it, so libtorch's own C++ functions are called by their symbols.
///
/// # Errors
/// A libtorch that lacks one of the functions, or that does not confirm what was asked of it.
pub fn ask_for_deterministic_algorithms() -> Result<(), TrainError> {
    let refused = |why: String| TrainError(format!("--deterministic cannot be asked of this libtorch: {why}"));
    match switch_all_on() {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused("it goes on without".to_owned())),
        Err(error) => Err(refused(format!("it lacks a function: {error}"))),
    }
}

/// Switches everything on; whether libtorch then confirms deterministic algorithms.
fn switch_all_on() -> Result<bool, libloading::Error> {
    let own = libloading::os::unix::Library::this();
    #[expect(unsafe_code, reason = "C++ functions are called by their symbols; there is no binding")]
    // SAFETY: each symbol's name holds its whole signature but what it returns (Itanium C++ ABI), which libtorch's
    // `ATen/Context.h` says: a reference to an object of static lifetime, which is the `this` of all the others; nothing; and
    // for the last a `bool`. None throws.
    unsafe {
        let global = own.get::<extern "C" fn() -> Context>(GLOBAL)?;
        let set = own.get::<extern "C" fn(Context, bool, bool)>(SET)?;
        let is_set = own.get::<extern "C" fn(Context) -> bool>(IS_SET)?;
        for name in SWITCHES {
            own.get::<extern "C" fn(Context, bool)>(name)?(global(), true);
        }
        set(global(), true, false);
        Ok(is_set(global()))
    }
}

/// The first 8 bytes of SHA-256 over the exact bits of a tensor.
pub fn digest(tensor: &Tensor) -> u64 {
    let here = tensor.detach().to_device(Device::Cpu).contiguous();
    let mut bytes = vec![0; here.numel() * here.kind().elt_size_in_bytes()];
    here.copy_data_u8(&mut bytes, here.numel());
    let digest = Sha256::digest(&bytes);
    digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}
