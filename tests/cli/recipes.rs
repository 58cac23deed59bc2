//! Shipped recipes against published figures, their origins as the commands tell them, and the schemas of what people write.

use std::path::Path;

use hlb_data::arrays::ArrayShapes;
use hlb_data::flops::Work;
use hlb_recipe::variant;
use hlb_recipe::{Evaluate, Parameters, Recipe};

use crate::support::context::{Context, VARIANT};

const CIFAR: ArrayShapes =
    ArrayShapes { train: 50_000, evaluation: 10_000, height: 32, width: 32, channels: 3, classes: 10 };

fn shipped(name: &str) -> Recipe {
    variant::shipped(name).unwrap_or_else(|| panic!("{name} is shipped"))
}

fn near(found: f64, expected: f64, relative: f64) {
    assert!((found - expected).abs() <= relative * expected.abs(), "{found} is not {expected}");
}

/// Peak rate times decay is the same for weights and biases: what a step takes off a parameter, at most.
#[test]
fn products_of_rate_and_decay_are_the_published_ones() {
    let product = |recipe: &Recipe, parameters| {
        let group = recipe.optimizer.group(parameters);
        group.lr * group.weight_decay
    };
    let seed = shipped("hlb-imagenette");
    near(product(&seed, Parameters::Filters), 0.002_709, 1e-4);
    near(product(&seed, Parameters::Biases), 0.002_709, 1e-4);
    for name in ["hlb-cifar10", "hlb-cifar10-v0.7.0", "airbench94", "airbench95", "airbench96"] {
        let recipe = shipped(name);
        near(product(&recipe, Parameters::Filters), product(&recipe, Parameters::Biases), 1e-3);
    }
    // airbench: 0.0153 (96: 0.012) per 1024 examples, over K = 1024 (1 + 1 / (1 - 0.85)).
    let k = 1024.0 * (1.0 + 1.0 / 0.15);
    for (name, rate, decay) in [("airbench94", 11.5, 0.0153), ("airbench95", 10.0, 0.0153), ("airbench96", 9.0, 0.012)]
    {
        let recipe = shipped(name);
        // Our loss is summed over 512 images, theirs over 1024.
        near(recipe.optimizer.weights.lr, 2.0 * rate / k, 1e-4);
        near(product(&recipe, Parameters::Filters), decay * 1024.0 / k, 1e-3);
        near(recipe.optimizer.biases.lr, 64.0 * recipe.optimizer.weights.lr, 1e-4);
    }
}

/// On the mean loss the reference's rate is 2.1, and its decay 1.29e-3.
#[test]
fn rates_at_every_step_follow_the_published_formula() {
    let recipe = shipped("hlb-imagenette");
    near(512.0 * recipe.optimizer.weights.lr, 2.1, 1e-9);
    near(recipe.optimizer.weights.weight_decay / 512.0, 1.29e-3, 1e-3);
    let steps = recipe.schedule_steps(9469);
    assert_eq!(steps, 450);
    let top = 0.15 * 450.0 - 1.0;
    for step in 0..steps {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let k = step as f64;
        let share = if k <= top { k / top } else { 1.0 - (k - top) / (449.0 - top) };
        for (parameters, peak) in [(Parameters::Filters, 2.1 / 512.0), (Parameters::Biases, 2.1 * 32.0 / 512.0)] {
            assert!((recipe.rate(parameters, step, steps) - peak * share).abs() < 1e-15);
        }
    }
}

/// David Page's ResNet-9: rates for a loss summed over 512 images, piecewise over epochs of 97 steps. `dawn.py` takes them at the
/// steps that are done, the notebook at the number of the step.
#[test]
fn rates_of_resnet9_are_the_published_ones_at_every_step() {
    let between = |at: f64, points: &[(f64, f64)]| {
        let after = points.iter().position(|(x, _)| *x >= at).unwrap_or(points.len());
        match (after.checked_sub(1).and_then(|before| points.get(before)), points.get(after)) {
            (Some((x0, y0)), Some((x1, y1))) => y0 + (y1 - y0) * (at - x0) / (x1 - x0),
            (Some((_, y)), None) | (None, Some((_, y))) => *y,
            (None, None) => f64::NAN,
        }
    };
    let dawn: &[(f64, f64)] = &[(0.0, 0.0), (5.0, 0.4), (24.0, 0.0)];
    let tricks: &[(f64, f64)] = &[(0.0, 0.0), (2.0, 1.0), (8.0, 0.1)];
    for (name, points, early, biases) in [("resnet9-dawnbench", dawn, 0.0, 1.0), ("resnet9", tricks, 1.0, 64.0)] {
        let recipe = shipped(name);
        let steps = recipe.schedule_steps(CIFAR.train);
        for step in 0..steps {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let rate = between((step as f64 + early) / 97.0, points) / 512.0;
            for (parameters, factor) in
                [(Parameters::Filters, 1.0), (Parameters::Head, 1.0), (Parameters::Biases, biases)]
            {
                let found = recipe.rate(parameters, step, steps);
                assert!((found - factor * rate).abs() < 1e-15, "{name}, {step}: {found} is not {rate}");
            }
        }
        for (parameters, decay) in [(Parameters::Filters, 5e-4), (Parameters::Biases, 5e-4 / biases)] {
            near(recipe.optimizer.group(parameters).weight_decay, decay * 512.0, 1e-12);
        }
    }
    let scales = shipped("resnet9-dawnbench").optimizer.group(Parameters::Scales).clone();
    assert_eq!(scales, shipped("resnet9-dawnbench").optimizer.weights);
}

/// Operations of the forward pass over one image.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn forward_flop(recipe: &Recipe) -> f64 {
    let evaluate = Evaluate { mirror: false, multi_crop: false, least_confident: None, ..recipe.evaluate };
    Work::of(&Recipe { evaluate, ..recipe.clone() }, CIFAR).evaluation_flop_per_image as f64
}

/// Forward operations per image and updates of a run, as published or counted from the published code.
#[test]
fn sizes_are_the_published_ones() {
    for (name, forward, steps) in [
        ("hlb-cifar10", 486.8, 480),
        ("hlb-cifar10-v0.7.0", 326.0, 581),
        ("airbench94", 236.0, 476),
        ("airbench95", 603.0, 720),
        ("airbench94-muon", 236.0, 200),
        ("resnet9-dawnbench", 758.5, 2328),
        ("resnet9", 760.0, 970),
    ] {
        let recipe = shipped(name);
        near(forward_flop(&recipe) / 1e6, forward, 0.005);
        assert_eq!(recipe.length(CIFAR.train).steps(), steps, "{name}");
    }
}

/// The whole run of airbench94 takes 358 TFLOP by its author's count.
#[test]
fn a_run_of_airbench94_takes_the_published_operations() {
    let recipe = shipped("airbench94");
    let images = recipe.length(CIFAR.train).steps() * u64::from(recipe.batch_size);
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 times 1000")]
    let tera = 3.0 * forward_flop(&recipe) * images as f64 / 1e12;
    near(tera, 345.0, 0.05);
}

#[test]
fn every_known_deviation_is_mended_in_the_fixed_recipes() {
    for (faithful, fixed) in [("hlb-imagenette", "hlb-imagenette-fixed"), ("hlb-cifar10", "hlb-cifar10-fixed")] {
        let (faithful, fixed) = (shipped(faithful), shipped(fixed));
        assert!(!faithful.augment.last_offset && fixed.augment.last_offset);
        assert!(!faithful.augment.channels_last && fixed.augment.channels_last);
        let whiten = |recipe: &Recipe| recipe.stem.whitening().unwrap();
        assert!(whiten(&faithful).chunk.is_some() && whiten(&fixed).chunk.is_none());
        assert!(whiten(&faithful).half && !whiten(&fixed).half);
        assert!(faithful.loss.half && !fixed.loss.half);
        assert!(!faithful.norm.fp32 && fixed.norm.fp32);
        assert!(!faithful.average.unwrap().copy_back && fixed.average.unwrap().copy_back);
        assert!(faithful.schedule.factor(0, 450) < 1e-12 && fixed.schedule.factor(0, 450) > 0.01);
        assert!(faithful.schedule.factor(449, 450) < 1e-12 && fixed.schedule.factor(449, 450) > 0.001);
    }
    assert_eq!(shipped("hlb-imagenette-fixed").augment.crop, 64);
}

#[test]
fn origins_name_the_place_in_the_variant_or_the_recipe() {
    let context = Context::new();
    context.write("v.yaml", format!("{VARIANT}loss:\n  label_smoothing: 0.1\n"));
    let shown = context.run(["recipe", "show", "v.yaml", "--origins"]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(shown.stdout.contains("loss.label_smoothing: 0.1  (v.yaml:6:20)\n"), "{}", shown.stdout);
    assert!(shown.stdout.contains("norm.momentum: 0.8  (hlb-shapes)\n"), "{}", shown.stdout);
    let differs = context.run(["recipe", "diff", "hlb-shapes", "v.yaml"]);
    assert_eq!(differs.stdout, "loss.label_smoothing: 0.2 (hlb-shapes) -> 0.1 (v.yaml:6:20)\n");
    let layered = context.run(["recipe", "show", "airbench95", "--origins"]);
    assert!(layered.stdout.contains("epochs: 15  (airbench95)\n"), "{}", layered.stdout);
    assert!(layered.stdout.contains("augment.flip: alternating  (airbench94)\n"), "{}", layered.stdout);
}

/// A value that is stated and one that is the default resolve to the same recipe.
#[test]
fn two_overlays_that_resolve_to_the_same_settings_have_one_digest() {
    let digest = |changes: &str| {
        let context = Context::new();
        context.write("v.yaml", format!("{VARIANT}{changes}"));
        let shown = context.run(["recipe", "show", "v.yaml"]);
        assert_eq!(shown.code, Some(0), "{}", shown.stderr);
        shown.stderr
    };
    let plain = digest("");
    for same in [
        "init: {convolutions: default}\n",
        "epochs: 7.0\n",
        "augment: {cutout: 0, last_offset: true}\n",
        "norm: {scale: 1, train_scale: false, ghost_stem: false}\nblocks: {convs: 2}\nstem: {padded: false}\n",
    ] {
        assert_eq!(digest(same), plain, "{same}");
    }
    assert_ne!(digest("epochs: 6.9\n"), plain);
}

/// Entries name a recipe, so it never changes; what corrects it is a revision.
#[test]
fn the_list_of_recipes_says_which_revision_is_the_newest() {
    let listed = Context::new().run(["recipe", "list"]).stdout;
    let lines: Vec<&str> = listed.lines().collect();
    for expected in ["hlb-shapes", "airbench94-r2", "airbench94  (superseded by airbench94-r2)"] {
        assert!(lines.contains(&expected), "{expected}: {listed}");
    }
    assert_eq!(variant::newer_revision("airbench94-muon"), Some("airbench94-muon-r2"));
    assert_eq!(variant::newer_revision("airbench94-r2"), None);
}

/// The beginnings of the digests of recipes that entries may rest on. A recipe never changes under its name: a corrected one is
/// another, and keys that are added to the schema leave these as they are.
const DIGESTS: [(&str, &str); 18] = [
    ("hlb-shapes", "0134842fd4ad1a0f"),
    ("hlb-fashion-mnist", "e5191640791c17c9"),
    ("hlb-cifar10", "3fa35556f1e9956f"),
    ("hlb-cifar10-fixed", "da1fc25996be015c"),
    ("hlb-cifar10-v0.7.0", "2b731e009d2ba463"),
    ("airbench94", "09b8e32a29f9ddb1"),
    ("airbench94-muon", "db04e5e4c78b623e"),
    ("airbench95", "538a24d6e9c108a3"),
    ("airbench96", "bc2c232845696c99"),
    ("hiverge", "f5e4af7fdf06a979"),
    ("airbench-shapes", "11e91807953f0b24"),
    ("airbench-fashion-mnist", "d0787cf6f9f589eb"),
    ("muon-shapes", "e27ee4b176b346fc"),
    ("muon-shapes-short", "bef637a23cb9a496"),
    ("muon-fashion-mnist", "9ac41761511295af"),
    ("hlb-imagenette", "ec1532c4dff1e12b"),
    ("hlb-imagenette-fixed", "236ee1622ceb5562"),
    ("hlb-imagenette-128", "e27a998e715e4d3a"),
];

#[test]
fn shipped_recipes_keep_their_digests() {
    for (name, begins) in DIGESTS {
        let digest = variant::digest(&shipped(name)).to_string();
        assert!(digest.starts_with(begins), "{name} has changed: {digest}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused_with_both_keys() {
    let cases = [
        ("evaluate: {mirror: false, multi_crop: true}\n", "`evaluate.multi_crop` and `evaluate.mirror`"),
        ("evaluate: {mirror: false, least_confident: 0.2}\n", "`evaluate.least_confident` and `evaluate.mirror`"),
        ("stem: {project: false}\n", "`stem.width` and `stem.project`: without a projection the whitening hands on 12"),
        ("blocks: {convs: 1}\n", "`blocks.residual` and `blocks.convs`"),
        ("blocks: {convs: [2, 1, 2]}\n", "`blocks.residual` and `blocks.convs[1]`: a block of one convolution"),
        ("blocks: {convs: [3, 2]}\n", "`blocks.convs` and `blocks.widths`: lists 2 values for 3 blocks"),
        (
            "blocks: {residual: [none, none, none]}\n",
            "`blocks.residual`: lists one value for every block; write it alone",
        ),
        ("blocks: {convs: [2, 5, 2]}\n", "`blocks.convs[1]`: is 5, has to be 1 to 4"),
        ("blocks: {convs: two}\n", "expected a whole number, not negative (in `blocks.convs`)"),
        ("blocks: {residual: [none, some, none]}\n", "unknown variant `some`"),
        ("activation: celu\ncelu_alpha: 0\n", "`celu_alpha`: is 0, has to be above 0 and at most 10"),
        ("celu_alpha: 0.3\n", "`celu_alpha` and `activation`: no activation is `celu`"),
        ("norm: {scale: 0}\n", "`norm.scale`: is 0, has to be above 0 and at most 10"),
        ("norm: {ghost_stem: true}\n", "`norm.ghost_stem` and `norm.ghost_batches`"),
        (
            "norm: {ghost_stem: true, ghost_batches: 4}\nstem: {project: false, width: 12}\n",
            "`norm.ghost_stem` and `stem.project`: there is no normalization in the stem",
        ),
        ("stem: {padded: true}\n", "`stem.padded` and `stem.kernel`"),
        ("optimizer: {scales: {lr: 0.1, weight_decay: 0}}\n", "`optimizer.scales` and `norm.train_scale`"),
        ("freeze: [{parameters: scales, after_epochs: 1}]\n", "`freeze[0].parameters` and `norm.train_scale`"),
        ("freeze: [{parameters: whitening_bias, after_epochs: 1}]\n", "`freeze[0].parameters` and `stem.bias`"),
        ("optimizer: {whitening_bias: {lr: 0.1, weight_decay: 0}}\n", "`optimizer.whitening_bias` and `stem.bias`"),
        (
            "optimizer: {biases: {rule: {kind: muon, iterations: 3, renormalise_every: 1}}}\n",
            "`optimizer.biases.rule`: Muon is for the convolutions",
        ),
        ("augment: {cutout: 33}\n", "`augment.cutout` and `augment.crop`"),
        ("augment: {cutmix: {size: 4, epochs: 8}}\n", "`augment.cutmix.epochs` and `epochs`"),
        ("resolution: [{until: 0.5, side: 40}]\n", "`resolution[0].side` and `augment.crop`"),
        (
            "resolution: [{until: 0.5, side: 20}, {until: 0.4, side: 24}]\n",
            "`resolution[1].until`: is 0.4, has to be above 0.5",
        ),
        ("schedule: {kind: cosine, half_wave: 0.0, floor: 0.0}\n", "`schedule.half_wave`: is 0, has to be above 0"),
        ("schedule: {kind: cosine, half_wave: 0.5}\n", "missing field `floor`"),
        ("schedule: {kind: zigzag}\n", "unknown variant `zigzag`"),
        ("augment: {flip: sometimes}\n", "expected `true`, `false` or `alternating`"),
        ("norm: {average_takes_first_part: true}\n", "`norm.average_takes_first_part` and `norm.ghost_batches`"),
        (
            "norm: {ghost_batches: 2, ghost_stem: true}\nstem: {norm: false}\n",
            "`norm.ghost_stem` and `stem.norm`: there is no normalization in the stem",
        ),
        ("norm: {evaluation_collates: true}\n", "`norm.evaluation_collates` and `norm.ghost_batches`"),
        ("evaluate: {crop_weights: equal}\n", "`evaluate.crop_weights` and `evaluate.multi_crop`"),
        ("stem: {project: false, width: 12, norm: false}\n", "`stem.norm` and `stem.project`"),
        ("average: {epochs: 0}\n", "`average.epochs`: is 0, has to be above 0"),
        ("average: {epochs: 7.1}\n", "`average.epochs` and `epochs`"),
    ];
    for (changes, expected) in cases {
        let context = Context::new();
        context.write("v.yaml", format!("{VARIANT}{changes}"));
        let answer = context.run(["recipe", "show", "v.yaml"]);
        assert_eq!(answer.code, Some(2), "{changes}: {}", answer.stdout);
        assert!(answer.stderr.contains(expected), "{changes}: {}", answer.stderr);
    }
}

/// Manifests that published entries rest on by digest, so that not even a comment may be added.
const SEALED: [&str; 2] = ["datasets/shapes.yaml", "datasets/fashion-mnist.yaml"];

/// Each shipped file names its schema, where an editor finds it.
#[test]
fn shipped_files_name_their_schema() {
    let folders = [
        ("recipes", "recipe"),
        ("variants", "variant"),
        ("studies", "study"),
        ("tracks", "track"),
        ("leaderboard/history", "history"),
        ("datasets", "dataset"),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = [("prices.yaml", "prices"), ("peaks.yaml", "peaks"), ("submissions/withdrawn.yaml", "withdrawn")]
        .map(|(path, schema)| (path.to_owned(), schema))
        .to_vec();
    for (folder, schema) in folders {
        let paths = std::fs::read_dir(root.join(folder)).unwrap().map(|item| item.unwrap().path());
        let paths = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
        files.extend(paths.map(|path| (path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), schema)));
    }
    for (path, schema) in files.iter().filter(|(path, _)| !SEALED.contains(&path.as_str())) {
        let up = "../".repeat(path.split('/').count() - 1);
        let text = std::fs::read_to_string(root.join(path)).unwrap();
        assert!(text.starts_with(&format!("# yaml-language-server: $schema={up}schemas/{schema}.json\n")), "{path}");
        assert!(root.join(format!("schemas/{schema}.json")).is_file());
    }
}
