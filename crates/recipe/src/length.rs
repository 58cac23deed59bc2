//! How long a recipe trains: epochs, of which the last may be a part of one, and the optimizer steps that they come to.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Passes over the training split; the last may be a part of one, as in the published speed records.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(from = "f64", into = "Value")]
pub struct Epochs(f64);

impl From<f64> for Epochs {
    fn from(epochs: f64) -> Self {
        Self(epochs)
    }
}

impl From<u32> for Epochs {
    fn from(epochs: u32) -> Self {
        Self(f64::from(epochs))
    }
}

impl From<Epochs> for Value {
    /// A whole number is written as such, so that a recipe of whole epochs has one text.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "only whole numbers from 0 to 2^31 are cast"
    )]
    fn from(Epochs(epochs): Epochs) -> Self {
        let is_whole = epochs.fract() == 0.0 && (0.0..2_147_483_648.0).contains(&epochs);
        if is_whole { (epochs as u32).into() } else { epochs.into() }
    }
}

impl Epochs {
    /// The number.
    pub fn number(self) -> f64 {
        self.0
    }

    /// Steps of all epochs, a begun step being one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a range check keeps epochs under 1001"
    )]
    pub fn steps(self, steps_per_epoch: u32) -> u64 {
        // A product such as 1.1 * 10 may be slightly over the whole number that is meant.
        (self.0 * f64::from(steps_per_epoch) - 1e-6).ceil().max(1.0) as u64
    }
}

impl JsonSchema for Epochs {
    fn schema_name() -> Cow<'static, str> {
        "Epochs".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "exclusiveMinimum": 0, "maximum": 1000})
    }
}

/// The optimizer steps of a run, epoch by epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// Epochs, a last part of one included: accuracy is taken after each.
    pub epochs: u32,
    /// Steps of a whole epoch.
    pub steps_per_epoch: u32,
    /// Steps of the last epoch where it is a part of one.
    pub last_epoch_steps: Option<u32>,
}

impl Length {
    /// The steps of `epochs`. `one_less` trains an epoch less where their number is whole.
    pub(super) fn new(epochs: Epochs, steps_per_epoch: u32, one_less: bool) -> Self {
        let spared = if one_less && epochs.0.fract() == 0.0 { u64::from(steps_per_epoch) } else { 0 };
        let steps = epochs.steps(steps_per_epoch).saturating_sub(spared).max(1);
        let each = u64::from(steps_per_epoch.max(1));
        let last = u32::try_from(steps % each).ok().filter(|steps| *steps > 0);
        Self {
            epochs: u32::try_from(steps.div_ceil(each)).unwrap_or(u32::MAX),
            steps_per_epoch,
            last_epoch_steps: last,
        }
    }

    /// Steps made when epoch number `epoch` (counted from 1) is over.
    pub fn steps_after(self, epoch: u32) -> u64 {
        let whole = u64::from(epoch) * u64::from(self.steps_per_epoch);
        match self.last_epoch_steps {
            Some(steps) if epoch == self.epochs => {
                whole.saturating_sub(u64::from(self.steps_per_epoch)).saturating_add(u64::from(steps))
            }
            _ => whole,
        }
    }

    /// Steps of the whole run.
    pub fn steps(self) -> u64 {
        self.steps_after(self.epochs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_epoch_may_be_a_part_of_one() {
        // airbench94: 9.9 epochs of 48 steps are 476.
        let length = Length::new(Epochs(9.9), 48, false);
        assert_eq!((length.epochs, length.last_epoch_steps, length.steps()), (10, Some(44), 476));
        assert_eq!((length.steps_after(9), length.steps_after(10)), (432, 476));
        assert_eq!(Length::new(Epochs(0.3), 10, false).steps(), 3);
        assert_eq!(Length::new(Epochs(1.1), 10, false).steps(), 11);
    }

    /// hlb-CIFAR10 from v0.5.0 on: its last epoch has the fraction of the number of epochs, 0 for a whole one.
    #[test]
    fn a_whole_number_of_epochs_may_train_one_less() {
        assert_eq!(Length::new(Epochs(12.0), 48, true).steps(), 11 * 48);
        assert_eq!(Length::new(Epochs(12.1), 48, true), Length::new(Epochs(12.1), 48, false));
    }

    #[test]
    fn whole_epochs_are_written_as_whole_numbers() {
        assert_eq!(serde_json::to_string(&Epochs(7.0)).expect("a number"), "7");
        assert_eq!(serde_json::to_string(&Epochs(9.9)).expect("a number"), "9.9");
        assert_eq!(serde_json::from_str::<Epochs>("7").expect("a number"), Epochs(7.0));
    }

    proptest! {
        #[test]
        fn epochs_follow_each_other(epochs in 0.01_f64..100.0, each in 1_u32..500) {
            let length = Length::new(Epochs(epochs), each, false);
            let ends: Vec<u64> = (0..=length.epochs).map(|epoch| length.steps_after(epoch)).collect();
            prop_assert_eq!(ends[0], 0);
            prop_assert!(ends.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= u64::from(each)));
            prop_assert_eq!(length.steps(), *ends.last().expect("at least one"));
        }
    }
}
