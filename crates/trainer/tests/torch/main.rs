//! Numerics on the real libtorch: the trainer against the PyTorch reference implementation, and against itself.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    reason = "tests fail by panicking, and their numbers are small"
)]

mod golden;
mod repeat;
mod shapes;
mod tiny;
