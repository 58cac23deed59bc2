//! The same seed gives the same run, another seed another; labels of the evaluation split never reach training.

use hlb_bench::recipe::Recipe;
use hlb_bench::seed::Seed;
use hlb_bench::trainer::Trainer as _;
use hlb_bench::variant;
use hlb_bench::wire::Arrays;
use tch::Kind;

use crate::tiny;

fn recipe() -> Recipe {
    let mut recipe = variant::shipped("hlb-shapes").unwrap();
    (recipe.epochs, recipe.batch_size, recipe.augment.crop) = (4, 16, 16);
    (recipe.blocks.widths, recipe.average) = (vec![16, 32], None);
    recipe.evaluate.weights = hlb_bench::recipe::EvaluatedWeights::Trained;
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

#[test]
fn one_seed_trained_twice_is_bit_identical_over_its_whole_schedule() {
    tch::set_num_threads(2);
    crate::torch::ask_for_deterministic_algorithms().unwrap();
    let mut averaged = recipe();
    averaged.average = Some(hlb_bench::recipe::Average { epochs: 2, every_steps: 1, decay: 0.9 });
    let mut trainer = tiny::trainer(&averaged, Kind::Float);
    assert_eq!(hlb_bench::repeat::check(&mut trainer, Seed::from_number(1), 16).unwrap(), None);
}

/// Every number of the model is in the fingerprint, under a name of its own.
#[test]
fn a_nudged_tensor_is_named() {
    tch::set_num_threads(1);
    let mut trainer = tiny::trainer(&recipe(), Kind::Float);
    trainer.reset(Seed::from_number(1)).unwrap();
    trainer.train_until(2).unwrap();
    let before = trainer.fingerprint();
    let mut names: Vec<&String> = before.iter().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), before.len());
    let nudge = |tensor: &tch::Tensor| tch::no_grad(|| drop(tensor.narrow(0, 5, 1).g_add_scalar_(1e-3)));
    let state = trainer.state().unwrap();
    for (tensor, name) in
        [(&state.weights, "stem.weight"), (&state.biases, "stem.norm.bias"), (&state.stats, "stem.norm.running_mean")]
    {
        let before = trainer.fingerprint();
        nudge(tensor);
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
