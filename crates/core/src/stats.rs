//! Statistics of a session and of comparisons between sessions: pure functions on plain numbers.
//!
//! Times are in seconds, and a missing time is a run that missed the target: it counts as slower than any time. Times
//! that are there must be positive and finite. Formulas, reasons and sources are in `docs/reference/statistics.md`.
//! Nothing here reads a file, a clock or the system's randomness: the same numbers give the same answer, because
//! `verify` computes a result again.

mod bootstrap;
mod holm;
mod hosts;
mod interval;
mod kendall;
mod mann_whitney;
mod mean;
mod mean_power;
mod measured;
mod p_value;
mod paired_accuracy;
mod paired_ratio;
mod power;
#[cfg(test)]
mod promises;
mod rank_test;
mod spread;
mod t_test;
mod wilcoxon;
mod wilson;

pub use bootstrap::{median_interval, ratio_of_medians};
pub use holm::holm;
pub use hosts::HostSpread;
pub use interval::{Estimate, Interval};
pub use kendall::kendall_tau;
pub use mann_whitney::mann_whitney;
pub use mean::{mean_and_deviation, mean_interval};
pub use mean_power::{mean_power, runs_for_mean, share_over};
pub use measured::Measured;
pub use p_value::rounded_up_p;
pub use paired_accuracy::PairedAccuracies;
pub use paired_ratio::paired_ratio;
pub use power::{power, runs_needed};
pub use rank_test::RankTest;
pub use spread::Spread;
pub use t_test::{p_mean_over_target, p_means_differ};
pub use wilcoxon::wilcoxon;
pub use wilson::wilson;
