//! The determinism check: one seed is trained twice from a fresh model, and the models are compared bit by bit after every
//! optimizer step. Nothing here is timed.

use serde::{Deserialize, Serialize};

use crate::trainer::{Fingerprint, TrainError, Trainer};
use hlb_core::seed::Seed;

/// Where two trainings of one seed first differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Divergence {
    /// Step after which they differ, counted from 1.
    pub step: u64,
    /// The first tensor that differs, in the order of the layers, or `loss`.
    pub tensor: String,
}

/// Trains `seed` twice for `steps` optimizer steps. `None` if both were bit-identical to the end.
pub fn check(trainer: &mut dyn Trainer, seed: Seed, steps: u64) -> Result<Option<Divergence>, TrainError> {
    let mut first = Vec::new();
    follow(trainer, seed, steps, &mut |print| {
        first.push(print);
        None
    })?;
    let mut at = first.iter();
    follow(trainer, seed, steps, &mut |print| differing(at.next()?, &print))
}

/// Trains step by step and shows each fingerprint to `look`, until that names a difference.
fn follow(
    trainer: &mut dyn Trainer,
    seed: Seed,
    steps: u64,
    look: &mut dyn FnMut(Fingerprint) -> Option<String>,
) -> Result<Option<Divergence>, TrainError> {
    trainer.reset(seed)?;
    for step in 1..=steps {
        let loss = trainer.train_until(step)?;
        trainer.synchronize();
        let mut print = vec![("loss".to_owned(), loss.to_bits())];
        print.extend(trainer.fingerprint());
        if let Some(tensor) = look(print) {
            return Ok(Some(Divergence { step, tensor }));
        }
    }
    Ok(None)
}

/// The first tensor that differs, or that only one of the two has.
fn differing(first: &Fingerprint, second: &Fingerprint) -> Option<String> {
    let digest = |print: &Fingerprint, place: usize| print.get(place).map(|(_, digest)| *digest);
    let mut places = 0..first.len().max(second.len());
    let place = places.find(|place| digest(first, *place) != digest(second, *place))?;
    let name = second.get(place).map(|(name, _)| name.clone());
    Some(name.unwrap_or_else(|| "a tensor that the second training lacks".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_log::Shortcut;
    use hlb_core::units::Accuracy;

    /// Counts its steps; in its second life one tensor is changed after some of them.
    struct Counting {
        lives: u32,
        step: u64,
        nudged: Option<(u64, usize)>,
    }

    impl Trainer for Counting {
        fn reset(&mut self, _: Seed) -> Result<(), TrainError> {
            (self.lives, self.step) = (self.lives + 1, 0);
            Ok(())
        }

        fn train_until(&mut self, step: u64) -> Result<f64, TrainError> {
            self.step = step;
            Ok(1.0)
        }

        fn evaluate(&mut self) -> Result<Accuracy, TrainError> {
            unreachable!("accuracy is not compared")
        }

        fn synchronize(&mut self) {}

        fn warm_up(&mut self, _: Seed) -> Result<Vec<Shortcut>, TrainError> {
            unreachable!("it is warm")
        }

        fn fingerprint(&self) -> Fingerprint {
            let nudged =
                |index| self.lives == 2 && self.nudged.is_some_and(|(at, which)| self.step >= at && which == index);
            ["a", "b"].iter().enumerate().map(|(index, name)| ((*name).to_owned(), u64::from(nudged(index)))).collect()
        }
    }

    fn checked(nudged: Option<(u64, usize)>) -> Option<Divergence> {
        check(&mut Counting { lives: 0, step: 0, nudged }, Seed::from_number(1), 5).expect("it never fails")
    }

    #[test]
    fn equal_trainings_never_part() {
        assert_eq!(checked(None), None);
    }

    #[test]
    fn the_first_step_and_tensor_are_named() {
        assert_eq!(checked(Some((3, 1))), Some(Divergence { step: 3, tensor: "b".to_owned() }));
        assert_eq!(checked(Some((6, 1))), None, "what happens later is not looked at");
    }

    #[test]
    fn a_tensor_that_only_one_has_is_a_difference() {
        let print = |digests: &[u64]| digests.iter().map(|digest| (format!("t{digest}"), *digest)).collect();
        assert_eq!(differing(&print(&[1, 2]), &print(&[1, 2])), None);
        assert_eq!(differing(&print(&[1]), &print(&[1, 2])).as_deref(), Some("t2"));
        assert_eq!(
            differing(&print(&[1, 2]), &print(&[1])).as_deref(),
            Some("a tensor that the second training lacks")
        );
    }
}
