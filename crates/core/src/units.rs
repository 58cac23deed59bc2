//! Devices, number formats, counts of images, and the targets that they have to meet.
//!
//! Accuracy is a pair of integers everywhere: a target is met on counts, never on rounded percentages.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What trains: a processor or a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// The processor.
    Cpu,
    /// A GPU.
    Cuda,
}

impl DeviceKind {
    /// As in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The number format that weights and activations had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberFormat {
    /// Single precision, as IEEE 754 has it.
    Fp32,
    /// Single precision whose products keep 10 bits of the fraction, as the tensor cores of NVIDIA's GPUs have it.
    Tf32,
    /// Half precision.
    Fp16,
    /// The 16-bit format with the range of single precision.
    Bf16,
}

impl NumberFormat {
    /// As in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Tf32 => "tf32",
            Self::Fp16 => "fp16",
            Self::Bf16 => "bf16",
        }
    }
}

impl fmt::Display for NumberFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// How many of the evaluation images were classified correctly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// Images whose most likely class was their label.
    pub correct: u32,
    /// Images evaluated: always the whole evaluation split.
    pub total: u32,
}

impl Accuracy {
    /// The share of correct images, 0 to 1. For display and statistics only.
    pub fn share(self) -> f64 {
        f64::from(self.correct) / f64::from(self.total.max(1))
    }

    /// The share in percent, 0 to 100. For display and statistics only.
    pub fn percent(self) -> f64 {
        100.0 * self.share()
    }
}

/// The accuracy to reach, as an exact fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Correct images needed ...
    pub correct: u32,
    /// ... of this many.
    pub of: u32,
}

impl Target {
    /// Whether `accuracy` is at or over the target; exact.
    pub fn is_met_by(self, accuracy: Accuracy) -> bool {
        self.is_met_with_offset(accuracy, 0)
    }

    /// Whether `accuracy` is at or over the target moved by `tenths` of a percentage point; exact.
    pub fn is_met_with_offset(self, accuracy: Accuracy, tenths: i32) -> bool {
        // Wide enough for any counts that an untrusted log may state.
        let per_mille = |correct: u32, total: u32| i128::from(correct) * 1000 * i128::from(total);
        let reached = per_mille(accuracy.correct, self.of);
        let moved = i128::from(tenths) * i128::from(self.of) * i128::from(accuracy.total);
        reached >= per_mille(self.correct, accuracy.total) + moved
    }

    /// The target as a share, 0 to 1. For display and statistics only.
    pub fn share(self) -> f64 {
        f64::from(self.correct) / f64::from(self.of.max(1))
    }

    /// The target in percent, 0 to 100. For display and statistics only.
    pub fn percent(self) -> f64 {
        100.0 * self.share()
    }
}

/// A share for people, in percent; small ones with more digits.
pub fn human_percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent < 1.0 { format!("{percent:.2} %") } else { format!("{percent:.1} %") }
}

/// Seconds with one unit for people: `0.8 s`, `42.1 s`, `3 m 05 s`, `2 h 10 m`.
pub fn human_seconds(seconds: f64) -> String {
    let whole = seconds.round();
    if seconds < 10.0 {
        format!("{seconds:.2} s")
    } else if seconds < 100.0 {
        format!("{seconds:.1} s")
    } else if whole < 3600.0 {
        format!("{} m {:02} s", (whole / 60.0).floor(), whole % 60.0)
    } else {
        format!("{} h {:02} m", (whole / 3600.0).floor(), (whole % 3600.0 / 60.0).floor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TARGET: Target = Target { correct: 920, of: 1000 };

    fn accuracy(correct: u32, total: u32) -> Accuracy {
        Accuracy { correct, total }
    }

    #[test]
    fn a_rounded_percentage_never_meets_a_target() {
        assert!(TARGET.is_met_by(accuracy(1840, 2000)));
        assert!(!TARGET.is_met_by(accuracy(1839, 2000)));
        assert!(!Target { correct: 94, of: 100 }.is_met_by(accuracy(9_399_999, 10_000_000)));
    }

    #[test]
    fn a_target_holds_on_a_split_of_any_size() {
        let ninety = Target { correct: 90, of: 100 };
        assert!(ninety.is_met_by(accuracy(3533, 3925)) && !ninety.is_met_by(accuracy(3532, 3925)));
    }

    #[test]
    fn a_moved_target_counts_in_tenths_of_a_point() {
        assert!(TARGET.is_met_with_offset(accuracy(1844, 2000), 2));
        assert!(!TARGET.is_met_with_offset(accuracy(1843, 2000), 2));
        assert!(TARGET.is_met_with_offset(accuracy(1830, 2000), -5));
        assert!(!TARGET.is_met_with_offset(accuracy(1829, 2000), -5));
    }

    #[test]
    fn the_largest_counts_do_not_overflow() {
        let target = Target { correct: u32::MAX - 1, of: u32::MAX };
        assert!(target.is_met_by(accuracy(u32::MAX, u32::MAX)));
        assert!(!target.is_met_with_offset(accuracy(1, u32::MAX), i32::MAX));
    }

    #[test]
    fn seconds_read_well() {
        let shown = [0.804, 42.13, 185.2, 7_800.0].map(human_seconds);
        assert_eq!(shown, ["0.80 s", "42.1 s", "3 m 05 s", "2 h 10 m"]);
    }

    proptest! {
        #[test]
        fn meeting_is_monotone_in_correct_images(correct in 0_u32..2000, tenths in -50_i32..50) {
            let more = TARGET.is_met_with_offset(accuracy(correct + 1, 2000), tenths);
            prop_assert!(more || !TARGET.is_met_with_offset(accuracy(correct, 2000), tenths));
        }
    }
}
