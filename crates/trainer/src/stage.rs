//! What stands between two convolutions, as one operation: pooling, normalization, activation and the sum with a residual.
//!
//! *Why:* libtorch's own operations read and write every number several times; on the CPU they take as long as the
//! convolutions.

use std::ffi::{CStr, c_char};
use std::ptr;

use tch::{Kind, Tensor};
use torch_sys::C_tensor;

use hlb_recipe::Activation;

/// Channels that the loops take at once.
pub(crate) const LANES: i64 = 16;

/// Where the residual is added.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Join<'a> {
    /// There is none.
    None,
    /// To what is activated.
    BeforeActivation(&'a Tensor),
    /// To what was activated.
    AfterActivation(&'a Tensor),
}

/// A stage; statistics are updated where it trains.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    /// `[images, channels, rows, columns]`.
    pub input: &'a Tensor,
    /// One of each a channel.
    pub bias: &'a Tensor,
    pub mean: &'a Tensor,
    pub variance: &'a Tensor,
    pub join: Join<'a>,
    /// Whether it halves rows and columns before it normalizes.
    pub pools: bool,
    pub training: bool,
    pub activation: Activation,
    pub momentum: f64,
    pub eps: f64,
}

/// The same for the C++ of `csrc/stage.cpp`.
#[repr(C)]
struct Wanted {
    input: *const C_tensor,
    bias: *const C_tensor,
    mean: *const C_tensor,
    variance: *const C_tensor,
    joined: *const C_tensor,
    momentum: f64,
    eps: f64,
    pools: i32,
    training: i32,
    activation: i32,
    join: i32,
}

#[expect(unsafe_code, reason = "the C++ beside libtorch is declared by hand")]
// SAFETY: the signatures are those of `csrc/stage.cpp`.
unsafe extern "C" {
    fn hlb_stage(wanted: *const Wanted) -> *mut C_tensor;
    #[cfg(test)]
    fn hlb_stage_widest(registers: i32);
    fn hlb_complaint() -> *const c_char;
}

impl Stage<'_> {
    /// Whether the loops know its numbers: maps on the CPU, in single precision or bfloat16, and single-precision statistics.
    pub(crate) fn is_known(&self) -> bool {
        let numbers = matches!(self.input.kind(), Kind::Float | Kind::BFloat16);
        let maps = self.input.device() == tch::Device::Cpu && self.input.size()[1] % LANES == 0;
        maps && numbers && self.mean.kind() == Kind::Float && self.mean.size() == self.bias.size()
    }

    /// `[images, channels, rows, columns]`, the rows and columns halved where it pools.
    ///
    /// # Panics
    ///
    /// As tch's operations do, with libtorch's text.
    pub(crate) fn apply(&self) -> Tensor {
        let (join, joined) = match self.join {
            Join::None => (0, ptr::null()),
            Join::BeforeActivation(other) => (1, other.as_ptr()),
            Join::AfterActivation(other) => (2, other.as_ptr()),
        };
        let wanted = Wanted {
            input: self.input.as_ptr(),
            bias: self.bias.as_ptr(),
            mean: self.mean.as_ptr(),
            variance: self.variance.as_ptr(),
            joined,
            momentum: self.momentum,
            eps: self.eps,
            pools: self.pools.into(),
            training: self.training.into(),
            activation: match self.activation {
                Activation::Gelu => 0,
                Activation::Silu => 1,
                Activation::Relu => 2,
                Activation::Identity => 3,
            },
            join,
        };
        #[expect(unsafe_code, reason = "the C++ beside libtorch is declared by hand")]
        // SAFETY: the tensors outlive the call; what comes back is ours, or null, and then the text lives until the next call.
        unsafe {
            let found = hlb_stage(&raw const wanted);
            assert!(!found.is_null(), "{}", CStr::from_ptr(hlb_complaint()).to_string_lossy());
            Tensor::from_ptr(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    const MOMENTUM: f64 = 0.3;
    const EPS: f64 = 1e-5;

    /// What a stage changes or gives back: output, running statistics, and gradients of input, bias and residual.
    type Found = Vec<(&'static str, Tensor)>;

    /// Numbers that differ from each other, the same in each format.
    fn waves(size: &[i64], pace: f64) -> Tensor {
        let count: i64 = size.iter().product();
        (Tensor::arange(count, (Kind::Double, Device::Cpu)) * pace).sin().view(size)
    }

    /// A stage of 5 images with 32 channels and 7 rows of 9 pixels, as one operation or as libtorch's own.
    fn passed(kind: Kind, (join, pools, activation): (usize, bool, Activation), fused: bool) -> Found {
        let leaf = |tensor: Tensor, kind| tensor.to_kind(kind).set_requires_grad(true);
        let map = |rows, columns, pace: f64, by: f64| {
            let numbers = waves(&[5, rows, columns, 32], pace) * by + 3.0;
            leaf(numbers.to_kind(Kind::BFloat16).permute([0, 3, 1, 2]), kind)
        };
        let norms = if kind == Kind::Double { Kind::Double } else { Kind::Float };
        let (input, bias) = (map(7, 9, 0.37, 2.0), leaf(waves(&[32], 0.9), norms));
        let other = if pools { map(3, 4, 0.11, 1.0) } else { map(7, 9, 0.11, 1.0) };
        let (mean, variance) = (waves(&[32], 0.2).to_kind(norms), (waves(&[32], 0.3) + 1.5).to_kind(norms));
        let join = [Join::None, Join::BeforeActivation(&other), Join::AfterActivation(&other)][join];
        let output = if fused {
            let (input, bias, mean, variance) = (&input, &bias, &mean, &variance);
            let (momentum, eps) = (MOMENTUM, EPS);
            let stage = Stage { input, bias, mean, variance, join, pools, training: true, activation, momentum, eps };
            assert!(stage.is_known());
            stage.apply()
        } else {
            plain(&input, (&bias, &mean, &variance), pools, join, activation)
        };
        let weights = waves(&output.size(), 0.77).to_kind(kind);
        (&output * weights).sum(Kind::Double).backward();
        let mut found = vec![("output", output), ("mean", mean), ("variance", variance)];
        found.extend([("input's gradient", input.grad()), ("bias's gradient", bias.grad())]);
        if !matches!(join, Join::None) {
            found.push(("residual's gradient", other.grad()));
        }
        found
    }

    fn plain(
        input: &Tensor,
        norm: (&Tensor, &Tensor, &Tensor),
        pools: bool,
        join: Join,
        activation: Activation,
    ) -> Tensor {
        let pooled = if pools { input.max_pool2d(2, 2, 0, 1, false) } else { input.shallow_clone() };
        let (bias, mean, variance) = norm;
        let ones = bias.ones_like();
        let normal = pooled.batch_norm(Some(&ones), Some(bias), Some(mean), Some(variance), true, MOMENTUM, EPS, false);
        let activate = |tensor: &Tensor| match activation {
            Activation::Gelu => tensor.gelu("none"),
            Activation::Silu => tensor.silu(),
            Activation::Relu => tensor.relu(),
            Activation::Identity => tensor.shallow_clone(),
        };
        match join {
            Join::None => activate(&normal),
            Join::BeforeActivation(other) => activate(&(normal + other)),
            Join::AfterActivation(other) => activate(&normal) + other,
        }
    }

    #[test]
    fn a_stage_gives_what_the_operations_of_libtorch_give() {
        for registers in 0..3 {
            #[expect(unsafe_code, reason = "the C++ beside libtorch is declared by hand")]
            // SAFETY: it takes a whole number, and no other test of this program makes stages.
            unsafe {
                hlb_stage_widest(registers);
            }
            compare_stages();
        }
    }

    fn compare_stages() {
        let activations = [Activation::Gelu, Activation::Silu, Activation::Relu, Activation::Identity];
        for (join, pools, activation) in (0..24).map(|case| (case % 3, case / 3 % 2 == 1, activations[case / 6])) {
            let case = (join, pools, activation);
            let exact = passed(Kind::Double, case, false);
            for (kind, bound) in [(Kind::Float, 2e-6), (Kind::BFloat16, 1e-2)] {
                for ((what, exact), (_, found)) in exact.iter().zip(passed(kind, case, true)) {
                    let error = (found.to_kind(Kind::Double) - exact).abs().max().double_value(&[]);
                    let size = exact.abs().max().double_value(&[]);
                    assert!(error <= bound * size.max(1.0), "{what} of {case:?} in {kind:?}: {error} of {size}");
                }
            }
        }
    }
}
