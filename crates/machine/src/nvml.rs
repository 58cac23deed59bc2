//! Opens NVML, and turns its errors into texts that may be published.
//!
//! If the library is missing, too old or refuses, only its values are lost.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;

use hlb_core::rules::MAX_GPUS;
use hlb_core::text;

/// Environment variable with the path of NVML, for drivers in unusual places.
pub(super) const LIBRARY_VARIABLE: &str = "HLB_BENCH_NVML";

/// The name under which the driver installs it.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// Opens NVML. The error is fit to be published.
pub(super) fn open() -> Result<Nvml, String> {
    let library = std::env::var_os(LIBRARY_VARIABLE).filter(|file| !file.is_empty());
    let library = library.unwrap_or_else(|| OsString::from(LIBRARY));
    let opened = Nvml::builder().lib_path(&library).init();
    opened.map_err(|error| format!("NVML: {}", without_folder(&reason(error), &library)))
}

/// How many GPUs there are.
pub(super) fn count(nvml: &Nvml) -> Result<u32, String> {
    nvml.device_count().map_err(reason).map(|count| count.min(MAX_GPUS))
}

/// An error in words, with NVML's own name for it.
pub(super) fn reason(error: NvmlError) -> String {
    let words = match &error {
        NvmlError::FailedToLoadSymbol(text) => return too_old(text),
        NvmlError::LibloadingError(source) => return text::show(&source.to_string()),
        NvmlError::UnexpectedVariant(code) => late_words(*code).to_owned(),
        other => text::show(&other.to_string()),
    };
    let from_wrapper = is_from_wrapper(&error);
    let code = u32::from(error);
    match name(code) {
        // The wrapper uses 999 for its own errors too.
        _ if from_wrapper => words,
        Some(name) => format!("{words} (NVML_ERROR_{name})"),
        None => format!("{words} (NVML error {code})"),
    }
}

/// Whether the error is the wrapper's, not NVML's.
fn is_from_wrapper(error: &NvmlError) -> bool {
    matches!(
        error,
        NvmlError::Utf8Error(_)
            | NvmlError::NulError(_)
            | NvmlError::StringTooLong { .. }
            | NvmlError::IncorrectBits(_)
            | NvmlError::GetPciInfoFailed
    )
}

/// The dynamic linker's error without the file.
fn too_old(complaint: &str) -> String {
    let symbol = complaint.rsplit(' ').next().filter(|word| word.starts_with("nvml"));
    format!("this NVML has no {}: it is too old or too new", text::show_capped(symbol.unwrap_or("such function"), 80))
}

/// An error about a library without its folder, which may be private.
fn without_folder(complaint: &str, library: &OsStr) -> String {
    let path = Path::new(library);
    match (path.parent().and_then(Path::to_str), path.file_name().and_then(OsStr::to_str)) {
        (Some(folder), Some(_)) if !folder.is_empty() => complaint.replace(&format!("{folder}/"), ""),
        _ => complaint.to_owned(),
    }
}

/// Words for errors that the wrapper does not know.
fn late_words(code: u32) -> &'static str {
    match code {
        23 => "the driver ran out of something other than memory",
        24 => "the frequency is not supported",
        25 => "the library does not know this version of the question",
        26 => "the question is no longer answered",
        27 => "the GPU is not ready",
        28 => "the GPU is not there",
        29 => "the GPU is in a state that does not allow it",
        30 => "this kind of reset is not supported",
        _ => "an answer that is not known here",
    }
}

/// NVML's name for an error. Source: `nvmlReturn_t` in `nvml.h` of NVML 13.
fn name(code: u32) -> Option<&'static str> {
    const NAMES: &str = "UNINITIALIZED INVALID_ARGUMENT NOT_SUPPORTED NO_PERMISSION ALREADY_INITIALIZED \
        NOT_FOUND INSUFFICIENT_SIZE INSUFFICIENT_POWER DRIVER_NOT_LOADED TIMEOUT IRQ_ISSUE \
        LIBRARY_NOT_FOUND FUNCTION_NOT_FOUND CORRUPTED_INFOROM GPU_IS_LOST RESET_REQUIRED \
        OPERATING_SYSTEM LIB_RM_VERSION_MISMATCH IN_USE MEMORY NO_DATA \
        VGPU_ECC_NOT_SUPPORTED INSUFFICIENT_RESOURCES FREQ_NOT_SUPPORTED \
        ARGUMENT_VERSION_MISMATCH DEPRECATED NOT_READY GPU_NOT_FOUND INVALID_STATE \
        RESET_TYPE_NOT_SUPPORTED";
    if code == 999 {
        return Some("UNKNOWN");
    }
    NAMES.split(' ').nth(usize::try_from(code).ok()?.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_bear_the_name_that_nvml_gives_them() {
        assert!(reason(NvmlError::from(3)).ends_with("(NVML_ERROR_NOT_SUPPORTED)"));
        assert!(reason(NvmlError::from(15)).ends_with("(NVML_ERROR_GPU_IS_LOST)"));
        assert!(reason(NvmlError::from(27)).ends_with("(NVML_ERROR_NOT_READY)"));
        assert!(reason(NvmlError::from(999)).ends_with("(NVML_ERROR_UNKNOWN)"));
        assert!(reason(NvmlError::from(77)).ends_with("(NVML error 77)"));
    }

    #[test]
    fn no_folder_gets_into_a_reason() {
        let complaint = "/home/ada/x.so: undefined symbol: nvmlDeviceGetPowerUsage".to_owned();
        let words = reason(NvmlError::FailedToLoadSymbol(complaint));
        assert_eq!(words, "this NVML has no nvmlDeviceGetPowerUsage: it is too old or too new");
        let words = without_folder("/home/ada/x.so: cannot open", OsStr::new("/home/ada/x.so"));
        assert_eq!(words, "x.so: cannot open");
        assert_eq!(without_folder("x.so: cannot open", OsStr::new("x.so")), "x.so: cannot open");
    }
}
