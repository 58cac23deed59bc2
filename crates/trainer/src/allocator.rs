//! How the C library hands memory to libtorch's CPU half.

use libc::{M_MMAP_THRESHOLD, M_TOP_PAD, M_TRIM_THRESHOLD, c_int, mallopt};

/// Largest buffer that is taken from the heap and not mapped by itself.
const MAPPED_FROM: c_int = 1 << 30;

/// By how much the heap grows at a time.
const GROWS_BY: c_int = 256 << 20;

/// Asks libtorch to align large buffers and the kernel to give them pages of 2 MiB, where the administrator lets a program ask.
const LARGE_PAGES: &str = "THP_MEM_ALLOC_ENABLE";

/// Lets freed memory stay with the process, for the life of it: at its highest use it has what it had before; and asks for
/// large pages. To be called before anything else, while no other thread runs.
///
/// *Why:* the C library gives each large buffer back to the kernel when it is freed, and a training step makes dozens of them.
/// The kernel then clears every page anew, which takes a third of a step on the CPU. Of small pages a processor has too many
/// to remember where they are.
pub fn keep_freed_memory() {
    #[expect(unsafe_code, reason = "libtorch reads the variable, and nothing else sets this")]
    // SAFETY: no thread runs yet, by contract.
    unsafe {
        std::env::set_var(LARGE_PAGES, "1");
    }
    for (parameter, value) in [(M_MMAP_THRESHOLD, MAPPED_FROM), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, GROWS_BY)] {
        #[expect(unsafe_code, reason = "the C library's allocator is told so by its own function; there is no binding")]
        // SAFETY: `mallopt` takes two whole numbers and no thread runs yet; what it refuses stays as it was.
        unsafe {
            mallopt(parameter, value);
        }
    }
}
