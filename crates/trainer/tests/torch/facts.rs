//! Each shipped recipe against one table of facts of its original, with their places there: rates at every step, decays, counts.

use std::collections::BTreeSet;

use hlb_recipe::{CropWeights, Group, Parameters, Recipe, Rule, variant};
use hlb_trainer::Layout;

/// How far a fact may be from the original's, relative to it.
const RELATIVE: f64 = 1e-12;

/// Training images of the tracks that the originals train on.
fn images(recipe: &Recipe) -> u32 {
    if recipe.track == "cifar10" { 50_000 } else { 9_469 }
}

fn parameters(name: &str) -> Parameters {
    match name {
        "weights" => Parameters::Stem,
        "biases" => Parameters::Biases,
        "whitening_bias" => Parameters::WhiteningBias,
        "head" => Parameters::Head,
        "filters" => Parameters::Filters,
        other => panic!("there is no parameter group {other}"),
    }
}

fn group<'a>(recipe: &'a Recipe, name: &str) -> &'a Group {
    recipe.optimizer.group(parameters(name))
}

/// Rates by group: their sum, the sum of each times its number, or one of them.
fn rate(recipe: &Recipe, what: &str) -> f64 {
    let steps = recipe.schedule_steps(images(recipe));
    let rates = |name: &str| (0..steps).map(|step| recipe.rate(parameters(name), step, steps)).collect::<Vec<_>>();
    if let Some(name) = what.strip_suffix(".sum") {
        return rates(name).iter().sum();
    }
    if let Some(name) = what.strip_suffix(".moment") {
        return rates(name).iter().enumerate().map(|(step, rate)| step as f64 * rate).sum();
    }
    let (name, step) = what.strip_suffix(']').and_then(|what| what.split_once('[')).unwrap();
    rates(name)[step.parse::<usize>().unwrap()]
}

/// The updates of the average: the step after the first, and what each keeps of it.
fn average(recipe: &Recipe, what: &str) -> f64 {
    let (average, steps) = (recipe.average.unwrap(), recipe.schedule_steps(images(recipe)));
    let per_epoch = recipe.steps_per_epoch(images(recipe));
    let mut updates = (1..=steps).filter(|step| average.is_due(*step, steps, per_epoch));
    match what {
        "first" => updates.next().unwrap() as f64,
        "kept[0]" => average.kept(updates.next().unwrap(), steps),
        "kept[1]" => average.kept(updates.nth(1).unwrap(), steps),
        other => panic!("there is no fact average.{other}"),
    }
}

/// The steps at which filters are rescaled.
fn rescalings(recipe: &Recipe) -> Vec<u64> {
    let Rule::Muon(muon) = group(recipe, "filters").rule else { panic!("no Muon") };
    let steps = recipe.schedule_steps(images(recipe));
    (0..steps).fold(Vec::new(), |mut found, step| {
        if muon.is_rescaling_due(found.last().copied(), step, steps) {
            found.push(step);
        }
        found
    })
}

fn frozen_after(recipe: &Recipe) -> f64 {
    let freeze = recipe.freeze.iter().find(|freeze| freeze.parameters == Parameters::WhiteningBias).unwrap();
    freeze.first_step(recipe.steps_per_epoch(images(recipe))) as f64
}

fn value(recipe: &Recipe, fact: &str) -> f64 {
    let layout = Layout::new(recipe, 3, 10);
    let (per_epoch, planned) = (recipe.steps_per_epoch(images(recipe)), recipe.planned_length(images(recipe)));
    if let Some(what) = fact.strip_prefix("rate.") {
        return rate(recipe, what);
    }
    if let Some(what) = fact.strip_prefix("average.") {
        return average(recipe, what);
    }
    if let Some(step) = fact.strip_prefix("side[").and_then(|step| step.strip_suffix(']')) {
        return recipe.side_at(step.parse().unwrap(), recipe.schedule_steps(images(recipe))).into();
    }
    if let Some(name) = fact.strip_prefix("decay.") {
        return group(recipe, name).weight_decay;
    }
    match fact {
        "updates" => recipe.length(images(recipe)).steps() as f64,
        "batch" => recipe.batch_size.into(),
        "momentum" => recipe.optimizer.momentum,
        "momentum.filters" => group(recipe, "filters").momentum.unwrap(),
        "label_smoothing" => recipe.loss.label_smoothing,
        "norm.momentum" => recipe.norm.momentum,
        "norm.eps" => recipe.norm.eps,
        "logit_scale" => recipe.logit_scale,
        "pad" => recipe.augment.pad.into(),
        "cutout" => recipe.augment.cutout.into(),
        "weights" => layout.weight_count() as f64,
        "biases" => layout.bias_count() as f64,
        "whitening.filters" => layout.whitening().unwrap().outputs as f64,
        "cutmix.size" => recipe.augment.cutmix.unwrap().size.into(),
        "cutmix.first" => {
            let cutmix = recipe.augment.cutmix.unwrap();
            let first = (0..planned.epochs).find(|epoch| cutmix.is_due(*epoch, planned.epochs)).unwrap();
            (first * per_epoch).into()
        }
        "frozen.whitening_bias" => frozen_after(recipe),
        "jitter.brightness" => recipe.augment.jitter.unwrap().brightness,
        "jitter.contrast" => recipe.augment.jitter.unwrap().contrast,
        "rescalings" => rescalings(recipe).len() as f64,
        "rescalings.sum" => rescalings(recipe).iter().sum::<u64>() as f64,
        other => panic!("there is no fact {other}"),
    }
}

#[test]
fn every_fact_of_the_originals_is_one_of_their_recipes() {
    let table = include_bytes!("../../../../tests/parity/facts.csv");
    let (mut wrong, mut recipes) = (Vec::new(), BTreeSet::new());
    for row in csv::Reader::from_reader(table.as_slice()).records() {
        let row = row.unwrap();
        let [name, fact, expected, source] = [0, 1, 2, 3].map(|column| row.get(column).unwrap());
        let recipe = variant::shipped(name).unwrap_or_else(|| panic!("{name} is not shipped"));
        let (found, expected) = (value(&recipe, fact), expected.parse::<f64>().unwrap());
        // Sums of rates of up to 10 are compared; a last rate of 1e-24 of the peak is zero there and here.
        if (found - expected).abs() > RELATIVE * expected.abs().max(1e-9) {
            wrong.push(format!("{name} {fact}: {found}, the original has {expected} ({source})"));
        }
        recipes.insert(name.to_owned());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What a recipe has a newer revision of may differ.
    let originals = variant::recipe_names().into_iter().filter(|name| {
        let is_original = variant::shipped(name).is_some_and(|recipe| recipe.track == "cifar10");
        is_original && !name.ends_with("-fixed") && variant::newer_revision(name).is_none()
    });
    for name in originals {
        assert!(recipes.contains(name), "there is no fact of {name}");
    }
    assert_eq!(variant::shipped("hiverge-r2").unwrap().evaluate.crop_weights, CropWeights::Equal);
}
