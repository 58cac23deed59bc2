//! Explains libtorch's error texts, and what to change.

use std::any::Any;

/// The message of a panic or error inside libtorch in one line, led by what to change where that is known.
///
/// `batch_size` is that of the recipe that was trained, `None` while its data set was on the way to the device.
pub fn explain(message: &str, batch_size: Option<u32>) -> String {
    let short = in_one_line(message);
    match advice(message, batch_size) {
        Some(advice) => format!("{advice}; libtorch: {short}"),
        None => short,
    }
}

/// The text of a panic.
pub fn words_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("the trainer panicked").to_owned()
}

/// Whether the text of a panic is that of a failed operation of libtorch.
pub fn is_of_libtorch(message: &str) -> bool {
    message.contains(WRAPPED)
}

/// How tch unwraps libtorch's errors: the text follows as Rust would quote it.
const WRAPPED: &str = "Torch(\"";

/// Characters of libtorch's text that are kept.
const KEPT: usize = 300;

/// The message in one line.
pub(crate) fn in_one_line(message: &str) -> String {
    let text = message.split_once(WRAPPED).map_or(message, |(_, text)| text);
    let first = text.split("\\n").flat_map(str::lines).find(|line| !line.trim().is_empty());
    let line: String = first.unwrap_or("libtorch failed without a message").trim().chars().take(KEPT).collect();
    line.trim_end_matches("\")").replace("\\\"", "\"")
}

/// Phrases of errors that a device out of memory gives.
const MEMORY: &[&str] = &[
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "std::bad_alloc",
    "cudaErrorMemoryAllocation",
    "STATUS_ALLOC_FAILED",
];

/// Phrases of other errors with the advice for each kind. The first kind with a phrase in the message is taken.
const KINDS: [(&[&str], &str); 8] = [
    (
        &["does not have a deterministic implementation", "CUBLAS_WORKSPACE_CONFIG"],
        "libtorch has no deterministic algorithm for an operation of this recipe; go without --deterministic",
    ),
    (
        &["no kernel image is available", "driver version is insufficient"],
        "this libtorch and this GPU do not go together; use `--device cpu`, or a driver and a GPU that libtorch 2.11 knows",
    ),
    (
        &["device-side assert", "illegal memory access", "misaligned address", "illegal instruction"],
        "an operation failed on the GPU; this should not happen, please report it with the recipe",
    ),
    (
        &["CUBLAS_STATUS_NOT_INITIALIZED"],
        "cuBLAS could not begin, nearly always because the memory of the GPU is full: see in `nvidia-smi` who uses it, or try a smaller `batch_size`",
    ),
    (
        &["unable to find an engine", "CUDNN_STATUS_NOT_SUPPORTED"],
        "cuDNN has no algorithm for an operation of this recipe in the memory that is left: try a smaller `batch_size`, and report it with the recipe if that does not help",
    ),
    (
        &["busy or unavailable"],
        "the GPU is in exclusive use: see `nvidia-smi -q -d COMPUTE` and who uses it, then `nvidia-smi -c DEFAULT`",
    ),
    (
        &["initialization failed", "initialization error", "system not yet initialized", "system not ready"],
        "the driver cannot be initialized: see `nvidia-smi`, that `/dev/nvidia-uvm` is there, and on machines with NVLink that `nvidia-fabricmanager` runs",
    ),
    (
        &[
            "GPU is lost",
            "fallen off the bus",
            "unspecified launch failure",
            "uncorrectable ECC",
            "CUDNN_STATUS",
            "CUDA error",
        ],
        "the GPU failed or was lost: see `nvidia-smi` and the kernel's log, reset it or start the machine again, then go on with --resume",
    ),
];

fn advice(message: &str, batch_size: Option<u32>) -> Option<String> {
    let has_one = |phrases: &[&str]| phrases.iter().any(|phrase| message.contains(phrase));
    if has_one(MEMORY) {
        return Some(memory_advice(message, batch_size));
    }
    KINDS.iter().find(|(phrases, _)| has_one(phrases)).map(|(_, advice)| (*advice).to_owned())
}

fn memory_advice(message: &str, batch_size: Option<u32>) -> String {
    let others =
        used_by_others(message).map_or(String::new(), |gib| format!(" (other processes use {gib:.1} GiB of it)"));
    match batch_size {
        None => format!("out of memory: the data set does not fit{others}; use a device with more memory"),
        Some(batch) if batch <= SMALLEST => {
            format!("out of memory: even a batch of {batch} does not fit{others}; try narrower `blocks.widths`")
        }
        Some(batch) => format!(
            "out of memory: a batch of {batch} does not fit{others}; try `batch_size: {}`",
            fitting_batch(message, batch)
        ),
    }
}

/// The smallest batch that is advised; batches are advised in multiples of it.
const SMALLEST: u32 = 8;

/// Half of the batch; less where one tensor of it alone asked for more than there is. Under `batch`, at least [`SMALLEST`].
///
/// Tensors grow with the batch, so one that fits into half of the memory leaves the other half to all the others.
/// The memory still free is not used, since it depends on the tensors before it.
fn fitting_batch(message: &str, batch: u32) -> u32 {
    let asked = bytes_after(message, "ried to allocate ").filter(|asked| *asked > 0.0);
    let share = asked.zip(reachable(message)).map_or(0.5, |(asked, there)| (0.5 * there / asked).min(0.5));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a batch")]
    let fits = (f64::from(batch) * share) as u32;
    (fits / SMALLEST * SMALLEST).max(SMALLEST)
}

/// Bytes of the GPU that this process has or could have had.
fn reachable(message: &str) -> Option<f64> {
    let own = bytes_after(message, "this process has ").zip(bytes_after(message, " of which "));
    own.map(|(own, free)| own + free).or_else(|| bytes_after(message, "total capacity of "))
}

/// GiB of the GPU that other processes use, where that is a tenth of it or more.
fn used_by_others(message: &str) -> Option<f64> {
    let capacity = bytes_after(message, "total capacity of ")?;
    let others = capacity - reachable(message)?;
    (others >= 0.1 * capacity).then_some(others / UNITS[3].1)
}

/// How libtorch writes sizes.
const UNITS: [(&str, f64); 4] = [("bytes", 1.0), ("KiB", 1024.0), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0)];

/// The number of bytes that follows `words`, such as `2.00 GiB`.
fn bytes_after(message: &str, words: &str) -> Option<f64> {
    let (_, rest) = message.split_once(words)?;
    let mut parts = rest.split_whitespace();
    let number: f64 = parts.next()?.parse().ok()?;
    let unit = parts.next()?.trim_end_matches(['.', ';', ',']);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As libtorch 2.11 writes it, with the sizes given in GiB.
    fn cuda(asked: f64, free: f64, own: f64) -> String {
        format!(
            "called `Result::unwrap()` on an `Err` value: Torch(\"CUDA out of memory. Tried to allocate {asked:.2} GiB. GPU 0 has a total capacity of 80.00 GiB of which {free:.2} GiB is free. Including non-PyTorch memory, this process has {own:.2} GiB memory in use.\\nException raised from malloc\")"
        )
    }

    const CPU: &str = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes. Error code 12";

    #[test]
    fn a_batch_that_does_not_fit_is_answered_with_half_of_it() {
        let says = explain(&cuda(2.0, 0.01, 79.99), Some(1024));
        let begins =
            "out of memory: a batch of 1024 does not fit; try `batch_size: 512`; libtorch: CUDA out of memory. Tried";
        assert!(says.starts_with(begins) && !says.contains("Exception"), "{says}");
        assert!(
            explain(CPU, Some(1000)).contains("try `batch_size: 496`; libtorch: [enforce"),
            "{}",
            explain(CPU, Some(1000))
        );
        assert!(explain("std::bad_alloc", Some(16)).contains("try `batch_size: 8`"));
    }

    #[test]
    fn a_tensor_larger_than_the_gpu_is_answered_with_a_batch_whose_tensor_fills_half_of_it() {
        assert!(explain(&cuda(320.0, 70.0, 10.0), Some(1024)).contains("try `batch_size: 128`"));
        assert!(explain(&cuda(320_000.0, 70.0, 10.0), Some(1024)).contains("try `batch_size: 8`"));
    }

    #[test]
    fn memory_used_by_others_is_named() {
        let says = explain(&cuda(40.0, 10.0, 30.0), Some(1024));
        assert!(says.contains("does not fit (other processes use 40.0 GiB of it); try `batch_size: 512`"), "{says}");
        assert!(!explain(&cuda(40.0, 40.0, 40.0), Some(1024)).contains("other processes"));
    }

    #[test]
    fn where_no_smaller_batch_helps_none_is_advised() {
        assert!(explain(CPU, Some(8)).starts_with("out of memory: even a batch of 8 does not fit; try narrower"));
        assert!(explain(CPU, None).starts_with("out of memory: the data set does not fit; use a device"));
    }

    #[test]
    fn each_error_of_a_gpu_has_its_own_advice() {
        for (message, answer) in [
            ("CUDA error: unspecified launch failure\nmore", "then go on with --resume; libtorch: CUDA error: unspec"),
            ("CUDA error: device-side assert triggered", "please report it with the recipe; libtorch: CUDA error"),
            ("CUDA error: no kernel image is available for execution on the device", "libtorch 2.11 knows; libtorch:"),
            ("CUDA error: out of memory", "try `batch_size: 256`"),
            ("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`", "nearly always because"),
            ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", "try `batch_size: 256`"),
            ("FIND was unable to find an engine to execute this computation", "cuDNN has no algorithm"),
            ("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED", "cuDNN has no algorithm"),
            ("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "the GPU failed or was lost"),
            ("CUDA error: CUDA-capable device(s) is/are busy or unavailable", "`nvidia-smi -c DEFAULT`; libtorch"),
            ("CUDA error: driver initialization failed, you might not have a CUDA gpu.", "`/dev/nvidia-uvm` is there"),
            ("CUDA error: initialization error", "`/dev/nvidia-uvm` is there"),
            ("CUDA error: system not yet initialized", "`nvidia-fabricmanager` runs"),
            (
                "x_cuda does not have a deterministic implementation, but",
                "go without --deterministic; libtorch: x_cuda",
            ),
        ] {
            assert!(explain(message, Some(512)).contains(answer), "{}", explain(message, Some(512)));
        }
    }

    #[test]
    fn anything_else_is_said_in_one_line() {
        assert_eq!(explain("\nshape mismatch\n  at line 3", Some(8)), "shape mismatch");
        let wrapped = |text: &str| format!("called `Result::unwrap()` on an `Err` value: Torch({text:?})");
        assert_eq!(explain(&wrapped("wrong \"size\"\nat 3"), Some(8)), "wrong \"size\"");
        assert_eq!(explain(&wrapped("wrong size"), Some(8)), "wrong size");
        assert_eq!(explain("", None), "libtorch failed without a message");
        assert!(is_of_libtorch(&wrapped("wrong size")) && !is_of_libtorch("index out of bounds"));
    }
}
