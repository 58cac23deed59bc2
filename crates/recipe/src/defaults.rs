//! Defaults of keys that were added later: they keep the earlier behavior and are not written.

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(super) fn two() -> u32 {
    2
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_two(count: &u32) -> bool {
    *count == 2
}

pub(super) fn one() -> f64 {
    1.0
}

#[expect(clippy::float_cmp, reason = "the default is exactly this")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_one(factor: &f64) -> bool {
    *factor == 1.0
}

pub(super) fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_true(switch: &bool) -> bool {
    *switch
}
