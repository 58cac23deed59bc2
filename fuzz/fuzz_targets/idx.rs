//! IDX files of strangers, for the smallest of data sets.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let shapes =
        hlb_data::arrays::ArrayShapes { train: 3, evaluation: 2, height: 2, width: 2, channels: 1, classes: 10 };
    for part in 0..4 {
        let _ = hlb_data::decode_idx(data, part, shapes);
    }
});
