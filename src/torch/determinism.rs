//! Asks libtorch for deterministic algorithms, and takes the fingerprint of a model.

use sha2::{Digest as _, Sha256};
use tch::{Cuda, Device, Tensor};

use hlb_bench::trainer::TrainError;

/// Makes libtorch choose deterministic algorithms, or fail where it has none. Call it before the first tensor is made; on CUDA
/// `CUBLAS_WORKSPACE_CONFIG` has to be in the environment by then.
///
/// tch has no binding for it, so libtorch's own C++ functions are called by their symbols.
pub(crate) fn ask_for_deterministic_algorithms() -> Result<(), TrainError> {
    Cuda::cudnn_set_benchmark(false);
    let missing = |error: libloading::Error| {
        TrainError(format!("--deterministic cannot be asked of this libtorch, it lacks a function: {error}"))
    };
    let own = libloading::os::unix::Library::this();
    #[expect(unsafe_code, reason = "a C++ function is called by its symbol; there is no binding")]
    // SAFETY: the symbols' names hold their whole signatures (Itanium C++ ABI): `at::globalContext()` returns a reference to
    // an object of static lifetime, which is the `this` of the other two, and those take plain `bool`s and return nothing.
    unsafe {
        let global =
            own.get::<extern "C" fn() -> *mut std::ffi::c_void>(b"_ZN2at13globalContextEv").map_err(missing)?;
        let algorithms = own
            .get::<extern "C" fn(*mut std::ffi::c_void, bool, bool)>(b"_ZN2at7Context26setDeterministicAlgorithmsEbb")
            .map_err(missing)?;
        let cudnn = own
            .get::<extern "C" fn(*mut std::ffi::c_void, bool)>(b"_ZN2at7Context21setDeterministicCuDNNEb")
            .map_err(missing)?;
        let context = global();
        algorithms(context, true, false);
        cudnn(context, true);
    }
    Ok(())
}

/// The first 8 bytes of SHA-256 over the exact bits of a tensor.
pub(crate) fn digest(tensor: &Tensor) -> u64 {
    let here = tensor.detach().to_device(Device::Cpu).contiguous();
    let mut bytes = vec![0; here.numel() * here.kind().elt_size_in_bytes()];
    here.copy_data_u8(&mut bytes, here.numel());
    let digest = Sha256::digest(&bytes);
    digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}
