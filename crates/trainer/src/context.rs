//! Switches of libtorch that tch has no binding for: its own C++ functions are called by their symbols.

use std::ffi::c_void;

use libloading::os::unix::Library;

/// The object of libtorch that holds its switches; opaque here.
type Object = *mut c_void;

/// `at::globalContext()`.
const GLOBAL: &[u8] = b"_ZN2at13globalContextEv";

/// `at::Context::setDeterministicAlgorithms(bool on, bool warn_only)`.
const SET_DETERMINISTIC: &[u8] = b"_ZN2at7Context26setDeterministicAlgorithmsEbb";

/// `at::Context::deterministicAlgorithms() const`.
const IS_DETERMINISTIC: &[u8] = b"_ZNK2at7Context23deterministicAlgorithmsEv";

/// What else is switched on for determinism: the algorithms of cuDNN and of oneDNN, and memory that is filled before its first
/// use, so that a read too early gives the same each time.
const DETERMINISM: [&[u8]; 3] = [
    b"_ZN2at7Context21setDeterministicCuDNNEb",
    b"_ZN2at7Context22setDeterministicMkldnnEb",
    b"_ZN2at7Context39setDeterministicFillUninitializedMemoryEb",
];

/// TF32 in the convolutions of cuDNN, which libtorch has on unless told, and in the products of cuBLAS.
const TF32: [&[u8]; 2] = [b"_ZN2at7Context17setAllowTF32CuDNNEb", b"_ZN2at7Context18setAllowTF32CuBLASEb"];

/// `at::native::_cudnn_set_conv_benchmark_empty_cache(bool on)`.
const EMPTY_CACHE: &[u8] = b"_ZN2at6native37_cudnn_set_conv_benchmark_empty_cacheEb";

/// Asks for deterministic algorithms; whether libtorch then confirms them.
pub(crate) fn set_deterministic() -> Result<bool, libloading::Error> {
    DETERMINISM.iter().try_for_each(|name| switch(name, true))?;
    let own = Library::this();
    #[expect(unsafe_code, reason = "C++ functions are called by their symbols; there is no binding")]
    // SAFETY: as in `switch`; the last returns a `bool`.
    unsafe {
        let global = own.get::<extern "C" fn() -> Object>(GLOBAL)?;
        let set = own.get::<extern "C" fn(Object, bool, bool)>(SET_DETERMINISTIC)?;
        let is_set = own.get::<extern "C" fn(Object) -> bool>(IS_DETERMINISTIC)?;
        set(global(), true, false);
        Ok(is_set(global()))
    }
}

/// Lets products on CUDA keep 10 bits of the fraction, or all.
pub(crate) fn set_tf32(on: bool) -> Result<(), libloading::Error> {
    TF32.iter().try_for_each(|name| switch(name, on))
}

/// Lets cuDNN keep its memory while it times algorithms.
///
/// *Why:* libtorch frees all unused memory before each search, so whatever runs next has to ask the driver for it again: the
/// first run of a session would be slower than the others.
pub(crate) fn keep_memory_in_searches() -> Result<(), libloading::Error> {
    #[expect(unsafe_code, reason = "C++ functions are called by their symbols; there is no binding")]
    // SAFETY: the symbol's name holds the signature (Itanium C++ ABI): one `bool`; it returns nothing and does not throw.
    unsafe {
        Library::this().get::<extern "C" fn(bool)>(EMPTY_CACHE)?(false);
    }
    Ok(())
}

/// Calls a `void at::Context::set...(bool on)`.
fn switch(name: &[u8], on: bool) -> Result<(), libloading::Error> {
    let own = Library::this();
    #[expect(unsafe_code, reason = "C++ functions are called by their symbols; there is no binding")]
    // SAFETY: each symbol's name holds its whole signature but what it returns (Itanium C++ ABI), which libtorch's
    // `ATen/Context.h` says: a reference to an object of static lifetime, which is the `this` of all the others, and nothing.
    // None throws.
    unsafe {
        let global = own.get::<extern "C" fn() -> Object>(GLOBAL)?;
        own.get::<extern "C" fn(Object, bool)>(name)?(global(), on);
    }
    Ok(())
}
