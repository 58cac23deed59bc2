//! Step for step against numbers that the PyTorch twin computed: whitening, losses, weights, statistics, average.

use crate::torch::{Layout, State, TorchTrainer};
use hlb_bench::artifact::sha256_file;
use hlb_bench::recipe::Recipe;
use hlb_bench::seed::Seed;
use hlb_bench::trainer::Trainer as _;
use serde_json::Value;
use tch::{Kind, Tensor};

use crate::tiny::{self, Numbers};

fn document() -> Value {
    serde_json::from_str(include_str!("../parity/golden.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn close(name: &str, found: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let allowed = relative * expected.abs().max(1e-3);
        assert!((found - expected).abs() <= allowed, "{name}[{index}]: {found}, the twin has {expected}");
    }
}

/// The same initial weights as the twin's, in the order of the layers.
fn set_weights(layout: &Layout, state: &State) {
    let mut numbers = Numbers(2);
    for mut view in layout.weight_views(&state.weights) {
        let size = view.size();
        let fan_in: i64 = size[1..].iter().product();
        let drawn: Vec<f64> = (0..view.numel()).map(|_| f64::from(numbers.unit()) / (fan_in as f64).sqrt()).collect();
        tch::no_grad(|| view.copy_(&Tensor::from_slice(&drawn).view(size.as_slice())));
    }
}

/// Sum of magnitudes of each tensor.
fn sizes(tensors: &[Tensor]) -> Vec<f64> {
    tensors.iter().map(|tensor| tensor.to_kind(Kind::Double).abs().sum(Kind::Double).double_value(&[])).collect()
}

fn compare_state(name: &str, layout: &Layout, state: &State, expected: &Value) {
    let (means, variances): (Vec<Tensor>, Vec<Tensor>) = layout.stat_views(&state.stats).into_iter().unzip();
    let parts = [
        ("weights", sizes(&layout.weight_views(&state.weights))),
        ("biases", sizes(&layout.bias_views(&state.biases))),
        ("means", sizes(&means)),
        ("variances", sizes(&variances)),
    ];
    for (part, found) in parts {
        close(&format!("{name} {part}"), &found, &numbers(&expected[part]), 1e-5);
    }
}

fn begin(case: &Value) -> (TorchTrainer<'static>, Layout, Recipe) {
    tch::set_num_threads(1);
    let recipe: Recipe = serde_json::from_value(case["recipe"].clone()).unwrap();
    let layout = Layout::new(&recipe, tiny::SHAPES.channels, tiny::SHAPES.classes);
    let mut trainer = tiny::trainer(&recipe, Kind::Double);
    trainer.reset(Seed::from_number(1)).unwrap();
    set_weights(&layout, trainer.state().unwrap());
    (trainer, layout, recipe)
}

#[test]
fn every_step_agrees_with_the_twin() {
    for (name, case) in document()["cases"].as_object().unwrap() {
        let (mut trainer, layout, recipe) = begin(case);
        let steps = u64::from(recipe.epochs);
        let losses: Vec<f64> = (1..=steps).map(|step| trainer.train_until(step).unwrap()).collect();
        close(&format!("{name} losses"), &losses, &numbers(&case["losses"]), 1e-6);
        compare_state(&format!("{name} trained"), &layout, trainer.state().unwrap(), &case["trained"]);
        compare_state(&format!("{name} evaluated"), &layout, trainer.evaluated_state().unwrap(), &case["evaluated"]);
        let correct = u64::from(trainer.evaluate().unwrap().correct);
        assert_eq!(Some(correct), case["correct"].as_u64(), "{name}");
    }
}

#[test]
fn whitening_filters_agree_with_the_twin() {
    let document = document();
    let case = &document["cases"]["reference"];
    let (mut trainer, _, _) = begin(case);
    trainer.train_until(1).unwrap();
    let filters = trainer.state().unwrap().whitening.as_ref().unwrap().contiguous().view(-1);
    let found: Vec<f64> = Vec::<f64>::try_from(filters).unwrap();
    let expected = numbers(&case["whitening"]);
    assert_eq!(found.len(), 12 * 12);
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5 * expected.abs().max(1.0), "{found}, the twin has {expected}");
    }
}

/// golden.json must have been made by the scripts as they are.
#[test]
fn the_golden_numbers_are_current() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity");
    for (script, digest) in document()["made_by"].as_object().unwrap() {
        let found = sha256_file(&folder.join(script)).unwrap().to_string();
        assert_eq!(Some(found.as_str()), digest.as_str(), "run {script} again: it changed since golden.json was made");
    }
}
