//! Signature files of strangers: what decodes is canonical, so it normalizes to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if hlb_result::signing::armor::decode(data).is_ok() {
        let again = hlb_result::signing::armor::normalize(data).expect("what decodes normalizes");
        assert_eq!(again.as_bytes(), data);
    }
});
