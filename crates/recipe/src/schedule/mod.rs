//! Learning-rate schedules: pure functions from the step to a share of the peak rate.
//!
//! Lengths are shares of all steps of a run, so that a schedule is the same on every track. Formulas are those of PyTorch's
//! schedulers, closed (`torch.optim.lr_scheduler` 2.11), and those of airbench.

mod check;

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the learning rate of a parameter group moves; the peak rate is the group's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Straight up to the peak, straight down to the end: `OneCycleLR` with `anneal_strategy="linear"`, momentum untouched.
    OneCycleLinear {
        /// Share of all steps at which the peak lies, above 0 and below 1.
        peak: f64,
        /// First rate as a share of the peak rate, 0 to 1.
        start: f64,
        /// Last rate as a share of the peak rate, 0 to 1.
        end: f64,
    },
    /// The same in half waves of the cosine: `OneCycleLR` with `anneal_strategy="cos"`.
    OneCycleCosine {
        /// Share of all steps at which the peak lies, above 0 and below 1.
        peak: f64,
        /// First rate as a share of the peak rate, 0 to 1.
        start: f64,
        /// Last rate as a share of the peak rate, 0 to 1.
        end: f64,
    },
    /// The same factor at each step: `ExponentialLR`.
    Exponential {
        /// Share of the peak rate that would be left behind the last step, above 0 and at most 1.
        end: f64,
    },
    /// Waves of the cosine down from the peak and up again: `CosineAnnealingLR`, which rises where a run is longer than `half_wave`.
    Cosine {
        /// Share of all steps from a peak to the next low, above 0 and at most 1 (`T_max` over all steps).
        half_wave: f64,
        /// Lowest rate as a share of the peak rate, 0 to 1.
        floor: f64,
    },
    /// Half waves of the cosine from the peak to the low, each begun with a jump to the peak: `CosineAnnealingWarmRestarts`.
    CosineRestarts {
        /// Share of all steps of the first half wave, above 0 and at most 1 (`T_0` over all steps).
        first: f64,
        /// Each half wave is this many times as long as the one before, 1 to 10 (`T_mult`).
        growth: u32,
        /// Lowest rate as a share of the peak rate, 0 to 1.
        floor: f64,
    },
    /// Straight up and straight down, again and again: `CyclicLR`.
    Cyclic {
        /// Share of all steps of a rise, above 0 and at most 1; a fall takes as long (`step_size_up` over all steps).
        rise: f64,
        /// Lowest rate as a share of the peak rate, 0 to 1.
        floor: f64,
        /// How later peaks compare with the first.
        peaks: Peaks,
        /// Moves the momentum against the rate, as `CyclicLR` does unless told otherwise; `null` leaves it alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        momentum: Option<MomentumCycle>,
    },
    /// Straight up to the peak, straight down to the end, on whole steps (airbench).
    Triangle {
        /// Share of all steps at which the peak lies, 0 to below 1; the step is rounded down.
        peak: f64,
        /// First rate as a share of the peak rate, 0 to 1.
        start: f64,
        /// Rate as a share of the peak rate that the step behind the last would have, 0 to 1.
        end: f64,
    },
    /// Straight down from the peak to zero, then zero (airbench with Muon).
    Linear {
        /// Share of all steps that the fall takes, above 0 and at most 1.
        over: f64,
    },
    /// Always the peak rate.
    Constant {},
    /// Straight lines between points.
    Piecewise {
        /// 2 to 20 points: share of all steps and share of the peak rate, each 0 to 1; the first at 0, the last at 1, in order.
        points: Vec<[f64; 2]>,
    },
}

/// How later peaks of a cyclic schedule compare with the first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Peaks {
    /// All are as high: mode `triangular`.
    Equal {},
    /// Each is half of the one before: mode `triangular2`.
    Halving {},
    /// They shrink by the same factor at each step: mode `exp_range`.
    Shrinking {
        /// What is left of a peak behind the last step, above 0 and at most 1.
        end: f64,
    },
}

/// Momentum that moves against the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MomentumCycle {
    /// Momentum at the peak rate, 0 to below 1 (`base_momentum`).
    pub low: f64,
    /// Momentum at the lowest rate, `low` to below 1 (`max_momentum`).
    pub high: f64,
}

impl Schedule {
    /// The rate of step `step` (counted from 0) of `steps`, as a share of the peak rate.
    ///
    /// In a one-cycle schedule the peak lies at `peak * steps - 1` as in PyTorch, in general not a whole step.
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
    pub fn factor(&self, step: u64, steps: u64) -> f64 {
        let (step, steps) = (step as f64, steps as f64);
        match *self {
            Self::OneCycleLinear { peak, start, end } => one_cycle(step, steps, peak, [start, end], line),
            Self::OneCycleCosine { peak, start, end } => one_cycle(step, steps, peak, [start, end], wave),
            Self::Exponential { end } => end.powf(step / steps),
            Self::Cosine { half_wave, floor } => wave(1.0, floor, step / (half_wave * steps)),
            Self::CosineRestarts { first, growth, floor } => {
                wave(1.0, floor, share_since_restart(step, first * steps, f64::from(growth)))
            }
            Self::Cyclic { rise, floor, peaks, .. } => {
                let swing = Swing::at(step, rise * steps);
                line(floor, 1.0, swing.height * peaks.size(swing.cycle, step / steps))
            }
            Self::Triangle { peak, start, end } => {
                triangle(step, steps, (peak * steps + ROUNDING).floor(), [start, end])
            }
            Self::Linear { over } => (1.0 - step / (over * steps)).max(0.0),
            Self::Constant {} => 1.0,
            Self::Piecewise { ref points } => between_points(points, step / steps),
        }
    }

    /// The momentum of step `step` of `steps`, where the schedule changes it.
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
    pub fn momentum(&self, step: u64, steps: u64) -> Option<f64> {
        let Self::Cyclic { rise, peaks, momentum: Some(MomentumCycle { low, high }), .. } = *self else { return None };
        let (step, steps) = (step as f64, steps as f64);
        let swing = Swing::at(step, rise * steps);
        Some(line(high, low, swing.height * peaks.size(swing.cycle, step / steps)))
    }
}

/// Straight from `from` to `to`, of which `share` is done.
fn line(from: f64, to: f64, share: f64) -> f64 {
    from + (to - from) * share
}

/// A half wave of the cosine from `from` to `to`, of which `share` is done; it goes back from there.
fn wave(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * share).cos()) / 2.0
}

fn one_cycle(step: f64, steps: f64, peak: f64, [start, end]: [f64; 2], shape: fn(f64, f64, f64) -> f64) -> f64 {
    let top = peak * steps - 1.0;
    if step <= top && top > 0.0 {
        return shape(start, 1.0, step / top);
    }
    let fall = (steps - 1.0 - top).max(f64::MIN_POSITIVE);
    shape(1.0, end, ((step - top) / fall).clamp(0.0, 1.0))
}

fn triangle(step: f64, steps: f64, top: f64, [start, end]: [f64; 2]) -> f64 {
    if step < top { line(start, 1.0, step / top) } else { line(1.0, end, (step - top) / (steps - top)) }
}

/// Tolerance for rounding when a step is compared with a boundary: 0.14 of 50 steps are 7, not 7.000000000000001.
const ROUNDING: f64 = 1e-9;

/// Share of the current half wave that is done at `step`, the first of which is `first` steps long.
fn share_since_restart(step: f64, first: f64, growth: f64) -> f64 {
    let (mut begin, mut length) = (0.0, first);
    if growth <= 1.0 {
        begin = ((step + ROUNDING) / first).floor() * first;
    } else {
        while step + ROUNDING >= begin + length {
            begin += length;
            length *= growth;
        }
    }
    ((step - begin) / length).max(0.0)
}

fn between_points(points: &[[f64; 2]], at: f64) -> f64 {
    let pair = points.windows(2).find(|pair| at < pair[1][0]);
    let Some(&[[from, low], [to, high]]) = pair.and_then(|pair| pair.first_chunk::<2>()) else {
        return points.last().map_or(1.0, |[_, last]| *last);
    };
    line(low, high, (at - from) / (to - from))
}

/// Where a cyclic schedule stands.
struct Swing {
    /// Number of the rise and fall, from 0.
    cycle: f64,
    /// Height between low and peak, 0 to 1.
    height: f64,
}

impl Swing {
    fn at(step: f64, rise: f64) -> Self {
        let cycle = (step / (2.0 * rise)).floor();
        let done = step / rise - 2.0 * cycle;
        Self { cycle, height: if done <= 1.0 { done } else { 2.0 - done } }
    }
}

impl Peaks {
    /// Size of the current peak as a share of the first.
    fn size(self, cycle: f64, done: f64) -> f64 {
        match self {
            Self::Equal {} => 1.0,
            Self::Halving {} => (-cycle).exp2(),
            Self::Shrinking { end } => end.powf(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORK: Schedule = Schedule::OneCycleLinear { peak: 0.15, start: 1e-16, end: 1e-24 };

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    /// The published schedule of the seed: 225 steps, peak at 32.75, both ends practically zero, sum of shares 112.0.
    #[test]
    fn the_published_schedule_is_met() {
        assert!(FORK.factor(0, 225) < 1e-15);
        assert!(FORK.factor(224, 225) < 1e-15);
        close(FORK.factor(32, 225), 32.0 / 32.75);
        close(FORK.factor(33, 225), 1.0 - 0.25 / 191.25);
        let sum: f64 = (0..225).map(|step| FORK.factor(step, 225)).sum();
        assert!((sum - 112.0).abs() < 0.01, "{sum}");
    }

    /// `ExponentialLR(gamma=0.99)` over 450 steps, as the seed ran it.
    #[test]
    fn an_exponential_loses_the_same_share_at_each_step() {
        let schedule = Schedule::Exponential { end: 0.99_f64.powi(450) };
        close(schedule.factor(0, 450), 1.0);
        close(schedule.factor(449, 450), 0.99_f64.powi(449));
    }

    /// `CosineAnnealingLR(T_max=90)` over 450 steps: lows at 90, 270 and 450, peaks between them.
    #[test]
    fn a_cosine_goes_up_again() {
        let schedule = Schedule::Cosine { half_wave: 0.2, floor: 0.1 };
        for (step, expected) in [(0, 1.0), (45, 0.55), (90, 0.1), (180, 1.0), (270, 0.1), (360, 1.0)] {
            close(schedule.factor(step, 450), expected);
        }
    }

    #[test]
    fn restarts_jump_to_the_peak() {
        let schedule = Schedule::CosineRestarts { first: 0.1, growth: 2, floor: 0.0 };
        for (step, expected) in [(0, 1.0), (5, 0.5), (10, 1.0), (20, 0.5), (30, 1.0), (50, 0.5), (70, 1.0)] {
            close(schedule.factor(step, 100), expected);
        }
        let even = Schedule::CosineRestarts { first: 0.25, growth: 1, floor: 0.0 };
        for (step, expected) in [(0, 1.0), (1, 0.5), (2, 1.0), (7, 0.5)] {
            close(even.factor(step, 8), expected);
        }
    }

    /// The three modes of `CyclicLR` with 45 of 450 steps up: peaks at 45, 135, 225, ...
    #[test]
    fn cycles_have_peaks_of_three_kinds() {
        let cyclic = |peaks| Schedule::Cyclic { rise: 0.1, floor: 0.0, peaks, momentum: None };
        let [equal, halving] = [cyclic(Peaks::Equal {}), cyclic(Peaks::Halving {})];
        for (step, height, size) in
            [(0, 0.0, 0), (45, 1.0, 0), (90, 0.0, 0), (135, 1.0, 1), (225, 1.0, 2), (240, 2.0 / 3.0, 2)]
        {
            close(equal.factor(step, 450), height);
            close(halving.factor(step, 450), height * 0.5_f64.powi(size));
        }
        let shrinking = cyclic(Peaks::Shrinking { end: 0.03125 });
        close(shrinking.factor(135, 450), 0.5_f64.powf(1.5));
    }

    /// `CyclicLR` takes the momentum from 0.9 at the low to 0.8 at the peak.
    #[test]
    fn momentum_moves_against_the_rate() {
        let cycle = MomentumCycle { low: 0.8, high: 0.9 };
        let schedule = Schedule::Cyclic { rise: 0.1, floor: 0.0, peaks: Peaks::Equal {}, momentum: Some(cycle) };
        for (step, expected) in [(0, 0.9), (45, 0.8), (90, 0.9), (67, 0.9 - 0.1 * 23.0 / 45.0)] {
            close(schedule.momentum(step, 450).expect("moves"), expected);
        }
        assert_eq!(FORK.momentum(0, 225), None);
    }

    /// airbench94: 476 steps, the peak at 109 of them, from a fifth of the rate to 0.07 of it.
    #[test]
    fn airbench_rises_and_falls_on_whole_steps() {
        let schedule = Schedule::Triangle { peak: 0.23, start: 0.2, end: 0.07 };
        close(schedule.factor(0, 476), 0.2);
        close(schedule.factor(54, 476), 0.2 + 0.8 * 54.0 / 109.0);
        close(schedule.factor(109, 476), 1.0);
        close(schedule.factor(475, 476), 1.0 - 0.93 * 366.0 / 367.0);
        close(Schedule::Linear { over: 0.5 }.factor(25, 100), 0.5);
        close(Schedule::Linear { over: 0.5 }.factor(60, 100), 0.0);
        close(Schedule::Constant {}.factor(60, 100), 1.0);
    }

    #[test]
    fn points_are_joined_by_straight_lines() {
        let schedule = Schedule::Piecewise { points: vec![[0.0, 0.0], [0.5, 1.0], [1.0, 0.2]] };
        for (step, expected) in [(0, 0.0), (1, 0.25), (4, 1.0), (6, 0.6), (8, 0.2)] {
            close(schedule.factor(step, 8), expected);
        }
    }

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        let share = || 0.01_f64..0.99;
        let peaks = prop_oneof![
            Just(Peaks::Equal {}),
            Just(Peaks::Halving {}),
            share().prop_map(|end| Peaks::Shrinking { end })
        ];
        prop_oneof![
            (share(), share(), share()).prop_map(|(peak, start, end)| Schedule::OneCycleLinear { peak, start, end }),
            (share(), share(), share()).prop_map(|(peak, start, end)| Schedule::OneCycleCosine { peak, start, end }),
            (share(), share(), share()).prop_map(|(peak, start, end)| Schedule::Triangle { peak, start, end }),
            share().prop_map(|end| Schedule::Exponential { end }),
            (share(), share()).prop_map(|(half_wave, floor)| Schedule::Cosine { half_wave, floor }),
            (share(), 1_u32..4, share()).prop_map(|(first, growth, floor)| Schedule::CosineRestarts {
                first,
                growth,
                floor
            }),
            (share(), share(), peaks).prop_map(|(rise, floor, peaks)| Schedule::Cyclic {
                rise,
                floor,
                peaks,
                momentum: None
            }),
            share().prop_map(|over| Schedule::Linear { over }),
            share().prop_map(|middle| Schedule::Piecewise { points: vec![[0.0, 0.0], [middle, 1.0], [1.0, 0.0]] }),
        ]
    }

    proptest! {
        #[test]
        fn shares_stay_between_zero_and_one(schedule in any_schedule(), steps in 1_u64..2000, at in 0.0_f64..1.0) {
            schedule.check("schedule").expect("in range");
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a small product")]
            let step = (at * steps as f64) as u64;
            let factor = schedule.factor(step, steps);
            prop_assert!((-1e-9..=1.0 + 1e-9).contains(&factor), "{factor}");
        }

        #[test]
        fn a_schedule_has_no_jumps(peak in 0.05_f64..0.95, steps in 100_u64..2000, step in 0_u64..99) {
            let schedule = Schedule::OneCycleLinear { peak, start: 0.0, end: 0.0 };
            let jump = (schedule.factor(step + 1, steps) - schedule.factor(step, steps)).abs();
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let slope = 1.0 / ((peak.min(1.0 - peak) * steps as f64) - 1.0);
            prop_assert!(jump <= slope * 1.0001);
        }
    }
}
