//! Step for step against numbers that the PyTorch reference computed: the first forward pass, whitening, 50 losses, weights,
//! statistics, averages, evaluation, schedules and augmented batches.
//!
//! The reference computes in double precision. Here every case is trained twice: in double precision, where rounding is too small
//! to blur a comparison, and in single precision, as recipes are. There rounding grows from update to update, and a maximum
//! that falls on another pixel makes a step of it: 10 losses agree to 1e-4, all 50 in most cases to 1e-4 and in all to 5e-3, and
//! final tensors are not compared.

use std::cell::Cell;

use hlb_core::artifact::sha256_file;
use hlb_core::seed::Seed;
use hlb_protocol::trainer::Trainer as _;
use hlb_recipe::schedule::Schedule;
use hlb_recipe::{Augment, BiasStart, Recipe};
use hlb_trainer::{
    AugmentationDraws, Batch, Corners, DeviceData, Engine, Layout, Mode, State, TorchTrainer, apply_init,
};
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::tiny::{self, Numbers};

/// How far numbers may be from the reference's, relative to the largest of their tensor.
#[derive(Clone, Copy)]
struct Tolerance {
    kind: Kind,
    forward: f64,
    first_losses: f64,
    losses: f64,
    /// Final tensors; not compared in single precision.
    weights: f64,
}

/// Losses over which rounding in single precision has not grown yet.
const FIRST: usize = 10;

const DOUBLE: Tolerance =
    Tolerance { kind: Kind::Double, forward: 1e-8, first_losses: 1e-8, losses: 1e-8, weights: 1e-6 };
const SINGLE: Tolerance =
    Tolerance { kind: Kind::Float, forward: 1e-5, first_losses: 1e-4, losses: 5e-3, weights: 0.0 };

fn document() -> Value {
    serde_json::from_str(include_str!("../../../../tests/parity/golden.json")).unwrap()
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

pub(crate) fn close(name: &str, found: &[f64], expected: &[f64], allowed: f64) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= allowed, "{name}[{index}]: {found}, the reference has {expected}");
    }
}

/// A tensor against the reference's summary of its own: the sum of its magnitudes, and 16 numbers out of it.
pub(crate) fn same(name: &str, tensor: &Tensor, summary: &Value, relative: f64) {
    let flat = tensor.detach().to_kind(Kind::Double).contiguous().view(-1);
    let (count, size) = (flat.numel(), flat.abs().sum(Kind::Double).double_value(&[]));
    let expected = summary["abs"].as_f64().unwrap();
    assert!((size - expected).abs() <= relative * expected.max(1e-3), "{name}: {size}, the reference has {expected}");
    let found: Vec<f64> = (0..16).map(|index| flat.double_value(&[(index * 997 % count) as i64])).collect();
    let mean = expected / count as f64;
    let samples = numbers(&summary["samples"]);
    let largest = samples.iter().fold(mean, |largest, sample| largest.max(sample.abs()));
    close(name, &found, &samples, relative * largest.max(1e-6));
}

/// The same initial weights as the reference's, in the order of the layers; what the recipe starts from is made of them.
pub(crate) fn set_weights(recipe: &Recipe, layout: &Layout, state: &State) {
    let mut numbers = Numbers(2);
    let mut set = |mut view: Tensor, fan_in: i64| {
        let drawn: Vec<f64> = (0..view.numel()).map(|_| f64::from(numbers.unit()) / (fan_in as f64).sqrt()).collect();
        tch::no_grad(|| view.copy_(&Tensor::from_slice(&drawn).view(view.size().as_slice())));
    };
    for view in layout.weight_views(&state.weights) {
        let fan_in = view.size()[1..].iter().product();
        set(view, fan_in);
    }
    if recipe.stem.whitening().is_some_and(|whiten| whiten.bias == Some(BiasStart::Uniform)) {
        set(state.whitening_bias.as_ref().unwrap().shallow_clone(), layout.whitening().unwrap().fan_in);
    }
    if let Some(filters) = &state.whitening {
        set(filters.shallow_clone(), layout.whitening().unwrap().fan_in);
    }
    apply_init(recipe.init, layout, &state.weights.detach(), state.whitening.as_ref());
}

pub(crate) fn compare_state(name: &str, layout: &Layout, state: &State, expected: &Value, relative: f64) {
    let found = state.named(layout);
    assert_eq!(found.len(), expected.as_object().unwrap().len(), "{name}");
    for (tensor, value) in found {
        let summary = expected.get(&tensor).unwrap_or_else(|| panic!("{name}: the reference has no {tensor}"));
        same(&format!("{name} {tensor}"), &value, summary, relative);
    }
}

fn begin(case: &Value, kind: Kind) -> (TorchTrainer<'static>, Layout, Recipe) {
    tch::set_num_threads(1);
    let recipe: Recipe = serde_json::from_value(case["recipe"].clone()).unwrap();
    let layout = Layout::new(&recipe, tiny::SHAPES.channels, tiny::SHAPES.classes);
    let mut trainer = tiny::trainer(&recipe, kind);
    trainer.reset(Seed::from_number(1)).unwrap();
    set_weights(&recipe, &layout, trainer.state().unwrap());
    (trainer, layout, recipe)
}

/// All training images in their order, as they are.
fn in_order() -> AugmentationDraws {
    let count = tiny::SHAPES.train as usize;
    AugmentationDraws {
        order: (0..tiny::SHAPES.train).collect(),
        crops: Corners { top: vec![0; count], left: vec![0; count] },
        flips: vec![false; count],
        cuts: None,
        mixes: None,
        jitter: None,
    }
}

/// The batch of an optimizer step: the whole training split.
fn whole_batch(data: &DeviceData, recipe: &Recipe, step: u64) -> Batch {
    let side = recipe.side_at(step, recipe.schedule_steps(tiny::SHAPES.train));
    data.batch(&data.plan(&in_order()), 0, tiny::SHAPES.train.into(), side.into())
}

/// Every tensor on the way of the first pass through the network.
fn compare_forward(name: &str, case: &Value, tolerance: Tolerance) {
    let (mut trainer, _, recipe) = begin(case, tolerance.kind);
    trainer.fit_whitening_in(&in_order().order);
    if let Some(expected) = case["whitening"].as_array() {
        let filters = trainer.state().unwrap().whitening.as_ref().unwrap().contiguous().view(-1);
        let found = Vec::<f64>::try_from(filters.to_kind(Kind::Double)).unwrap();
        let largest = found.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        close(
            &format!("{name} whitening"),
            &found,
            &numbers(&Value::from(expected.clone())),
            tolerance.forward * largest,
        );
    }
    let (network, data) = trainer.parts();
    let images = whole_batch(data, &recipe, 0).images;
    let mut seen = Vec::new();
    let mut probe = |name: &str, tensor: &Tensor| seen.push((name.to_owned(), tensor.detach()));
    let _ = network.probed(trainer.state().unwrap(), &images, Mode::Train, Some(&mut probe));
    let expected = case["forward"].as_array().unwrap();
    assert_eq!(seen.len(), expected.len(), "{name}");
    for ((tensor, value), expected) in seen.iter().zip(expected) {
        assert_eq!(Some(tensor.as_str()), expected[0].as_str(), "{name}");
        same(&format!("{name} {tensor}"), value, &expected[1], tolerance.forward);
    }
}

/// Returns how far a loss is from the reference's at most, relative to the largest.
fn compare_training(name: &str, case: &Value, tolerance: Tolerance) -> f64 {
    let (mut trainer, layout, recipe) = begin(case, tolerance.kind);
    trainer.fit_whitening_in(&in_order().order);
    let losses: Vec<f64> = (0..recipe.length(tiny::SHAPES.train).steps())
        .map(|step| {
            let batch = whole_batch(trainer.parts().1, &recipe, step);
            trainer.update(&batch).double_value(&[]) / f64::from(tiny::SHAPES.train)
        })
        .collect();
    let expected = numbers(&case["losses"]);
    let largest = expected.iter().fold(0.0_f64, |largest, loss| largest.max(*loss));
    close(&format!("{name} first losses"), &losses[..FIRST], &expected[..FIRST], tolerance.first_losses * largest);
    close(&format!("{name} losses"), &losses, &expected, tolerance.losses * largest);
    let farthest = losses.iter().zip(&expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max);
    if tolerance.kind != Kind::Double {
        return farthest / largest;
    }
    // First, since an evaluation may even running statistics out.
    same(&format!("{name} logits"), &trainer.logits().unwrap(), &case["logits"], tolerance.weights);
    compare_state(&format!("{name} trained"), &layout, trainer.state().unwrap(), &case["trained"], tolerance.weights);
    let evaluated = trainer.evaluated_state().unwrap();
    compare_state(&format!("{name} evaluated"), &layout, evaluated, &case["evaluated"], tolerance.weights);
    let correct = u64::from(trainer.evaluate().unwrap().correct);
    assert_eq!(Some(correct), case["correct"].as_u64(), "{name}");
    farthest / largest
}

/// Compares all cases, and names every one that fails. Returns how many there are.
fn all_cases(compare: impl Fn(&str, &Value)) -> usize {
    let document = document();
    let cases = document["cases"].as_object().unwrap();
    assert!(cases.len() >= 30, "{} cases", cases.len());
    let fails = |(name, case): (&String, &Value)| {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| compare(name, case)));
        done.is_err().then(|| name.clone())
    };
    let failed: Vec<String> = cases.iter().filter_map(fails).collect();
    assert!(failed.is_empty(), "cases that do not agree: {failed:?}");
    cases.len()
}

#[test]
fn the_first_forward_pass_agrees_with_the_reference() {
    for tolerance in [DOUBLE, SINGLE] {
        all_cases(|name, case| compare_forward(name, case, tolerance));
    }
}

#[test]
fn fifty_steps_in_double_precision_agree_with_the_reference() {
    all_cases(|name, case| {
        compare_training(name, case, DOUBLE);
    });
}

#[test]
fn fifty_steps_in_single_precision_agree_with_the_reference() {
    let near = Cell::new(0);
    let cases = all_cases(|name, case| {
        let farthest = compare_training(name, case, SINGLE);
        near.set(near.get() + usize::from(farthest <= SINGLE.first_losses));
    });
    println!("{} of {cases} cases keep all 50 losses to {:e}", near.get(), SINGLE.first_losses);
    assert!(2 * near.get() > cases, "rounding alone does not part most of them");
}

/// Rates and momenta against those of PyTorch's own schedulers.
#[test]
fn schedules_agree_with_those_of_pytorch() {
    let document = document();
    let schedules = document["schedules"].as_object().unwrap();
    assert!(schedules.len() >= 10);
    for (name, case) in schedules {
        let schedule: Schedule = serde_json::from_value(case["schedule"].clone()).unwrap();
        let steps = case["steps"].as_u64().unwrap();
        let found: Vec<f64> = (0..steps).map(|step| schedule.factor(step, steps)).collect();
        close(name, &found, &numbers(&case["factors"]), 1e-9);
        if !case["momenta"].is_null() {
            let found: Vec<f64> = (0..steps).map(|step| schedule.momentum(step, steps).unwrap()).collect();
            close(&format!("{name} momentum"), &found, &numbers(&case["momenta"]), 1e-9);
        }
    }
}

fn whole_numbers(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|number| number.as_u64().unwrap() as u32).collect()
}

fn corners(choices: &Value, top: &str, left: &str) -> Option<Corners> {
    let top = choices.get(top)?;
    Some(Corners { top: whole_numbers(top), left: whole_numbers(&choices[left]) })
}

/// The same draws of crops, mirror images, squares and brightness make the same batch.
#[test]
fn augmented_batches_agree_with_the_reference() {
    let document = document();
    for (name, case) in document["augment"].as_object().unwrap() {
        let augment: Augment = serde_json::from_value(case["augment"].clone()).unwrap();
        let given = &case["choices"];
        let single =
            |key: &str| given.get(key).map(|value| numbers(value).iter().map(|v| *v as f32).collect::<Vec<_>>());
        let draws = AugmentationDraws {
            order: whole_numbers(&given["order"]),
            crops: corners(given, "top", "left").unwrap(),
            flips: given["flips"]
                .as_array()
                .map_or_else(|| vec![false; 8], |flips| flips.iter().map(|flip| flip.as_bool().unwrap()).collect()),
            cuts: corners(given, "cut_top", "cut_left"),
            mixes: corners(given, "mix_top", "mix_left"),
            jitter: single("brightness").zip(single("contrast")),
        };
        let data = DeviceData::upload(&tiny::arrays(), augment, Engine::cpu(Kind::Double));
        let side = case["side"].as_i64().unwrap_or(i64::from(augment.crop));
        let batch = data.batch(&data.plan(&draws), 0, draws.order.len() as i64, side);
        // Brightness and contrast are drawn in single precision.
        same(name, &batch.images, &case["images"], 1e-6);
        let labels = Vec::<i64>::try_from(&batch.labels).unwrap();
        assert_eq!(
            labels.iter().map(|label| *label as u32).collect::<Vec<_>>(),
            whole_numbers(&case["labels"]),
            "{name}"
        );
        let share = batch.mixed.as_ref().map(|(_, share)| *share);
        assert_eq!(share, case["mixed_share"].as_f64(), "{name}");
        if let Some((others, _)) = &batch.mixed {
            let next: Vec<i64> = labels[1..].iter().chain(&labels[..1]).copied().collect();
            assert_eq!(Vec::<i64>::try_from(others).unwrap(), next, "{name}");
        }
    }
}

/// Golden numbers must have been made by the scripts as they are.
#[test]
fn the_golden_numbers_are_current() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("tests/parity");
    for (file, document) in [("golden.json", document()), ("whole.json", crate::whole::document())] {
        for (script, digest) in document["made_by"].as_object().unwrap() {
            let found = sha256_file(&folder.join(script)).unwrap().to_string();
            assert_eq!(Some(found.as_str()), digest.as_str(), "{script} changed since {file} was made: make it again");
        }
    }
}
