//! Any bytes either give one clean error or a value that is written and read back the same.
//!
//! Run with `cargo +nightly fuzz run yaml_parse -- -max_len=65536 -timeout=1 -rss_limit_mb=1024`; the folder
//! `seeds/yaml_parse`, given as a second corpus, is a start.
#![no_main]

use hlb_core::text;
use hlb_core::yaml;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    match yaml::parse::<Value>(bytes, "fuzz.yaml") {
        Ok(value) => round_trip(&value, bytes.len()),
        Err(error) => {
            let message = error.to_string();
            assert!(message.starts_with("fuzz.yaml:"), "no place: {message}");
            assert!(!message.chars().any(text::is_hidden), "hidden: {message:?}");
        }
    }
    // The fast way in lets nothing in that the slow one would not.
    if let Ok(Some(value)) = yaml::parse_canonical::<Value>(bytes, "fuzz.yaml") {
        assert_eq!(yaml::parse::<Value>(bytes, "fuzz.yaml").expect("a canonical text is a good one"), value);
    }
});

/// What was read is written and read back equal. Only a large text may be too large in our longer notation.
fn round_trip(value: &Value, size: usize) {
    let written = match yaml::emit(value) {
        Ok(written) => written,
        Err(error) => {
            assert!(size > 8 * 1024, "cannot write what was read: {error}");
            return;
        }
    };
    let again: Value = yaml::parse(written.as_bytes(), "emitted.yaml")
        .unwrap_or_else(|error| panic!("cannot read our own text: {error}\n{written}"));
    assert_eq!(&again, value, "{written}");
    assert!(yaml::is_canonical(written.as_bytes(), &again), "{written}");
}
