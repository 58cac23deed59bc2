//! Variants of strangers: an error or a recipe within its bounds, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let images = hlb_recipe::Terms { side: 32, channels: 3, train_images: 5000, forbids: &[] };
    let Ok(variant) = hlb_recipe::variant::Variant::parse(data, "fuzz") else { return };
    if let Ok(recipe) = variant.resolve(images) {
        recipe.check(images).expect("what resolves is within its bounds");
    }
});
