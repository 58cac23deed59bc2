//! Run logs of strangers: an error or a log, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = hlb_bench::result::RunLog::parse(data);
});
