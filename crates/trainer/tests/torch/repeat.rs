//! The same seed gives the same run, another seed another; labels of the evaluation split never reach training.

use hlb_core::seed::Seed;
use hlb_core::units::Accuracy;
use hlb_data::arrays::Arrays;
use hlb_protocol::determinism::{self, Divergence};
use hlb_protocol::run_log::Shortcut;
use hlb_protocol::trainer::{Fingerprint, TrainError, Trainer};
use hlb_recipe::Recipe;
use hlb_recipe::variant;
use tch::{Device, Kind, Tensor};

use crate::tiny;
use hlb_trainer::{Engine, Layout, State, TorchTrainer};

fn recipe() -> Recipe {
    let mut recipe = variant::shipped("hlb-shapes").unwrap();
    (recipe.epochs, recipe.batch_size, recipe.augment.crop) = (4_u32.into(), 16, 16);
    (recipe.blocks.widths, recipe.average) = (vec![16, 32], None);
    recipe.evaluate.weights = hlb_recipe::EvaluatedWeights::Trained;
    recipe
}

/// Loss of each epoch, correct images, and a digest of the final weights.
fn run(arrays: &Arrays, seed: u64) -> (Vec<f64>, u32, f64) {
    tch::set_num_threads(1);
    let mut trainer = tiny::trainer_on(arrays, &recipe(), Kind::Float);
    trainer.reset(Seed::from_number(seed)).unwrap();
    let losses = (1..=4).map(|epoch| trainer.train_until(4 * epoch).unwrap()).collect();
    let weights = trainer.state().unwrap().weights.to_kind(Kind::Double).abs().sum(Kind::Double).double_value(&[]);
    (losses, trainer.evaluate().unwrap().correct, weights)
}

#[test]
fn the_same_seed_gives_the_same_losses() {
    let arrays = tiny::arrays();
    assert_eq!(run(&arrays, 1), run(&arrays, 1));
    assert_ne!(run(&arrays, 1).0, run(&arrays, 2).0);
}

/// The recipe with an average over its last two epochs: steps 9 to 16.
fn averaged() -> Recipe {
    let mut recipe = recipe();
    recipe.average = Some(tiny::observer(2, 1, 0.9));
    recipe
}

#[test]
fn one_seed_trained_twice_is_bit_identical_over_its_whole_schedule() {
    tch::set_num_threads(2);
    hlb_trainer::ask_for_deterministic_algorithms().unwrap();
    let mut trainer = tiny::trainer(&averaged(), Kind::Float);
    assert_eq!(determinism::check(&mut trainer, Seed::from_number(1), 16).unwrap(), None);
}

/// Picks a tensor of a model.
type Pick = fn(&State) -> &Tensor;

/// The real trainer, but one number of its second training is nudged after a step.
struct Disturbed {
    inner: TorchTrainer<'static>,
    lives: u32,
    nudged: Pick,
    after: u64,
}

impl Trainer for Disturbed {
    fn reset(&mut self, seed: Seed) -> Result<(), TrainError> {
        self.lives += 1;
        self.inner.reset(seed)
    }

    fn train_until(&mut self, step: u64) -> Result<f64, TrainError> {
        let loss = self.inner.train_until(step)?;
        if self.lives == 2 && step == self.after {
            nudge((self.nudged)(self.inner.state().unwrap()), 5);
        }
        Ok(loss)
    }

    fn evaluate(&mut self) -> Result<Accuracy, TrainError> {
        self.inner.evaluate()
    }

    fn synchronize(&mut self) {
        self.inner.synchronize();
    }

    fn warm_up(&mut self, seed: Seed) -> Result<Vec<Shortcut>, TrainError> {
        self.inner.warm_up(seed)
    }

    fn fingerprint(&self) -> Fingerprint {
        self.inner.fingerprint()
    }
}

/// Moves one number of a flat tensor, or one filter, by a little.
fn nudge(tensor: &Tensor, place: i64) {
    tch::no_grad(|| drop(tensor.narrow(0, place, 1).g_add_scalar_(1e-3)));
}

/// The place of a flat tensor's last number.
fn last(tensor: &Tensor) -> i64 {
    tensor.size1().unwrap() - 1
}

#[test]
fn a_training_that_is_disturbed_parts_at_that_step_and_tensor() {
    tch::set_num_threads(1);
    let cases: [(Pick, u64, &str); 4] = [
        (|state| &state.weights, 1, "stem.weight"),
        (|state| &state.biases, 7, "stem.norm.bias"),
        (|state| &state.stats, 12, "stem.norm.running_mean"),
        (|state| state.whitening.as_ref().unwrap(), 16, "whitening.weight"),
    ];
    for (nudged, after, tensor) in cases {
        let mut trainer = Disturbed { inner: tiny::trainer(&averaged(), Kind::Float), lives: 0, nudged, after };
        let divergence = determinism::check(&mut trainer, Seed::from_number(1), 16).unwrap();
        assert_eq!(divergence, Some(Divergence { step: after, tensor: tensor.to_owned() }));
    }
}

#[test]
fn a_fingerprint_has_a_name_of_its_own_for_each_tensor() {
    tch::set_num_threads(1);
    let mut trainer = tiny::trainer(&averaged(), Kind::Float);
    assert_eq!(trainer.fingerprint(), []);
    trainer.reset(Seed::from_number(1)).unwrap();
    trainer.train_until(9).unwrap();
    let names: Vec<String> = trainer.fingerprint().into_iter().map(|(name, _)| name).collect();
    let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len());
    // Stem, two blocks and head: the whitening, 6 weights and 5 normalizations of 3 tensors; momentum has neither whitening nor statistics.
    let (model, momentum) = (1 + 6 + 5 * 3, 6 + 5);
    assert_eq!(names.len(), 2 * model + momentum);
    for name in ["head.weight", "momentum of blocks[1].norm2.bias", "average of blocks[0].norm1.running_variance"] {
        assert!(distinct.contains(&name.to_owned()), "{name} is not in {names:?}");
    }
}

/// Every number of every flat tensor lies in exactly one named tensor, with split batches and trained scales too.
#[test]
fn names_cover_every_number_of_the_model_once() {
    for (ghosts, ghost_stem, train_scale) in [(1, false, false), (4, false, true), (4, true, false)] {
        let mut recipe = recipe();
        (recipe.norm.ghost_batches, recipe.norm.ghost_stem, recipe.norm.train_scale) =
            (ghosts, ghost_stem, train_scale);
        let layout = Layout::new(&recipe, 3, 10);
        let mut state = State::fresh(&recipe, &layout, Engine::cpu(Kind::Double), Seed::from_number(1));
        // Not a part of a flat tensor.
        state.whitening = None;
        let mut next = 0;
        for tensor in [&mut state.weights, &mut state.biases, &mut state.stats] {
            let count = tensor.size1().unwrap();
            *tensor = Tensor::arange_start(next, next + count, (Kind::Double, Device::Cpu));
            next += count;
        }
        let named: Vec<Tensor> = state.named(&layout).iter().map(|(_, tensor)| tensor.reshape(-1)).collect();
        let (numbers, _) = Tensor::cat(&named, 0).sort(0, false);
        assert_eq!(numbers, Tensor::arange(next, (Kind::Double, Device::Cpu)));
    }
}

/// A change too small to be seen in any loss is seen, and in no other tensor.
#[test]
fn a_nudged_tensor_is_named() {
    tch::set_num_threads(1);
    let mut trainer = tiny::trainer(&recipe(), Kind::Float);
    trainer.reset(Seed::from_number(1)).unwrap();
    trainer.train_until(2).unwrap();
    let state = trainer.state().unwrap();
    for (tensor, place, name) in [
        (&state.weights, 0, "stem.weight"),
        (&state.weights, last(&state.weights), "head.weight"),
        (&state.biases, last(&state.biases), "blocks[1].norm2.bias"),
        (&state.stats, last(&state.stats), "blocks[1].norm2.running_variance"),
    ] {
        let before = trainer.fingerprint();
        nudge(tensor, place);
        let after = trainer.fingerprint();
        let changed: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).map(|(a, _)| a.0.as_str()).collect();
        assert_eq!(changed, [name]);
    }
}

#[test]
fn a_warmup_run_leaves_no_trace() {
    tch::set_num_threads(1);
    let mut trainer = tiny::trainer(&recipe(), Kind::Float);
    trainer.warm_up(Seed::from_number(9)).unwrap();
    trainer.reset(Seed::from_number(1)).unwrap();
    let losses: Vec<f64> = (1..=4).map(|epoch| trainer.train_until(4 * epoch).unwrap()).collect();
    assert_eq!(losses, run(&tiny::arrays(), 1).0);
}

#[test]
fn labels_of_the_evaluation_split_never_reach_training() {
    let arrays = tiny::arrays();
    let mut bytes = arrays.bytes().to_vec();
    let labels = bytes.len() - arrays.eval_labels().len();
    bytes[labels..].iter_mut().for_each(|label| *label = 9 - *label);
    let poisoned = Arrays::new(bytes, arrays.shapes()).unwrap();
    let (honest, poisoned) = (run(&tiny::arrays(), 1), run(&poisoned, 1));
    assert_eq!((honest.0, honest.2), (poisoned.0, poisoned.2));
    assert_ne!(honest.1, poisoned.1);
}

#[test]
fn the_loss_falls() {
    let losses = run(&tiny::arrays(), 1).0;
    assert!(losses[3] < losses[0], "{losses:?}");
}

#[test]
fn training_that_blows_up_is_seen_as_such() {
    let mut recipe = recipe();
    recipe.optimizer.weights.lr = 10.0;
    recipe.optimizer.weights.weight_decay = 100.0;
    let mut trainer = tiny::trainer(&recipe, Kind::Float);
    trainer.reset(Seed::from_number(1)).unwrap();
    let diverged = (1..=4).any(|epoch| !trainer.train_until(4 * epoch).unwrap().is_finite());
    assert!(diverged);
}
