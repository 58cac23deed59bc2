//! How the C library hands memory to libtorch's CPU half.

use libc::{M_MMAP_THRESHOLD, M_TOP_PAD, M_TRIM_THRESHOLD, c_int, mallopt};

/// Largest buffer that is taken from the heap and not mapped by itself.
const MAPPED_FROM: c_int = 1 << 30;

/// By how much the heap grows at a time.
const GROWS_BY: c_int = 256 << 20;

/// Lets freed memory stay with the process, for the life of it: at its highest use it has what it had before.
///
/// *Why:* the C library gives each large buffer back to the kernel when it is freed, and a training step makes dozens of them.
/// The kernel then clears every page anew, which takes a third of a step on the CPU.
pub fn keep_freed_memory() {
    for (parameter, value) in [(M_MMAP_THRESHOLD, MAPPED_FROM), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, GROWS_BY)] {
        #[expect(unsafe_code, reason = "the C library's allocator is told so by its own function; there is no binding")]
        // SAFETY: `mallopt` takes two whole numbers and no thread runs yet; what it refuses stays as it was.
        unsafe {
            mallopt(parameter, value);
        }
    }
}
