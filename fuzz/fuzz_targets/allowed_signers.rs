//! Lists of signers of strangers, and what a pull request makes of one: an error or a list, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = hlb_result::signing::AllowedSigners::parse(text, "fuzz");
        let (base, proposed) = text.split_once('\0').unwrap_or(("", text));
        let _ = hlb_result::signing::check_added(base, proposed, "ada");
    }
});
