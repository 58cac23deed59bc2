//! From values to coordinates.

use serde::Serialize;

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tick {
    /// Its coordinate.
    pub at: f64,
    /// Its text.
    pub label: String,
}

/// Most marks of one axis, for any log.
const MOST_TICKS: usize = 13;

/// Fewest marks of a logarithmic axis: two do not show how it bends.
const FEWEST_TICKS: usize = 3;

/// A scale from values to coordinates.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    low: f64,
    high: f64,
    /// Between two marks; on a logarithmic scale it has no meaning.
    step: f64,
    from: f64,
    to: f64,
    logarithmic: bool,
}

impl Scale {
    /// From `low` to `high` as they are; `from` and `to` are the coordinates of the ends.
    pub fn exact(low: f64, high: f64, ticks: u32, from: f64, to: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, step: nice_step(high - low, ticks), from, to, logarithmic: false }
    }

    /// From the tick below `low` to the tick above `high`.
    pub fn around(low: f64, high: f64, ticks: u32, from: f64, to: f64) -> Self {
        let exact = Self::exact(low, high, ticks, from, to);
        let step = exact.step;
        Self { low: (low / step).floor() * step, high: (exact.high / step).ceil() * step, ..exact }
    }

    /// Equal ratios get equal lengths; some room is left at both ends. Both values are above zero.
    pub(crate) fn logarithmic(low: f64, high: f64, from: f64, to: f64) -> Self {
        let room = (high / low).powf(0.06).max(1.12);
        Self { low: low / room, high: high * room, step: 0.0, from, to, logarithmic: true }
    }

    /// The same, but to no more than `most`.
    #[must_use]
    pub fn capped(self, most: f64) -> Self {
        Self { high: self.high.min(most), ..self }
    }

    /// The values at its two ends.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The coordinate of a value, to a tenth of a unit.
    pub fn at(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        ((self.from + share * (self.to - self.from)) * 10.0).round() / 10.0
    }

    /// Marks at round numbers.
    pub fn ticks(&self) -> Vec<Tick> {
        if self.logarithmic {
            return self.logarithmic_ticks();
        }
        self.even_ticks(self.step)
    }

    /// Marks at the multiples of a step.
    fn even_ticks(&self, step: f64) -> Vec<Tick> {
        let first = (self.low / step - 1e-9).ceil();
        let decimals = decimals(step);
        (0..)
            .take(MOST_TICKS)
            .map(|index| (first + f64::from(index)) * step)
            .take_while(|value| *value <= self.high + step * 1e-9)
            .map(|value| Tick { at: self.at(value), label: format!("{value:.decimals$}") })
            .collect()
    }

    /// Marks at 1, 2 and 5 times the powers of ten, at the powers alone where those would crowd, and at the multiples of a step
    /// where hardly any of them lies between the ends.
    fn logarithmic_ticks(&self) -> Vec<Tick> {
        let marks = |factors: &[f64]| -> Vec<f64> {
            let powers = (-12..=12).flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)));
            powers.filter(|value| (self.low..=self.high).contains(value)).collect()
        };
        let many = marks(&[1.0, 2.0, 5.0]);
        if many.len() < FEWEST_TICKS {
            return self.even_ticks(nice_step(self.high - self.low, 8));
        }
        let values = if many.len() > 8 { marks(&[1.0]) } else { many };
        values.into_iter().take(MOST_TICKS).map(|value| Tick { at: self.at(value), label: plain(value) }).collect()
    }
}

/// A number of one digit that counts.
fn plain(value: f64) -> String {
    format!("{value:.*}", decimals(value))
}

/// Decimals that multiples of a step need; the step has one digit that counts.
fn decimals(step: f64) -> usize {
    (0..12)
        .find(|digits| step * 10_f64.powi(*digits) >= 0.999)
        .map_or(12, |digits| usize::try_from(digits).unwrap_or(0))
}

/// 1, 2 or 5 times a power of ten, so that `span` holds at most `ticks` steps.
fn nice_step(span: f64, ticks: u32) -> f64 {
    let least = span / f64::from(ticks);
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(scale: Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_field() {
        let exact = |low, high| labels(Scale::exact(low, high, 6, 0.0, 100.0));
        assert_eq!(exact(0.0, 27.3), ["0", "5", "10", "15", "20", "25"]);
        assert_eq!(exact(89.0, 92.25), ["89", "90", "91", "92"]);
        assert_eq!(exact(0.0, 0.9), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
    }

    #[test]
    fn a_logarithmic_scale_gives_equal_ratios_equal_lengths() {
        let scale = Scale::logarithmic(0.002, 20.0, 0.0, 1000.0);
        assert_eq!(labels(scale), ["0.01", "0.1", "1", "10"]);
        assert!((scale.at(0.1) - scale.at(0.01) - (scale.at(10.0) - scale.at(1.0))).abs() < 0.21);
        assert_eq!(labels(Scale::logarithmic(3.0, 40.0, 0.0, 1.0)), ["5", "10", "20"]);
        assert_eq!(labels(Scale::logarithmic(6.3, 7.0, 0.0, 1.0)), ["6.0", "6.5", "7.0", "7.5"]);
        assert_eq!(labels(Scale::logarithmic(22.9, 75.9, 0.0, 1.0)), ["30", "40", "50", "60", "70", "80"]);
    }

    proptest! {
        #[test]
        fn values_between_the_ends_lie_between_their_coordinates(
            low in 1e-6_f64..1e6, factor in 1.0_f64..1e6, share in 0.0_f64..=1.0
        ) {
            let value = low * factor.powf(share);
            for scale in [Scale::exact(low, low * factor, 6, 50.0, 700.0), Scale::logarithmic(low, low * factor, 50.0, 700.0)] {
                prop_assert!((50.0..=700.0).contains(&scale.at(value)), "{value} {scale:?}");
                prop_assert!((1..=MOST_TICKS).contains(&scale.ticks().len()), "{scale:?}");
            }
        }

        #[test]
        fn a_mark_of_a_logarithmic_axis_stands_where_its_label_says(low in 1e-6_f64..1e6, factor in 1.0_f64..1e6) {
            let scale = Scale::logarithmic(low, low * factor, 50.0, 700.0);
            let ticks = scale.ticks();
            prop_assert!((FEWEST_TICKS..=MOST_TICKS).contains(&ticks.len()), "{ticks:?}");
            for tick in ticks {
                let said: f64 = tick.label.parse().expect("a number");
                prop_assert!((scale.at(said) - tick.at).abs() < 0.11, "{tick:?} {scale:?}");
                prop_assert!((50.0..=700.0).contains(&tick.at), "{tick:?}");
            }
        }
    }
}
