//! Our own C++ (`csrc`), for what tch does not bind.

use std::ffi::{CStr, c_char};

use tch::Tensor;

use crate::sgd::Sgd;

/// An `at::Tensor`, which is what tch's pointers point to.
type Pointer = *const torch_sys::C_tensor;

#[expect(unsafe_code, reason = "C++ is called; there is no binding")]
// SAFETY: the signatures are those of `csrc/sgd.cpp`.
unsafe extern "C" {
    fn hlb_fused_sgd(
        parameters: Pointer,
        gradient: Pointer,
        momentum: Pointer,
        rate: f64,
        decay: f64,
        mu: f64,
        nesterov: bool,
    ) -> *const c_char;
}

/// One step of libtorch's fused SGD on a flat tensor of parameters. It has no first step: the momentum begins at zero.
pub(crate) fn fused_sgd(parameters: &Tensor, gradient: &Tensor, momentum: &Tensor, step: Sgd) {
    // *Why not 0:* PyTorch then leaves the momentum as it is, and the first gradient after that would be forgotten.
    let mu = step.momentum.max(f64::MIN_POSITIVE);
    let Sgd { rate, decay, nesterov, .. } = step;
    #[expect(unsafe_code, reason = "C++ is called; there is no binding")]
    // SAFETY: three tensors of one length and format that live until it returns.
    let failed = unsafe {
        text(hlb_fused_sgd(parameters.as_ptr(), gradient.as_ptr(), momentum.as_ptr(), rate, decay, mu, nesterov))
    };
    if let Some(failed) = failed {
        fail_as_tch(&failed);
    }
}

/// The text of what failed, if anything did.
#[expect(unsafe_code, reason = "C++ is called; there is no binding")]
unsafe fn text(returned: *const c_char) -> Option<String> {
    // SAFETY: our C++ returns null or a text that lives until the thread's next call.
    let text = (!returned.is_null()).then(|| unsafe { CStr::from_ptr(returned) });
    text.map(|text| text.to_string_lossy().into_owned())
}

/// Panics in tch's words, which [`crate::explain`] reads.
fn fail_as_tch(text: &str) -> ! {
    panic!("Torch({text:?})")
}
