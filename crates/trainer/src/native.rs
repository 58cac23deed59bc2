//! Our own C++ (`csrc`), for what tch does not bind.
#![expect(unsafe_code, reason = "C++ is called; there is no binding")]

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use tch::Tensor;

/// An `at::Tensor`, which is what tch's pointers point to.
type Pointer = *const torch_sys::C_tensor;

// SAFETY: the signatures are those of `csrc/sgd.cpp`, `csrc/celu.cpp`, `csrc/small_maps.cpp` and `csrc/graph.cpp`.
unsafe extern "C" {
    fn hlb_aside_enter(entered: *mut *mut c_void) -> *const c_char;
    fn hlb_aside_leave(aside: *mut c_void) -> *const c_char;
    fn hlb_graph_begin(begun: *mut *mut c_void, shared: *mut c_void) -> *const c_char;
    fn hlb_graph_end(graph: *mut c_void) -> *const c_char;
    fn hlb_graph_abandon(graph: *mut c_void);
    fn hlb_graph_replay(graph: *mut c_void) -> *const c_char;
    fn hlb_graph_free(graph: *mut c_void);
    fn hlb_empty_cache() -> *const c_char;
    fn hlb_celu(input: Pointer, alpha: f64, output: *mut *mut torch_sys::C_tensor) -> *const c_char;
    fn hlb_small_maps(maps: Pointer, weight: Pointer, output: *mut *mut torch_sys::C_tensor) -> *const c_char;
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

/// What a step of SGD is computed with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sgd {
    pub rate: f64,
    pub decay: f64,
    pub momentum: f64,
    pub nesterov: bool,
}

/// One step of libtorch's fused SGD on a flat tensor of parameters. It has no first step: the momentum begins at zero.
pub(crate) fn fused_sgd(parameters: &Tensor, gradient: &Tensor, momentum: &Tensor, step: Sgd) {
    // *Why not 0:* PyTorch then leaves the momentum as it is, and the first gradient after that would be forgotten.
    let mu = step.momentum.max(f64::MIN_POSITIVE);
    let Sgd { rate, decay, nesterov, .. } = step;
    // SAFETY: three tensors of one length and format that live until it returns.
    check(unsafe {
        hlb_fused_sgd(parameters.as_ptr(), gradient.as_ptr(), momentum.as_ptr(), rate, decay, mu, nesterov)
    });
}

/// libtorch's CELU with an `alpha`, which tch's has not.
pub(crate) fn celu(input: &Tensor, alpha: f64) -> Tensor {
    let mut output = ptr::null_mut();
    // SAFETY: the tensor lives until it returns; what is written, unless it failed, is ours.
    unsafe {
        check(hlb_celu(input.as_ptr(), alpha, &raw mut output));
        Tensor::from_ptr(output)
    }
}

/// A 3x3 convolution with a border of zeros, whose weights' gradient is a product of matrices.
///
/// *Why:* for maps of 16 pixels and less with many channels, libtorch's in 16 bits takes twice to four times as long on a CPU.
pub(crate) fn conv_of_small_maps(maps: &Tensor, weight: &Tensor) -> Tensor {
    let mut output = ptr::null_mut();
    // SAFETY: both tensors live until it returns; what is written, unless it failed, is ours.
    unsafe {
        check(hlb_small_maps(maps.as_ptr(), weight.as_ptr(), &raw mut output));
        Tensor::from_ptr(output)
    }
}

/// Work of a GPU that was captured once and is replayed at one call. It reads and writes the memory that it was captured with.
#[derive(Debug)]
pub(crate) struct CudaGraph(*mut c_void);

impl CudaGraph {
    /// Captures `work`, which must use no number that it has to wait for, and what it gives: tensors that each replay fills
    /// anew. It takes its memory from that of `shared`. Fails as tch does, and then everything is as it was before.
    ///
    /// `work` is done a few times before, since what is done for the first time may ask for what cannot be captured.
    pub(crate) fn capture<T>(shared: Option<&Self>, mut work: impl FnMut() -> T) -> (Self, T) {
        let _aside = Aside::enter();
        for _ in 0..REHEARSALS {
            work();
        }
        let capture = Capture::begin(shared);
        let made = work();
        (capture.end(), made)
    }

    /// Does the work, on the current stream.
    pub(crate) fn replay(&self) {
        // SAFETY: the graph was captured to its end and lives.
        check(unsafe { hlb_graph_replay(self.0) });
    }
}

impl Drop for CudaGraph {
    fn drop(&mut self) {
        // SAFETY: the graph was captured to its end and is not used any more.
        unsafe { hlb_graph_free(self.0) }
    }
}

/// Times that work is done before it is captured; PyTorch advises a few.
const REHEARSALS: u32 = 2;

/// A stream of its own, until dropped: the default one cannot be captured.
struct Aside(*mut c_void);

impl Aside {
    fn enter() -> Self {
        let mut entered = ptr::null_mut();
        // SAFETY: one pointer is written.
        check(unsafe { hlb_aside_enter(&raw mut entered) });
        Self(entered)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // SAFETY: it was entered and is left once. What fails here fails again at the next call of libtorch, which says so.
        let _ = unsafe { text(hlb_aside_leave(self.0)) };
    }
}

/// A capture that goes on, abandoned if dropped.
struct Capture(*mut c_void);

impl Capture {
    fn begin(shared: Option<&CudaGraph>) -> Self {
        let mut begun = ptr::null_mut();
        // SAFETY: one pointer is written, before anything can fail that is to be cleaned up; `shared` lives.
        let failed =
            unsafe { text(hlb_graph_begin(&raw mut begun, shared.map_or(ptr::null_mut(), |shared| shared.0))) };
        let capture = Self(begun);
        if let Some(failed) = failed {
            drop(capture);
            fail_as_tch(&failed);
        }
        capture
    }

    fn end(self) -> CudaGraph {
        // SAFETY: the capture goes on.
        check(unsafe { hlb_graph_end(self.0) });
        let graph = CudaGraph(self.0);
        std::mem::forget(self);
        graph
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the capture was begun and is abandoned once.
            unsafe { hlb_graph_abandon(self.0) }
        }
    }
}

/// Gives all memory of the GPU back that is not in use.
pub(crate) fn empty_cache() {
    // SAFETY: nothing is asked of the caller.
    check(unsafe { hlb_empty_cache() });
}

/// The text of what failed, if anything did.
pub(crate) unsafe fn text(returned: *const c_char) -> Option<String> {
    // SAFETY: our C++ returns null or a text that lives until the thread's next call.
    let text = (!returned.is_null()).then(|| unsafe { CStr::from_ptr(returned) });
    text.map(|text| text.to_string_lossy().into_owned())
}

/// Fails as tch does where our C++ returns a text.
pub(crate) fn check(returned: *const c_char) {
    // SAFETY: it was just returned.
    if let Some(failed) = unsafe { text(returned) } {
        fail_as_tch(&failed);
    }
}

/// Panics in tch's words, which [`crate::explain`] reads.
fn fail_as_tch(text: &str) -> ! {
    panic!("Torch({text:?})")
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn a_convolution_of_small_maps_has_libtorchs_gradients() {
        tch::manual_seed(1);
        let made = |size: [i64; 4]| Tensor::randn(size, (Kind::Double, Device::Cpu));
        for [images, inputs, outputs, rows, columns] in [[3, 5, 4, 4, 4], [2, 6, 7, 2, 3], [1, 2, 2, 1, 1]] {
            let (maps, weight) = (made([images, inputs, rows, columns]), made([outputs, inputs, 3, 3]));
            let upstream = made([images, outputs, rows, columns]);
            let gradients = |conv: &dyn Fn(&Tensor, &Tensor) -> Tensor| {
                let (maps, weight) = (maps.detach().copy(), weight.detach().copy());
                let (maps, weight) = (maps.set_requires_grad(true), weight.set_requires_grad(true));
                let output = conv(&maps, &weight);
                (&output * &upstream).sum(Kind::Double).backward();
                [output.detach(), maps.grad(), weight.grad()]
            };
            let expected = gradients(&|maps, weight| maps.conv2d(weight, None::<&Tensor>, 1, 1, 1, 1));
            for (expected, found) in expected.iter().zip(gradients(&conv_of_small_maps)) {
                assert_eq!(expected.size(), found.size());
                assert!((expected - found).abs().max().double_value(&[]) < 1e-12, "{:?}", maps.size());
            }
        }
    }
}
