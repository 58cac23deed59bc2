//! Images of strangers: an error or an image of the size it says, the same one each time, never a panic.
//!
//! `scripts/fuzz.sh` limits the memory of a run, since what an image may cost in memory is bounded.
#![no_main]

use hlb_data::{MOST_PIXELS, decode_image};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let first = decode_image(data);
    if let Ok(image) = &first {
        let pixels = u64::from(image.width()) * u64::from(image.height());
        assert!((1..=MOST_PIXELS).contains(&pixels), "{pixels} pixels");
        assert_eq!(image.rgb().len() as u64, 3 * pixels);
    }
    assert_eq!(first, decode_image(data), "decoded twice");
});
