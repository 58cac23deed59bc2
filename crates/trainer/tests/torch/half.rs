//! Half precision on the CPU, which is slow and rounds as a GPU does: every shipped recipe stays finite and near single precision.

use hlb_core::seed::Seed;
use hlb_protocol::trainer::Trainer as _;
use hlb_recipe::{Recipe, Rule, variant};
use tch::Kind;

use crate::tiny;

/// Updates that are compared.
const STEPS: u64 = 9;

/// A recipe on the small data set: narrow, with small batches and a short schedule.
fn small(name: &str) -> Recipe {
    let mut recipe = variant::shipped(name).unwrap();
    recipe.epochs = 4_u32.into();
    recipe.batch_size = 16;
    recipe.augment.crop = 16;
    for stage in &mut recipe.resolution {
        stage.side = 12;
    }
    recipe.blocks.widths.truncate(3);
    for (width, narrow) in recipe.blocks.widths.iter_mut().zip([16, 24, 32]) {
        *width = narrow;
    }
    if name == "resnet9-shapes" {
        // An image moves the weights as in its batches of 128. At its own rates one rounding of the weights before the first update
        // would grow to a tenth of the losses by itself.
        recipe.optimizer.weights.lr /= 8.0;
        recipe.optimizer.biases.lr /= 8.0;
    }
    recipe
}

/// Losses of the first updates, and the weights after them.
fn trained(recipe: &Recipe, kind: Kind) -> (Vec<f64>, f64) {
    tch::set_num_threads(1);
    let mut trainer = tiny::trainer(recipe, kind);
    trainer.reset(Seed::from_number(3)).unwrap();
    let losses = (1..=STEPS).map(|step| trainer.train_until(step).unwrap()).collect();
    let weights = trainer.state().unwrap().weights.to_kind(Kind::Double).abs().sum(Kind::Double);
    (losses, weights.double_value(&[]))
}

/// How far the losses and weights in `kind` are from those in single precision, relatively.
fn distance(recipe: &Recipe, kind: Kind) -> f64 {
    let (single, half) = (trained(recipe, Kind::Float), trained(recipe, kind));
    let apart = |a: f64, b: f64| if b.is_finite() { ((a - b) / a).abs() } else { f64::INFINITY };
    let losses = single.0.iter().zip(&half.0).map(|(a, b)| apart(*a, *b)).fold(0.0, f64::max);
    losses.max(apart(single.1, half.1))
}

#[test]
fn adamw_has_its_small_numbers_in_half_precision_too() {
    let mut recipe = small("hlb-shapes");
    recipe.average = None;
    recipe.evaluate.weights = hlb_recipe::EvaluatedWeights::Trained;
    let weights = &mut recipe.optimizer.weights;
    (weights.rule, weights.lr, weights.weight_decay) =
        (Rule::Adamw { beta1: 0.9, beta2: 0.999, eps: 1e-8 }, 0.002, 0.05);
    for kind in [Kind::Half, Kind::BFloat16] {
        let distance = distance(&recipe, kind);
        assert!(distance < 0.05, "{kind:?}: {distance}");
    }
}

/// A decay that half precision would round away still shrinks the weights as in single precision.
#[test]
fn a_small_decay_is_not_rounded_away() {
    let mut recipe = small("hlb-shapes");
    recipe.average = None;
    recipe.evaluate.weights = hlb_recipe::EvaluatedWeights::Trained;
    let weights = &mut recipe.optimizer.weights;
    (weights.rule, weights.lr) = (Rule::Adamw { beta1: 0.9, beta2: 0.999, eps: 1.0 }, 1e-3);
    let shrinks = |decay: f64, kind: Kind| {
        let mut recipe = recipe.clone();
        recipe.optimizer.weights.weight_decay = decay;
        trained(&recipe, kind).1
    };
    let share = |kind: Kind| 1.0 - shrinks(0.2, kind) / shrinks(0.0, kind);
    let (single, half) = (share(Kind::Float), share(Kind::Half));
    assert!(single > 1e-4 && (half / single - 1.0).abs() < 0.2, "{half} for {single}");
}

/// Recipes for images of one channel are left out.
#[test]
fn every_recipe_trains_in_half_precision() {
    let names: Vec<&str> = variant::recipe_names().into_iter().filter(|name| !name.contains("fashion")).collect();
    assert!(names.len() > 12, "{names:?}");
    for name in names {
        for kind in [Kind::Half, Kind::BFloat16] {
            let distance = distance(&small(name), kind);
            assert!(distance < 0.1, "{name} in {kind:?}: {distance}");
        }
    }
}
