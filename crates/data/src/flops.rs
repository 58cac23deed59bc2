//! How many floating-point operations a recipe asks for, counted from its layers: pure, and independent of the device.
//!
//! A multiplication and the addition that follows it are two operations. Whole windows of convolutions count, those over
//! the zero padding too, as is usual in the literature; normalization, activation and pooling do not, for they are under
//! a hundredth of the whole. [`least_training_flop_of_epochs`] must be a lower bound for every valid run, since
//! results below it are rejected.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::arrays::ArrayShapes;
use hlb_core::rules::CONVOLUTION_SAVING;
use hlb_recipe::{Recipe, Stem};

/// Floating-point operations of a recipe for one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Forward and backward pass over one training image: a crop, or the mean over the sizes that it is scaled to.
    ///
    /// A layer costs its forward pass twice more: the gradient of its input and that of its weights. The frozen whitening
    /// has neither, and the first trained layer needs no gradient of its input.
    pub training_flop_per_image: u64,
    /// Forward passes over one whole evaluation image, test-time augmentation included.
    pub evaluation_flop_per_image: u64,
}

impl Work {
    /// Counts what `recipe` asks for on data of these shapes. The recipe has passed [`Recipe::check`].
    pub fn of(recipe: &Recipe, shapes: ArrayShapes) -> Self {
        let whole = Map { rows: shapes.height.into(), columns: shapes.width.into() };
        let once: u64 = layers(recipe, shapes, whole).iter().map(Layer::forward).sum();
        Self {
            training_flop_per_image: over_sides(recipe, shapes, Layer::training),
            evaluation_flop_per_image: with_augmentation(recipe, once),
        }
    }
}

/// Floating-point operations of training that no known algorithm undercuts, for each epoch.
///
/// 3x3 convolutions count for one part in [`CONVOLUTION_SAVING`], and only where a pixel is under the window, since a
/// program may skip the padding of a small map. All else counts in full.
pub fn least_training_flop_of_epochs(recipe: &Recipe, shapes: ArrayShapes) -> Vec<f64> {
    let length = recipe.length(shapes.train);
    let flop = of_steps(recipe, shapes, Layer::least_training);
    (1..=length.epochs).map(|epoch| flop(length.steps_after(epoch - 1)..length.steps_after(epoch))).collect()
}

/// Floating-point operations of the first `steps` optimizer steps, forward and backward, each on images of its own size.
pub fn training_flop(recipe: &Recipe, shapes: ArrayShapes, steps: u64) -> f64 {
    of_steps(recipe, shapes, Layer::training)(0..steps)
}

/// A count over all layers and images of a range of steps.
fn of_steps(recipe: &Recipe, shapes: ArrayShapes, count: fn(&Layer) -> u64) -> impl Fn(Range<u64>) -> f64 {
    let on = |side: u32| on_side(recipe, shapes, side, count);
    let of_side: BTreeMap<u32, u64> = recipe.sides().into_iter().map(|(side, _)| (side, on(side))).collect();
    let (steps, batch) = (recipe.schedule_steps(shapes.train), f64::from(recipe.batch_size));
    let of_step = move |step: u64| of_side.get(&recipe.side_at(step, steps)).map_or(0.0, |flop| real(*flop));
    move |range| range.map(&of_step).sum::<f64>() * batch
}

/// A count over all layers, for training images of one size.
fn on_side(recipe: &Recipe, shapes: ArrayShapes, side: u32, count: fn(&Layer) -> u64) -> u64 {
    layers(recipe, shapes, Map { rows: side.into(), columns: side.into() }).iter().map(count).sum()
}

/// The mean of a count over the image sizes that are trained on, each by its share of the steps.
fn over_sides(recipe: &Recipe, shapes: ArrayShapes, count: fn(&Layer) -> u64) -> u64 {
    if recipe.resolution.is_empty() {
        return on_side(recipe, shapes, recipe.augment.crop, count);
    }
    let portions = recipe.sides().into_iter();
    whole(portions.map(|(side, portion)| real(on_side(recipe, shapes, side, count)) * portion).sum())
}

/// Operations of all forward passes that evaluate an image, of which one costs `once`.
fn with_augmentation(recipe: &Recipe, once: u64) -> u64 {
    let evaluate = recipe.evaluate;
    let passes = if evaluate.multi_crop { 6 } else { u64::from(evaluate.mirror) + 1 };
    match evaluate.least_confident {
        Some(share) => once + whole(real(passes * once) * share),
        None => passes * once,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far fewer than 2^52")]
fn real(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are far fewer than 2^52")]
fn whole(count: f64) -> u64 {
    count as u64
}

/// The size of a feature map.
#[derive(Debug, Clone, Copy)]
struct Map {
    rows: u64,
    columns: u64,
}

impl Map {
    fn pixels(self) -> u64 {
        self.rows * self.columns
    }

    /// After 2x2 pooling, which drops an odd last row.
    fn halved(self) -> Self {
        Self { rows: self.rows / 2, columns: self.columns / 2 }
    }

    /// Pixels under all 3x3 windows together, the zero padding left out.
    fn taps(self) -> u64 {
        (3 * self.rows).saturating_sub(2) * (3 * self.columns).saturating_sub(2)
    }
}

/// One convolution or the linear layer.
#[derive(Debug, Clone, Copy)]
struct Layer {
    /// Multiplications of whole windows.
    multiplications: u64,
    /// The fewest that any algorithm needs, times [`CONVOLUTION_SAVING`].
    least_parts: u64,
    /// Gradients that the backward pass takes of it.
    gradients: u64,
}

impl Layer {
    /// A 3x3 convolution with padding, from `input` to `output` channels.
    fn three_by_three(input: u64, output: u64, map: Map, gradients: u64) -> Self {
        let pairs = input * output;
        Self { multiplications: 9 * pairs * map.pixels(), least_parts: pairs * map.taps(), gradients }
    }

    /// Any other layer: no algorithm needs fewer.
    fn plain(multiplications: u64, gradients: u64) -> Self {
        Self { multiplications, least_parts: CONVOLUTION_SAVING * multiplications, gradients }
    }

    /// Floating-point operations of the forward pass.
    fn forward(&self) -> u64 {
        2 * self.multiplications
    }

    /// Those of the forward and the backward pass.
    fn training(&self) -> u64 {
        self.forward() * (1 + self.gradients)
    }

    /// The fewest of the forward and the backward pass.
    fn least_training(&self) -> u64 {
        2 * self.least_parts / CONVOLUTION_SAVING * (1 + self.gradients)
    }
}

/// All layers, for images of one size.
fn layers(recipe: &Recipe, shapes: ArrayShapes, image: Map) -> Vec<Layer> {
    // The only layer that may be without padding is the whitening; no side is over 2^32 pixels.
    let lost = u64::from(recipe.stem.lost_pixels());
    let mut map = Map { rows: image.rows.saturating_sub(lost), columns: image.columns.saturating_sub(lost) };
    let mut width = u64::from(recipe.stem.width());
    let mut layers = stem_layers(recipe.stem, shapes.channels.into(), map);
    for (block, output) in recipe.blocks.widths.iter().copied().map(u64::from).enumerate() {
        // The first trained layer needs no gradient of its input.
        let gradients = if layers.iter().any(|layer| layer.gradients > 0) { 2 } else { 1 };
        layers.push(Layer::three_by_three(width, output, map, gradients));
        map = map.halved();
        layers.extend((1..recipe.blocks.convs.of(block)).map(|_| Layer::three_by_three(output, output, map, 2)));
        width = output;
    }
    layers.push(Layer::plain(width * u64::from(shapes.classes), 2));
    layers
}

/// The stem's layers, on the map that they make.
fn stem_layers(stem: Stem, channels: u64, map: Map) -> Vec<Layer> {
    let width = u64::from(stem.width());
    let Stem::Whiten(whiten) = stem else { return vec![Layer::three_by_three(channels, width, map, 1)] };
    let patch = channels * u64::from(whiten.kernel) * u64::from(whiten.kernel);
    let filters = if whiten.sign_pairs { 2 * patch } else { patch };
    // A frame of zeros adds no work that cannot be skipped.
    let taps = if whiten.padded { channels * map.taps() } else { patch * map.pixels() };
    let multiplications = patch * filters * map.pixels();
    let mut layers = vec![Layer { multiplications, least_parts: CONVOLUTION_SAVING * filters * taps, gradients: 0 }];
    if whiten.project {
        layers.push(Layer::plain(filters * width * map.pixels(), 1));
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;
    use hlb_core::yaml;
    use hlb_recipe::{Whiten, variant};
    use proptest::prelude::*;

    const CIFAR: ArrayShapes =
        ArrayShapes { train: 50_000, evaluation: 10_000, height: 32, width: 32, channels: 3, classes: 10 };

    fn recipe(text: &str) -> Recipe {
        yaml::parse(text.as_bytes(), "shipped").expect("a shipped recipe is valid")
    }

    fn cifar() -> Recipe {
        recipe(include_str!("../../../recipes/hlb-cifar10.yaml"))
    }

    fn imagenette() -> (Recipe, ArrayShapes) {
        let shapes = ArrayShapes { train: 9469, evaluation: 3925, height: 64, width: 64, ..CIFAR };
        (recipe(include_str!("../../../recipes/hlb-imagenette.yaml")), shapes)
    }

    /// Forward pass over one training image.
    fn forward(recipe: &Recipe, shapes: ArrayShapes) -> u64 {
        over_sides(recipe, shapes, Layer::forward)
    }

    /// The fewest operations of training one image.
    fn least(recipe: &Recipe, shapes: ArrayShapes) -> u64 {
        over_sides(recipe, shapes, Layer::least_training)
    }

    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    fn mega(flop: u64) -> f64 {
        flop as f64 / 1e6
    }

    fn assert_near(found: f64, published: f64, tolerance: f64) {
        assert!((found - published).abs() <= tolerance, "{found} is not {published}");
    }

    /// Each layer of the reference at a 32x32 crop, in millions of operations; computed by hand from the shapes.
    #[test]
    fn every_layer_of_the_reference_is_counted() {
        let crop = Map { rows: 32, columns: 32 };
        let found = layers(&cifar(), CIFAR, crop);
        let forward = [0.277, 0.738, 70.85, 66.36, 132.71, 57.80, 115.61, 42.47, 0.010];
        let backward = [0.0, 0.738, 141.7, 132.7, 265.4, 115.6, 231.2, 84.9, 0.020];
        assert_eq!(found.len(), forward.len());
        for (layer, (forward, backward)) in found.iter().zip(forward.into_iter().zip(backward)) {
            assert_near(mega(layer.forward()), forward, 0.005);
            assert_near(mega(layer.forward() * layer.gradients), backward, 0.05);
        }
    }

    #[test]
    fn the_reference_of_cifar10_takes_one_and_a_half_billion_operations_an_image() {
        let work = Work::of(&cifar(), CIFAR);
        assert_near(mega(forward(&cifar(), CIFAR)), 486.8, 0.05);
        assert_near(mega(work.training_flop_per_image), 1459.0, 0.5);
        assert_eq!(work.evaluation_flop_per_image, 2 * forward(&cifar(), CIFAR));
    }

    #[test]
    fn imagenette_trains_on_crops_and_evaluates_whole_images() {
        let (mut recipe, shapes) = imagenette();
        let both = Work::of(&recipe, shapes);
        assert_eq!(both.training_flop_per_image, Work::of(&cifar(), CIFAR).training_flop_per_image);
        recipe.evaluate.mirror = false;
        let single = Work::of(&recipe, shapes);
        assert_near(mega(single.evaluation_flop_per_image), 2174.5, 0.05);
        assert_eq!(both.evaluation_flop_per_image, 2 * single.evaluation_flop_per_image);
        assert_eq!(both.training_flop_per_image, single.training_flop_per_image);
    }

    /// Each layer of ResNet-9 in millions of operations; computed by hand from the shapes of the published code.
    #[test]
    fn blocks_may_differ_in_their_convolutions() {
        let crop = Map { rows: 32, columns: 32 };
        let baseline = variant::shipped("resnet9-dawnbench").expect("it is shipped");
        let prep = [3.539];
        let blocks = [150.99, 75.50, 75.50, 150.99, 150.99, 75.50, 75.50, 0.010];
        let forward = |recipe: &Recipe| -> Vec<f64> {
            layers(recipe, CIFAR, crop).iter().map(|layer| mega(layer.forward())).collect()
        };
        let near = |found: Vec<f64>, expected: Vec<f64>| {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.into_iter().zip(expected) {
                assert_near(found, expected, 0.005);
            }
        };
        near(forward(&baseline), [&prep[..], &blocks].concat());
        // The padded whitening keeps the map, and a trained 1x1 convolution follows it.
        let tricks = variant::shipped("resnet9").expect("it is shipped");
        near(forward(&tricks), [&[1.493, 3.539], &blocks[..]].concat());
    }

    /// A program may leave out the frame of zeros, but nothing else.
    #[test]
    fn the_floor_of_a_padded_whitening_counts_pixels_under_its_windows() {
        let image = Map { rows: 32, columns: 32 };
        let recipe = variant::shipped("resnet9").expect("it is shipped");
        assert_eq!(stem_layers(recipe.stem, 3, image)[0].least_training(), 2 * 27 * 3 * (94 * 94));
    }

    #[test]
    fn without_whitening_the_maps_are_larger() {
        let recipe = Recipe { stem: Stem::Conv { width: 32 }, ..cifar() };
        assert_near(mega(forward(&recipe, CIFAR)), 605.7, 0.1);
    }

    /// 418.3 million operations of the forward pass have a pixel under the window.
    #[test]
    fn the_floor_is_a_quarter_of_the_windows_over_pixels() {
        let outside_blocks = 0.277 + 2.0 * 0.738 + 3.0 * 0.010;
        let blocks = 3.0 * (418.3 - 0.277 - 0.738 - 0.010) / 4.0;
        assert_near(mega(least(&cifar(), CIFAR)), outside_blocks + blocks, 0.3);
    }

    /// hlb-CIFAR10 v0.4.0 was published with 7.68 s for ten epochs on an A100.
    #[test]
    fn a_published_record_is_ten_times_over_the_floor() {
        let least: f64 = least_training_flop_of_epochs(&cifar(), CIFAR).into_iter().sum();
        let a100 = 312e12;
        assert!(least / a100 < 7.68 / 10.0, "hlb-CIFAR10 v0.4.0 took 7.68 s on an A100");
    }

    /// A recipe that differs from the reference in what the counts follow from.
    fn varied() -> impl Strategy<Value = Recipe> {
        let stem = (4_u32..512, any::<bool>());
        (stem, prop::collection::vec(4_u32..2048, 1..=4), 16_u32..128).prop_map(|((width, whitens), widths, crop)| {
            let mut recipe = cifar();
            recipe.stem = match cifar().stem {
                Stem::Whiten(whiten) if whitens => Stem::Whiten(Whiten { width, ..whiten }),
                _ => Stem::Conv { width },
            };
            recipe.blocks.widths = widths;
            recipe.augment.crop = crop;
            recipe
        })
    }

    /// Small images come first: the mean over a whole run overstates the work of its beginning.
    #[test]
    fn steps_count_at_the_size_of_their_images() {
        let recipe = variant::shipped("muon-shapes").expect("a shipped recipe");
        let shapes = ArrayShapes { train: 5000, evaluation: 2000, ..CIFAR };
        assert!(!recipe.resolution.is_empty(), "the test needs a recipe that scales images");
        let steps = recipe.schedule_steps(shapes.train);
        let per_image = real(Work::of(&recipe, shapes).training_flop_per_image);
        let mean = |steps: u64| real(steps) * f64::from(recipe.batch_size) * per_image;
        let ratio = |steps| training_flop(&recipe, shapes, steps) / mean(steps);
        assert!(ratio(1) < 0.9, "{}", ratio(1));
        assert_near(ratio(steps), 1.0, 0.01);
    }

    proptest! {
        #[test]
        fn steps_on_images_of_one_size_cost_the_same(steps in 0_u64..2000) {
            let recipe = Recipe { resolution: Vec::new(), ..cifar() };
            let images = real(steps) * f64::from(recipe.batch_size);
            let expected = images * real(Work::of(&recipe, CIFAR).training_flop_per_image);
            prop_assert!((training_flop(&recipe, CIFAR, steps) - expected).abs() <= 1e-12 * expected);
        }

        #[test]
        fn a_wider_block_is_more_work(recipe in varied(), which in any::<prop::sample::Index>()) {
            let mut wider = recipe.clone();
            *which.get_mut(&mut wider.blocks.widths) += 1;
            let (before, after) = (Work::of(&recipe, CIFAR), Work::of(&wider, CIFAR));
            prop_assert!(forward(&wider, CIFAR) > forward(&recipe, CIFAR));
            prop_assert!(after.training_flop_per_image > before.training_flop_per_image);
            prop_assert!(after.evaluation_flop_per_image > before.evaluation_flop_per_image);
            prop_assert!(least(&wider, CIFAR) > least(&recipe, CIFAR));
        }

        #[test]
        fn a_larger_crop_is_more_training_and_no_more_evaluation(recipe in varied()) {
            let mut larger = recipe.clone();
            larger.augment.crop += 1;
            let (before, after) = (Work::of(&recipe, CIFAR), Work::of(&larger, CIFAR));
            prop_assert!(after.training_flop_per_image > before.training_flop_per_image);
            prop_assert!(least(&larger, CIFAR) > least(&recipe, CIFAR));
            prop_assert_eq!(after.evaluation_flop_per_image, before.evaluation_flop_per_image);
        }

        #[test]
        fn the_backward_pass_is_less_than_two_forward_passes_and_the_floor_less_than_all(recipe in varied()) {
            let (training, forward) = (Work::of(&recipe, CIFAR).training_flop_per_image, forward(&recipe, CIFAR));
            prop_assert!(training > forward && training < 3 * forward);
            prop_assert!(least(&recipe, CIFAR) < training);
        }
    }
}
