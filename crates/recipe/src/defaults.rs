//! Keys that were added later: their defaults mean what was done before, and are not written.

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

pub(super) fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
pub(super) fn is_true(switch: &bool) -> bool {
    *switch
}
