//! Signature files of strangers: what decodes is canonical, so it normalises to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if hlb_bench::signing::armour::decode(data).is_ok() {
        let again = hlb_bench::signing::armour::normalise(data).expect("what decodes normalises");
        assert_eq!(again.as_bytes(), data);
    }
});
