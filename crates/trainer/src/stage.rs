//! What stands between two convolutions, as one operation: pooling, normalization, activation and the sum with a residual.
//!
//! *Why:* libtorch's own operations read and write every number several times; on the CPU they take half as long as the
//! convolutions.

use std::ffi::c_char;
use std::ptr;

use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

use crate::native::check;
use hlb_recipe::Activation;

/// Channels that the loops take at once.
const LANES: i64 = 16;

/// Channels that a thread of a GPU takes at once.
const GPU_LANES: i64 = 8;

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
    fn hlb_stage(wanted: *const Wanted, output: *mut *mut C_tensor) -> *const c_char;
    #[cfg(test)]
    fn hlb_stage_widest(registers: i32);
    #[cfg(test)]
    fn hlb_stage_emulate(on: bool);
    #[cfg(test)]
    fn hlb_stage_compile(capability: i32, kind: i32, said: *mut *const c_char) -> *const c_char;
}

/// Whether loops or kernels know maps on this device, of this kind and with so many channels, and statistics of that kind.
pub(crate) fn knows((device, kind, channels): (Device, Kind, i64), statistics: Kind) -> bool {
    let maps = match device {
        Device::Cpu => matches!(kind, Kind::Float | Kind::BFloat16) && channels % LANES == 0,
        Device::Cuda(_) => matches!(kind, Kind::Float | Kind::Half | Kind::BFloat16) && channels % GPU_LANES == 0,
        _ => false,
    };
    maps && statistics == Kind::Float
}

/// Whether loops and kernels have this activation.
pub(crate) fn is_known(activation: Activation) -> bool {
    number_of(activation).is_some()
}

/// The number of an activation in `csrc/stage.h`; none for one that only libtorch computes.
fn number_of(activation: Activation) -> Option<i32> {
    match activation {
        Activation::Gelu => Some(0),
        Activation::Silu => Some(1),
        Activation::Relu => Some(2),
        Activation::Identity => Some(3),
        Activation::Celu => None,
    }
}

impl Stage<'_> {
    /// Whether it can be one operation, which knows the statistics of one part of a batch.
    pub(crate) fn is_known(&self) -> bool {
        let maps = (self.input.device(), self.input.kind(), self.input.size()[1]);
        is_known(self.activation) && knows(maps, self.mean.kind()) && self.mean.size() == self.bias.size()
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
            activation: number_of(self.activation).expect("only a stage that is known is one operation"),
            join,
        };
        let mut output = ptr::null_mut();
        #[expect(unsafe_code, reason = "the C++ beside libtorch is declared by hand")]
        // SAFETY: the tensors outlive the call; what is written, unless it failed, is ours.
        unsafe {
            check(hlb_stage(&raw const wanted, &raw mut output));
            Tensor::from_ptr(output)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LAZY};

    use super::*;
    use crate::cuda::complaint;
    use crate::native::text;

    const MOMENTUM: f64 = 0.3;
    const EPS: f64 = 1e-5;

    /// What a stage changes or gives back: output, running statistics, and gradients of input, bias and residual.
    type Found = Vec<(&'static str, Tensor)>;

    /// Numbers that differ from each other, the same in each format.
    fn waves(size: &[i64], pace: f64) -> Tensor {
        let count: i64 = size.iter().product();
        (Tensor::arange(count, (Kind::Double, Device::Cpu)) * pace).sin().view(size)
    }

    /// What computes a stage.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum By {
        /// libtorch's own operations.
        Libtorch,
        /// The loops of the CPU.
        Loops,
        /// The kernels of a GPU, on the CPU.
        Kernels,
    }

    /// Images, channels, rows and columns.
    type Size = [i64; 4];

    /// A stage of maps of this size, as one operation or as libtorch's own.
    fn passed(kind: Kind, size: Size, (join, pools, activation): (usize, bool, Activation), by: By) -> Found {
        let leaf = |tensor: Tensor, kind| tensor.to_kind(kind).set_requires_grad(true);
        let [images, channels, rows, columns] = size;
        let map = |rows, columns, pace: f64, by: f64| {
            let numbers = waves(&[images, rows, columns, channels], pace) * by + 3.0;
            leaf(numbers.to_kind(Kind::BFloat16).permute([0, 3, 1, 2]), kind)
        };
        let norms = if kind == Kind::Double { Kind::Double } else { Kind::Float };
        let (input, bias) = (map(rows, columns, 0.37, 2.0), leaf(waves(&[channels], 0.9), norms));
        let other = if pools { map(rows / 2, columns / 2, 0.11, 1.0) } else { map(rows, columns, 0.11, 1.0) };
        let (mean, variance) = (waves(&[channels], 0.2).to_kind(norms), (waves(&[channels], 0.3) + 1.5).to_kind(norms));
        let join = [Join::None, Join::BeforeActivation(&other), Join::AfterActivation(&other)][join];
        let output = if by == By::Libtorch {
            plain(&input, (&bias, &mean, &variance), pools, join, activation)
        } else {
            let (input, bias, mean, variance) = (&input, &bias, &mean, &variance);
            let (momentum, eps) = (MOMENTUM, EPS);
            let stage = Stage { input, bias, mean, variance, join, pools, training: true, activation, momentum, eps };
            assert!(by == By::Kernels || stage.is_known());
            stage.apply()
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
            Activation::Celu => unreachable!("loops and kernels do not have it"),
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
            compare_stages([5, 32, 7, 9], By::Loops, &[(Kind::Float, 2e-6), (Kind::BFloat16, 1e-2)]);
        }
        emulate(true);
        // Few and many channels, more than a block takes at once, and chunks of several rounds and of a part of one.
        for size in [[5, 32, 7, 9], [3, 8, 41, 38], [9, 24, 2, 3], [9, 2056, 3, 2]] {
            let kinds = [(Kind::Float, 2e-6), (Kind::Half, 2e-3), (Kind::BFloat16, 1e-2)];
            compare_stages(size, By::Kernels, &kinds);
        }
        compare_an_evaluation();
        emulate(false);
    }

    /// Those of all images.
    fn pixels([images, _, rows, columns]: Size) -> f64 {
        f64::from(i32::try_from(images * rows * columns).expect("a small test"))
    }

    /// With running statistics, of a map that lies where a GPU cannot read 16 bytes at once.
    fn compare_an_evaluation() {
        let exact = waves(&[1 + 3 * 7 * 9 * 8], 0.37).to_kind(Kind::Float);
        let input = exact.narrow(0, 1, 3 * 7 * 9 * 8).view([3, 7, 9, 8]).permute([0, 3, 1, 2]);
        let norms = [waves(&[8], 0.9), waves(&[8], 0.2), waves(&[8], 0.3) + 1.5];
        let [bias, mean, variance] = &norms.map(|tensor| tensor.to_kind(Kind::Float));
        for pools in [false, true] {
            let pooled = if pools { input.max_pool2d(2, 2, 0, 1, false) } else { input.shallow_clone() };
            let [bias64, mean64, variance64] = [bias, mean, variance].map(|tensor| tensor.to_kind(Kind::Double));
            let norm = (Some(bias64.ones_like()), Some(bias64), Some(mean64), Some(variance64));
            let exact =
                pooled.to_kind(Kind::Double).batch_norm(norm.0, norm.1, norm.2, norm.3, false, MOMENTUM, EPS, false);
            let (kept, activation) = ([mean.copy(), variance.copy()], Activation::Identity);
            let (input, momentum, eps, join) = (&input, MOMENTUM, EPS, Join::None);
            let stage = Stage { input, bias, mean, variance, join, pools, training: false, activation, momentum, eps };
            let error = (stage.apply().to_kind(Kind::Double) - exact).abs().max().double_value(&[]);
            assert!(error <= 2e-6 && kept == [mean.shallow_clone(), variance.shallow_clone()], "{pools}: {error}");
        }
    }

    fn emulate(on: bool) {
        #[expect(unsafe_code, reason = "the C++ beside libtorch is declared by hand")]
        // SAFETY: it takes a truth value, and no other test of this program makes stages.
        unsafe {
            hlb_stage_emulate(on);
        }
    }

    /// NVRTC of `make setup CUDA=1`, or of the folder that `HLB_BENCH_NVRTC` names, loaded so that the trainer finds it by name.
    fn load_nvrtc() -> Result<[Library; 2], String> {
        let installed = Path::new(env!("LIBTORCH_LIB")).join("../../nvidia/cu13/lib");
        let folder = std::env::var_os("HLB_BENCH_NVRTC").map_or(installed, PathBuf::from);
        let load = |name: &str| {
            #[expect(unsafe_code, reason = "loading a library runs its constructors; there is no safe way")]
            // SAFETY: the constructors of both set up their own data.
            let library = unsafe { Library::open(Some(folder.join(name)), RTLD_LAZY | RTLD_GLOBAL) };
            library.map_err(|error| complaint(&error))
        };
        Ok([load("libnvrtc-builtins.so.13.0")?, load("libnvrtc.so.13")?])
    }

    /// Compiles the kernels; what the compiler said.
    fn compiled(capability: i32, kind: i32) -> Result<String, String> {
        let mut said = ptr::null();
        #[expect(unsafe_code, reason = "the C++ beside libtorch is declared by hand")]
        // SAFETY: one pointer is written; both texts live until the thread's next call, and there is one unless the other is.
        unsafe {
            let failed = text(hlb_stage_compile(capability, kind, &raw mut said));
            failed.map_or_else(|| Ok(text(said).unwrap_or_default()), Err)
        }
    }

    #[test]
    fn the_kernels_compile_for_each_gpu_and_fit_its_registers() {
        let _libraries = match load_nvrtc() {
            Ok(libraries) => libraries,
            Err(why) => {
                assert!(std::env::var_os("CI").is_none(), "in CI: {why}");
                return println!("skipped the_kernels_compile_for_each_gpu_and_fit_its_registers: {why}");
            }
        };
        for (capability, kind) in
            [75, 80, 90, 100].into_iter().flat_map(|capability| [0, 1, 2].map(|kind| (capability, kind)))
        {
            let said = compiled(capability, kind).unwrap_or_else(|why| panic!("{why}"));
            let numbers = |before: &str, after: &str| -> Vec<u32> {
                let words = said.lines().filter_map(|line| Some(line.split_once(after)?.0.rsplit_once(before)?.1));
                words.map(|number| number.trim().parse().expect("a number")).collect()
            };
            let (registers, spilled) = (numbers("Used", "registers"), numbers(",", "bytes spill loads"));
            assert_eq!((registers.len(), spilled.len()), (8, 8), "{said}");
            // Three blocks of 256 threads have 80 registers each; a few bytes that are kept elsewhere cost nothing.
            assert!(registers.iter().all(|&count| count <= 80) && spilled.iter().all(|&bytes| bytes <= 32), "{said}");
        }
        let why = compiled(20, 0).expect_err("no such GPU is known any more");
        assert!(why.starts_with("NVRTC cannot compile for sm_20, error ") && why.contains("gpu-architecture"), "{why}");
    }

    fn compare_stages(size: Size, by: By, kinds: &[(Kind, f64)]) {
        let activations = [Activation::Gelu, Activation::Silu, Activation::Relu, Activation::Identity];
        for (join, pools, activation) in (0..24).map(|case| (case % 3, case / 3 % 2 == 1, activations[case / 6])) {
            let case = (join, pools, activation);
            let exact = passed(Kind::Double, size, case, By::Libtorch);
            for (kind, bound) in kinds {
                for ((what, exact), (_, found)) in exact.iter().zip(passed(*kind, size, case, by)) {
                    let error = (found.to_kind(Kind::Double) - exact).abs().max().double_value(&[]);
                    let most = exact.abs().max().double_value(&[]);
                    // A sum rounds with the size of what it adds, of which little may be left.
                    let added = if what.starts_with("bias") { pixels(size).sqrt() } else { 1.0 };
                    assert!(
                        error <= bound * most.max(added).max(1.0),
                        "{what} of {case:?} of {size:?} by {by:?} in {kind:?}: {error} of {most}"
                    );
                }
            }
        }
    }
}
