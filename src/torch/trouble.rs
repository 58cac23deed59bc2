//! What libtorch's own error texts mean for people, and what to change.

/// The message of a panic or error inside libtorch, with what to do about it where that is known. One line.
pub(crate) fn explain(message: &str, batch_size: u32) -> String {
    // tch wraps libtorch's text in that of an unwrapped `Err`.
    let message = message.split_once("Torch(\"").map_or(message, |(_, text)| text);
    let first = message.split("\\n").flat_map(str::lines).find(|line| !line.trim().is_empty());
    let first = first.unwrap_or("libtorch failed without a word").trim();
    let short: String = first.chars().take(300).collect();
    match advice(message, batch_size) {
        Some(advice) => format!("{advice}; libtorch: {short}"),
        None => short,
    }
}

fn advice(message: &str, batch_size: u32) -> Option<String> {
    let says = |text: &str| message.contains(text);
    if says("out of memory") || says("can't allocate memory") || says("cudaErrorMemoryAllocation") {
        let fits = fitting_batch(message, batch_size);
        return Some(format!("out of memory: a batch of {batch_size} does not fit; try `batch_size: {fits}`"));
    }
    if says("GPU is lost") || says("unspecified launch failure") || says("device-side assert") || says("CUDA error") {
        return Some(
            "the GPU failed or was lost: see `nvidia-smi` and the kernel's log, reset it or start the machine again, then go on with --resume"
                .to_owned(),
        );
    }
    None
}

/// Half of the batch, or less where the message says how much memory there is: a multiple of 8, at least 8.
fn fitting_batch(message: &str, batch_size: u32) -> u32 {
    let share = asked_and_free(message).map_or(0.5, |(asked, free)| (free / asked).min(0.5));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a batch")]
    let fits = (f64::from(batch_size) * share) as u32;
    (fits / 8 * 8).max(8)
}

/// Bytes asked for and bytes free, of `Tried to allocate 2.00 GiB. ... of which 1.20 GiB is free`.
fn asked_and_free(message: &str) -> Option<(f64, f64)> {
    let asked = bytes_after(message, "Tried to allocate ")?;
    let free = bytes_after(message, "of which ")?;
    (asked > 0.0).then_some((asked, free))
}

fn bytes_after(message: &str, words: &str) -> Option<f64> {
    let rest = message.split(words).nth(1)?;
    let mut parts = rest.split_whitespace();
    let number: f64 = parts.next()?.parse().ok()?;
    let factor = match parts.next()?.trim_end_matches(['.', ';', ',']) {
        "bytes" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        _ => return None,
    };
    Some(number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUDA: &str = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB of which 512.00 MiB is free. Process 12 has 78.6 GiB memory in use.";

    #[test]
    fn a_batch_that_does_not_fit_is_answered_with_one_that_would() {
        assert!(
            explain(CUDA, 1024)
                .starts_with("out of memory: a batch of 1024 does not fit; try `batch_size: 256`; libtorch: CUDA out")
        );
        let cpu = "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes. Error code 12";
        assert!(explain(cpu, 1000).contains("try `batch_size: 496`"), "{}", explain(cpu, 1000));
        assert!(explain(cpu, 8).contains("try `batch_size: 8`"));
    }

    #[test]
    fn a_lost_gpu_is_answered_with_where_to_look() {
        assert!(
            explain("CUDA error: unspecified launch failure\nmore", 8)
                .contains("then go on with --resume; libtorch: CUDA error: unspecified launch failure")
        );
    }

    #[test]
    fn anything_else_is_said_in_one_line() {
        assert_eq!(explain("\nshape mismatch\n  at line 3", 8), "shape mismatch");
        assert_eq!(
            explain("called `Result::unwrap()` on an `Err` value: Torch(\"wrong size\\nat 3\")", 8),
            "wrong size"
        );
        assert_eq!(explain("", 8), "libtorch failed without a word");
    }
}
