//! Numerics on the real libtorch: the trainer against the PyTorch reference implementation, and against itself.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panicking, their numbers are small, and a skipped one says so"
)]

mod audit;
mod facts;
mod golden;
mod half;
mod repeat;
mod shapes;
mod shortcut;
mod tiny;
mod whole;
