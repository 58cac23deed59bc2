//! Which device trains, in which number format, and which libtorch is loaded.

use std::path::{Path, PathBuf};

use tch::{Cuda, Device, Kind};

use hlb_core::bounded::{self, SMALL_CAP};
use hlb_core::units::{DeviceKind, NumberFormat};
use hlb_protocol::job::DeviceChoice;
use hlb_recipe::{Norm, Precision};

/// The device asked for cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsupportedDevice {
    /// `--device cuda` where libtorch sees no GPU.
    #[error("libtorch sees no CUDA device; use `--device cpu`, or install the CUDA libraries with `make setup CUDA=1`")]
    NoCuda,
    /// Half precision on a CPU.
    #[error("`precision`: {} is unusably slow on the CPU; use `auto` or `fp32`, or train with `--device cuda`", .0.as_str())]
    ShortOnCpu(Precision),
}

/// Device and number formats of a session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Engine {
    /// Where tensors live.
    pub device: Device,
    /// Format of weights and activations.
    pub kind: Kind,
    /// Format of the normalizations' biases and statistics.
    pub norm_kind: Kind,
}

impl Engine {
    /// Chooses device and number formats, and sets the number of CPU threads.
    ///
    /// *Why cuDNN's algorithms are not timed where training must be `deterministic`:* which one wins is chance, and two that
    /// are each deterministic still round differently.
    pub fn choose(
        choice: DeviceChoice,
        precision: Precision,
        norm: Norm,
        threads: u32,
        deterministic: bool,
    ) -> Result<Self, UnsupportedDevice> {
        tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
        let cuda = choice != DeviceChoice::Cpu && Cuda::is_available();
        if choice == DeviceChoice::Cuda && !cuda {
            return Err(UnsupportedDevice::NoCuda);
        }
        if !cuda && precision.is_short() {
            return Err(UnsupportedDevice::ShortOnCpu(precision));
        }
        Cuda::cudnn_set_benchmark(cuda && !deterministic);
        let kind = match precision {
            Precision::Bf16 => Kind::BFloat16,
            Precision::Auto | Precision::Fp16 if cuda => Kind::Half,
            _ => Kind::Float,
        };
        let norm_kind = if norm.fp32 { Kind::Float } else { kind };
        Ok(Self { device: if cuda { Device::Cuda(0) } else { Device::Cpu }, kind, norm_kind })
    }

    /// The CPU in a number format, for tests: in double precision, rounding is too small to blur a comparison.
    pub fn cpu(kind: Kind) -> Self {
        Self { device: Device::Cpu, kind, norm_kind: kind }
    }

    /// What trains, as the run log states it.
    pub fn device_kind(self) -> DeviceKind {
        if self.device.is_cuda() { DeviceKind::Cuda } else { DeviceKind::Cpu }
    }

    /// Format of weights and activations, as the run log states it.
    pub fn number_format(self) -> NumberFormat {
        match self.kind {
            Kind::Half => NumberFormat::Fp16,
            Kind::BFloat16 => NumberFormat::Bf16,
            _ => NumberFormat::Fp32,
        }
    }

    /// Returns when the device has finished everything it was given.
    pub fn synchronize(self) {
        if let Device::Cuda(index) = self.device {
            Cuda::synchronize(i64::try_from(index).unwrap_or(0));
        }
    }
}

/// Loads the CUDA half of libtorch where the machine has an NVIDIA driver; the reason if that fails.
///
/// *Why:* the program links only the CPU half, so that one binary serves machines without a GPU. It has to be the
/// first thing in `main`: libtorch decides once, at the first question about CUDA, whether it is there.
pub fn load_cuda_if_there_is_a_gpu() -> Result<(), String> {
    if !Path::new("/dev/nvidiactl").exists() {
        return Ok(());
    }
    let flags = libloading::os::unix::RTLD_NOW | libloading::os::unix::RTLD_GLOBAL;
    #[expect(unsafe_code, reason = "loading a library runs its constructors; there is no safe way")]
    // SAFETY: libtorch_cuda's constructors register kernels and touch nothing of ours; no thread runs yet.
    let library = unsafe { libloading::os::unix::Library::open(Some("libtorch_cuda.so"), flags) };
    // Leaked on purpose: its kernels are registered for the life of the process.
    library.map(std::mem::forget).map_err(|error| error.to_string())
}

/// Most bytes of the kernel's list of mapped files.
const MAPS_CAP: u64 = 16 << 20;

/// File of the libtorch that this process has mapped, and the version written next to it.
pub fn loaded_libtorch() -> (Option<PathBuf>, String) {
    let maps = bounded::read_text(Path::new("/proc/self/maps"), MAPS_CAP).unwrap_or_default();
    let file =
        maps.lines().filter_map(|line| line.split_whitespace().last()).find(|path| path.ends_with("/libtorch_cpu.so"));
    let file = file.map(PathBuf::from);
    let version = file.as_deref().and_then(version_next_to).unwrap_or_else(|| "2.11.0".to_owned());
    (file, version)
}

/// The version in the wheel's `version.py` or in the zip's `build-version`.
fn version_next_to(library: &Path) -> Option<String> {
    let root = library.parent()?.parent()?;
    let text = |name: &str| String::from_utf8(bounded::read_named(&root.join(name), SMALL_CAP).ok()?).ok();
    if let Some(text) = text("build-version") {
        return Some(text.trim().to_owned());
    }
    let text = text("version.py")?;
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    line.split('\'').nth(1).map(str::to_owned)
}
