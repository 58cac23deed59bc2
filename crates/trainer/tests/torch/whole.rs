//! Whole runs of every shipped recipe against the PyTorch reference implementation, in double precision: rates, epochs and every
//! switch as shipped, narrow layers and small images.
//!
//! *Why in double precision:* at the published rates no two implementations agree for long in single precision, nor does one with
//! itself after its weights were changed by a rounding error, since a maximum of a pooling falls on another pixel. There the
//! bound is how far a run strays from itself.

use std::panic::{AssertUnwindSafe, catch_unwind};

use hlb_core::seed::Seed;
use hlb_data::arrays::{ArrayShapes, Arrays};
use hlb_protocol::trainer::Trainer as _;
use hlb_recipe::{Cutmix, Flip, Recipe, variant};
use hlb_trainer::{AugmentationDraws, Corners, Layout, TorchTrainer};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::golden::{close, compare_state, numbers, same, set_weights};
use crate::tiny::{self, Numbers};

const SHAPES: ArrayShapes = ArrayShapes { train: 64, evaluation: 64, height: 20, width: 20, channels: 3, classes: 10 };

/// How far losses may be from the reference's, relative to the largest.
const LOSSES: f64 = 1e-10;

/// How far final tensors may be, each relative to the largest number of its own.
const TENSORS: f64 = 1e-8;

/// How far whitening filters may be. Rounding grows in eigenvectors, so runs go on with the reference's.
const FILTERS: f64 = 1e-8;

/// What is smaller than in the shipped recipe.
const SMALLER: [&str; 8] = [
    "resolution",
    "batch_size",
    "augment.crop",
    "augment.cutout",
    "blocks.widths",
    "stem.chunk",
    "stem.images",
    "stem.width",
];

pub(crate) fn document() -> Value {
    serde_json::from_str(include_str!("../../../../tests/parity/whole.json")).unwrap()
}

/// The draws of an epoch from the generator that both sides share.
fn draws(recipe: &Recipe, epoch: u32) -> AugmentationDraws {
    let (augment, mut numbers) = (recipe.augment, Numbers(100 + epoch));
    let mut order: Vec<u32> = (0..SHAPES.train).collect();
    for last in (1..SHAPES.train).rev() {
        order.swap(last as usize, (numbers.next() % (last + 1)) as usize);
    }
    let below = |numbers: &mut Numbers, span: u32| (0..SHAPES.train).map(|_| numbers.next() % span).collect::<Vec<_>>();
    let corners = |numbers: &mut Numbers, span: u32| Corners { top: below(numbers, span), left: below(numbers, span) };
    let span = SHAPES.width + 2 * augment.pad - augment.crop + u32::from(augment.last_offset);
    let crops = corners(&mut numbers, span.max(1));
    let heads = |numbers: &mut Numbers| below(numbers, 2).into_iter().map(|coin| coin == 1).collect::<Vec<_>>();
    let flips = match augment.flip {
        Flip::Off => vec![false; order.len()],
        Flip::Random => heads(&mut numbers),
        Flip::Alternating => {
            let first = heads(&mut Numbers(99));
            order.iter().map(|image| first[*image as usize] != (epoch % 2 == 1)).collect()
        }
    };
    let cuts = (augment.cutout > 0).then(|| corners(&mut numbers, augment.crop - augment.cutout + 1));
    let planned = recipe.planned_length(SHAPES.train).epochs;
    let due = augment.cutmix.filter(|cutmix| cutmix.is_due(epoch, planned));
    let mixes = due.map(|Cutmix { size, .. }| corners(&mut numbers, augment.crop - size + 1));
    let mut around = |most: f64| (0..SHAPES.train).map(|_| numbers.unit() * most as f32).collect::<Vec<_>>();
    let jitter = augment.jitter.map(|jitter| {
        let shift = around(jitter.brightness);
        (shift, around(jitter.contrast).into_iter().map(|change| 1.0 + change).collect())
    });
    AugmentationDraws { order, crops, flips, cuts, mixes, jitter }
}

fn begin(name: &str, recipe: &Recipe, run: &Value, (arrays, kind): (&Arrays, Kind)) -> TorchTrainer<'static> {
    tch::set_num_threads(1);
    let mut trainer = tiny::trainer_on(arrays, recipe, kind);
    trainer.reset(Seed::from_number(1)).unwrap();
    let layout = Layout::new(recipe, SHAPES.channels, SHAPES.classes);
    set_weights(recipe, &layout, trainer.state().unwrap());
    let whitened: Vec<u32> = (0..SHAPES.train).collect();
    trainer.fit_whitening_in(&whitened);
    if run["whitening"].is_array() {
        let expected = numbers(&run["whitening"]);
        let mut filters = trainer.state().unwrap().whitening.as_ref().unwrap().shallow_clone();
        let found = Vec::<f64>::try_from(filters.to_kind(Kind::Double).contiguous().view(-1)).unwrap();
        let largest = expected.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        close(
            &format!("{name} whitening"),
            &found,
            &expected,
            if kind == Kind::Double { FILTERS } else { 1e-4 } * largest,
        );
        filters.copy_(&Tensor::from_slice(&expected).view(filters.size().as_slice()));
    }
    trainer
}

/// Losses of a whole run, and how many images were right after each epoch.
fn train(recipe: &Recipe, trainer: &mut TorchTrainer) -> (Vec<f64>, Vec<f64>) {
    let length = recipe.length(SHAPES.train);
    let (mut losses, mut correct) = (Vec::new(), Vec::new());
    for epoch in 0..length.epochs {
        let plan = trainer.parts().1.plan(&draws(recipe, epoch));
        let begin = u64::from(epoch * length.steps_per_epoch);
        for step in begin..length.steps_after(epoch + 1) {
            let side = recipe.side_at(step, recipe.schedule_steps(SHAPES.train));
            let batch = trainer.parts().1.batch(&plan, (step - begin) as i64, recipe.batch_size.into(), side.into());
            losses.push(trainer.update(&batch).double_value(&[]) / f64::from(recipe.batch_size));
        }
        correct.push(f64::from(trainer.evaluate().unwrap().correct));
    }
    (losses, correct)
}

/// The recipe of a run, which differs from the shipped one in its size alone.
fn recipe_of(name: &str, run: &Value) -> Recipe {
    let recipe: Recipe = serde_json::from_value(run["recipe"].clone()).unwrap();
    let shipped = variant::shipped(name).unwrap_or_else(|| panic!("{name} is not shipped any more"));
    for change in variant::differences(&shipped, &recipe) {
        let allowed = SMALLER.iter().any(|key| change.path == *key || change.path.starts_with(&format!("{key}[")));
        assert!(allowed, "{name}: {} is {}, shipped is {}", change.path, change.after, change.before);
    }
    recipe
}

fn compare(name: &str, run: &Value, arrays: &Arrays) {
    let recipe = recipe_of(name, run);
    let mut trainer = begin(name, &recipe, run, (arrays, Kind::Double));
    let (losses, correct) = train(&recipe, &mut trainer);
    let expected = numbers(&run["losses"]);
    let largest = expected.iter().fold(0.0_f64, |largest, loss| largest.max(*loss));
    let farthest = losses.iter().zip(&expected).map(|(found, loss)| (found - loss).abs()).fold(0.0, f64::max);
    println!("{name}: {} steps, losses within {:.0e}", losses.len(), farthest / largest);
    close(&format!("{name} losses"), &losses, &expected, LOSSES * largest);
    assert_eq!(correct, numbers(&run["correct"]), "{name}");
    let layout = Layout::new(&recipe, SHAPES.channels, SHAPES.classes);
    same(&format!("{name} logits"), &trainer.logits().unwrap(), &run["logits"], TENSORS);
    compare_state(&format!("{name} trained"), &layout, trainer.state().unwrap(), &run["trained"], TENSORS);
    compare_state(
        &format!("{name} evaluated"),
        &layout,
        trainer.evaluated_state().unwrap(),
        &run["evaluated"],
        TENSORS,
    );
}

#[test]
fn whole_runs_of_every_shipped_recipe_agree_with_the_reference() {
    let (document, arrays) = (document(), tiny::arrays_of(SHAPES));
    let runs = document["runs"].as_object().unwrap();
    for name in variant::recipe_names() {
        assert!(runs.contains_key(name), "{name} is not in whole.json: run tests/parity/whole.py");
    }
    let fails = |(name, run): (&String, &Value)| {
        catch_unwind(AssertUnwindSafe(|| compare(name, run, &arrays))).is_err().then(|| name.clone())
    };
    let failed: Vec<String> = runs.iter().filter_map(fails).collect();
    assert!(failed.is_empty(), "recipes that do not agree: {failed:?}");
}

/// How far two series are apart at most.
fn farthest(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f64::max)
}

/// In single precision a run is as near to the reference's as to itself after its weights were off by rounding errors.
#[test]
fn in_single_precision_a_run_strays_from_the_reference_as_from_itself() {
    let (document, arrays) = (document(), tiny::arrays_of(SHAPES));
    for name in
        ["hlb-cifar10", "hlb-cifar10-v0.7.0-r2", "airbench94-r2", "airbench96-r2", "hiverge-r2", "hlb-imagenette"]
    {
        let run = &document["runs"][name];
        let recipe = recipe_of(name, run);
        let single = |errors: f64| {
            let mut trainer = begin(name, &recipe, run, (&arrays, Kind::Float));
            let mut weights = trainer.state().unwrap().weights.detach();
            // Each its own: normalization takes a common factor off again.
            let errors = weights.ones_like().cumsum(0, Kind::Double).sin() * errors;
            let _ = weights.g_mul_(&(errors + 1.0).to_kind(Kind::Float));
            train(&recipe, &mut trainer).0
        };
        let plain = single(0.0);
        let control = farthest(&plain, &single(f64::from(f32::EPSILON)));
        let strayed = farthest(&plain, &numbers(&run["losses"]));
        println!("{name}: {strayed:.0e} from the reference, {control:.0e} from itself");
        // A pooling that falls on another pixel, in one run of them and not in the others, makes a step of it.
        assert!(
            strayed <= (20.0 * control).max(5e-3),
            "{name}: {strayed:e} from the reference, {control:e} from itself"
        );
    }
}
