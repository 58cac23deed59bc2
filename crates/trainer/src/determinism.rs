//! Asks libtorch for deterministic algorithms, and takes the fingerprint of a model.

use sha2::{Digest as _, Sha256};
use tch::{Device, Tensor};

use crate::context::set_deterministic;
use crate::cuda::complaint;
use hlb_protocol::trainer::TrainError;

/// Makes libtorch choose deterministic algorithms for the life of the process; an operation that has none fails from then on.
///
/// Call it before the first tensor is made. On CUDA `CUBLAS_WORKSPACE_CONFIG=:4096:8` has to be in the environment before the
/// process starts, and cuDNN must not choose by timing: see [`Engine::choose`](crate::Engine::choose).
///
/// # Errors
/// A libtorch that lacks one of the functions, or that does not confirm what was asked of it.
pub fn ask_for_deterministic_algorithms() -> Result<(), TrainError> {
    let refused = |why: String| TrainError(format!("--deterministic cannot be asked of this libtorch: {why}"));
    match set_deterministic() {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused("it goes on without".to_owned())),
        Err(error) => Err(refused(format!("it lacks a function: {}", complaint(&error)))),
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
