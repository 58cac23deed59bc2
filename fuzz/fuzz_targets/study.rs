//! Records of studies of strangers, of which the site makes pages: an error or records, never a panic.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = hlb_study::Records::parse(data, Path::new("runs.jsonl"));
});
