//! Which device trains, in which number format, and which libtorch is loaded.

use std::path::{Path, PathBuf};

use tch::{Cuda, Device, Kind};

use crate::context::{keep_memory_in_searches, set_tf32};
use crate::cuda::complaint;
use hlb_core::bounded::{self, SMALL_CAP};
use hlb_core::units::{DeviceKind, NumberFormat};
use hlb_protocol::trainer::TrainError;
use hlb_recipe::Precision;

/// The device asked for cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsupportedDevice {
    /// A job for a GPU where libtorch sees none: it was there when the trainer was asked before.
    #[error("libtorch sees no CUDA device")]
    NoCuda,
    /// A number format of GPUs on a CPU.
    #[error("`precision`: {} is not for the CPU; use `auto` or `fp32`, or train with `--device cuda`", .0.as_str())]
    OnlyOnGpu(Precision),
    /// A libtorch without the functions that set its number format.
    #[error("this libtorch lacks a function that sets how CUDA computes: {0}")]
    NoSwitch(String),
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
    /// What the run log calls it.
    format: NumberFormat,
}

impl Engine {
    /// Chooses device and number formats, and sets the number of CPU threads.
    ///
    /// *Why cuDNN's algorithms are not timed where training must be `deterministic`:* which one wins is chance, and two that
    /// are each deterministic still round differently.
    pub fn choose(
        device: DeviceKind,
        precision: Precision,
        fp32_norm: bool,
        threads: u32,
        deterministic: bool,
    ) -> Result<Self, UnsupportedDevice> {
        tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
        let cuda = device == DeviceKind::Cuda;
        if cuda && !Cuda::is_available() {
            return Err(UnsupportedDevice::NoCuda);
        }
        let format = precision.format_on(device).ok_or(UnsupportedDevice::OnlyOnGpu(precision))?;
        Cuda::cudnn_set_benchmark(cuda && !deterministic);
        keep_memory_in_searches().map_err(|error| UnsupportedDevice::NoSwitch(complaint(&error)))?;
        let kind = match format {
            NumberFormat::Fp16 => Kind::Half,
            NumberFormat::Bf16 => Kind::BFloat16,
            NumberFormat::Fp32 | NumberFormat::Tf32 => Kind::Float,
        };
        let norm_kind = if fp32_norm { Kind::Float } else { kind };
        Ok(Self { device: if cuda { Device::Cuda(0) } else { Device::Cpu }, kind, norm_kind, format })
    }

    /// The CPU in a number format, for tests: in double precision, rounding is too small to blur a comparison.
    pub fn cpu(kind: Kind) -> Self {
        Self { device: Device::Cpu, kind, norm_kind: kind, format: format_of(kind) }
    }

    /// What trains, as the run log states it.
    pub fn device_kind(self) -> DeviceKind {
        if self.device.is_cuda() { DeviceKind::Cuda } else { DeviceKind::Cpu }
    }

    /// Format of weights and activations, as the run log states it.
    pub fn number_format(self) -> NumberFormat {
        self.format
    }

    /// Sets how libtorch computes for this engine, before each of its runs: the switches are the process's, and the recipes of
    /// a session may differ in their format.
    pub fn apply(self) -> Result<(), TrainError> {
        let lacking = |error| TrainError(UnsupportedDevice::NoSwitch(complaint(&error)).to_string());
        set_tf32(self.format == NumberFormat::Tf32).map_err(lacking)
    }

    /// Returns when the device has finished everything it was given.
    pub fn synchronize(self) {
        if let Device::Cuda(index) = self.device {
            Cuda::synchronize(i64::try_from(index).unwrap_or(0));
        }
    }
}

fn format_of(kind: Kind) -> NumberFormat {
    match kind {
        Kind::Half => NumberFormat::Fp16,
        Kind::BFloat16 => NumberFormat::Bf16,
        _ => NumberFormat::Fp32,
    }
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
