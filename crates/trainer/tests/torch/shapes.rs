//! Shapes and counts against the published figures, and the forms that make a step fast.

use hlb_core::seed::Seed;
use hlb_recipe::Recipe;
use hlb_recipe::variant;
use hlb_trainer::{AugmentationSampler, Batch, DeviceData, Engine, Layout, Mode, Network, State};
use tch::{Kind, Tensor};

use crate::tiny;

/// The reference at the width of hlb-imagenette.
fn full_width() -> Recipe {
    let mut recipe = variant::shipped("hlb-shapes").unwrap();
    recipe.blocks.widths = vec![128, 256, 512];
    if let hlb_recipe::Stem::Whiten(whiten) = &mut recipe.stem {
        whiten.width = 32;
    }
    recipe
}

/// hlb-imagenette trains 4,615,328 parameters: 4,613,504 weights (the frozen whitening has 144 more) and 1,824 biases.
#[test]
fn parameter_counts_are_the_published_ones() {
    let layout = Layout::new(&full_width(), 3, 10);
    assert_eq!(layout.bias_count(), 1_824);
    assert_eq!(layout.weight_count() + layout.bias_count(), 4_615_328);
    assert_eq!(layout.weight_count() + 144, 4_613_648);
}

/// ResNet-9 has 6,573,120 parameters: 6,568,640 weights, and 2,240 biases and as many scales.
#[test]
fn parameters_of_resnet9_are_the_published_ones() {
    let layout = Layout::new(&variant::shipped("resnet9-dawnbench").unwrap(), 3, 10);
    assert_eq!((layout.weight_count(), layout.bias_count(), layout.scale_count()), (6_568_640, 2_240, 2_240));
    let layout = Layout::new(&variant::shipped("resnet9").unwrap(), 3, 10);
    assert_eq!((layout.weight_count(), layout.bias_count(), layout.scale_count()), (6_568_640, 2_240, 0));
}

/// A residual of two convolutions adds the pooled first activation to the last: x + res2(res1(x)).
#[test]
fn the_residual_of_resnet9_goes_around_two_convolutions() {
    let mut recipe = variant::shipped("resnet9-dawnbench").unwrap();
    recipe.stem = hlb_recipe::Stem::Conv { width: 8 };
    recipe.blocks.widths = vec![8, 8, 8];
    let layout = Layout::new(&recipe, 3, 10);
    let state = State::fresh(&recipe, &layout, Engine::cpu(Kind::Double), Seed::from_number(3));
    let network = Network::new(&recipe, layout, Engine::cpu(Kind::Double));
    let images = Tensor::randn([4, 3, 16, 16], (Kind::Double, tch::Device::Cpu));
    let mut seen = std::collections::BTreeMap::new();
    let mut probe = |name: &str, tensor: &Tensor| drop(seen.insert(name.to_owned(), tensor.detach()));
    let _ = network.probed(&state, &images, Mode::Train, Some(&mut probe));
    let halved = |tensor: &Tensor| tensor.max_pool2d(2, 2, 0, 1, false);
    let first = halved(&seen["blocks[0].norm1"].relu());
    let sum = &first + seen["blocks[0].norm3"].relu();
    assert!((&sum - &seen["blocks[0]"]).abs().max().double_value(&[]) < 1e-12);
    let without = halved(&seen["blocks[1].norm1"].relu());
    assert!((&without - &seen["blocks[1]"]).abs().max().double_value(&[]) < 1e-12);
    assert!(!seen.contains_key("blocks[1].conv2") && seen.contains_key("blocks[2].conv3"));
}

#[test]
fn convolution_weights_and_batches_are_channels_last() {
    let recipe = variant::shipped("hlb-shapes").unwrap();
    let layout = Layout::new(&recipe, 3, 10);
    let state = State::fresh(&recipe, &layout, Engine::cpu(Kind::Float), Seed::from_number(1));
    for weight in layout.weight_views(&state.weights).iter().filter(|weight| weight.dim() == 4) {
        let (_, input, rows, columns) = weight.size4().unwrap();
        assert_eq!(weight.stride(), [input * rows * columns, 1, columns * input, input]);
    }
    let mut augment = recipe.augment;
    (augment.crop, augment.pad) = (16, 2);
    let data = DeviceData::upload(&tiny::arrays(), augment, Engine::cpu(Kind::Float));
    let plan = data.plan(&AugmentationSampler::new(augment, tiny::SHAPES, 1, Seed::from_number(1)).epoch());
    let Batch { images, labels, .. } = data.batch(&plan, 0, 8, 16);
    assert_eq!((images.size(), labels.size()), (vec![8, 3, 16, 16], vec![8]));
    assert_eq!(images.stride(), [16 * 16 * 3, 1, 16 * 3, 3]);
}

/// Each training image of a batch is a crop of some padded image, mirrored or not, with the label of that image.
#[test]
fn a_batch_is_made_of_crops_with_their_labels() {
    let mut augment = variant::shipped("hlb-shapes").unwrap().augment;
    (augment.crop, augment.pad) = (16, 2);
    let engine = Engine::cpu(Kind::Float);
    let data = DeviceData::upload(&tiny::arrays(), augment, engine);
    let plan = data.plan(&AugmentationSampler::new(augment, tiny::SHAPES, 1, Seed::from_number(3)).epoch());
    let Batch { images, labels, .. } = data.batch(&plan, 1, 8, 16);
    let order: Vec<u32> = (0..tiny::SHAPES.train).collect();
    let padded = data.whole_images(&order).reflection_pad2d([2, 2, 2, 2]);
    for (image, label) in (0..8).map(|index| (images.get(index), labels.int64_value(&[index]))) {
        let found = (0..5).flat_map(|top| (0..5).map(move |left| (top, left))).any(|(top, left)| {
            let crops = padded.narrow(2, top, 16).narrow(3, left, 16);
            [crops.shallow_clone(), crops.flip([3])].iter().any(|crops| {
                let same = (crops - &image).abs().amax([1, 2, 3], false).lt(1e-6).to_kind(Kind::Int64);
                let which = same.argmax(0, false).int64_value(&[]);
                same.int64_value(&[which]) == 1 && which % 10 == label
            })
        });
        assert!(found, "an image of the batch is not a crop of its label's image");
    }
}

/// 16x16 pixels: 15 after the whitening, then 7, 3 and 1 after the blocks; ghost batches keep the shapes.
#[test]
fn a_forward_pass_gives_a_logit_for_each_class() {
    for ghosts in [1, 4] {
        let mut recipe = variant::shipped("hlb-shapes").unwrap();
        recipe.norm.ghost_batches = ghosts;
        let layout = Layout::new(&recipe, 3, 10);
        let mut state = State::fresh(&recipe, &layout, Engine::cpu(Kind::Float), Seed::from_number(1));
        state.whitening = Some(Tensor::ones([12, 3, 2, 2], (Kind::Float, tch::Device::Cpu)));
        let network = Network::new(&recipe, layout, Engine::cpu(Kind::Float));
        let images = Tensor::ones([8, 3, 16, 16], (Kind::Float, tch::Device::Cpu));
        for mode in [Mode::Train, Mode::Evaluate] {
            assert_eq!(network.forward(&state, &images, mode).size(), [8, 10]);
        }
    }
}

/// Image n belongs to part n mod 4: normalizing each part alone gives the same as ghost batches.
#[test]
fn ghost_batches_normalise_each_part_alone() {
    let mut recipe = variant::shipped("hlb-shapes").unwrap();
    recipe.stem = hlb_recipe::Stem::Conv { width: 8 };
    recipe.blocks.widths = vec![16];
    // Statistics of the first normalization are not split unless the recipe says so, so the parts are made alike for it.
    let one =
        Tensor::from_slice(&(0..3 * 16 * 16).map(|n| (n % 17) as f32 / 17.0).collect::<Vec<_>>()).view([1, 3, 16, 16]);
    let two = one.flip([2]);
    let images = Tensor::cat(&[&one, &one, &two, &two], 0);
    let layout = Layout::new(&recipe, 3, 10);
    let state = State::fresh(&recipe, &layout, Engine::cpu(Kind::Float), Seed::from_number(5));
    let whole = Network::new(&recipe, layout, Engine::cpu(Kind::Float)).forward(&state, &images, Mode::Train);
    recipe.norm.ghost_batches = 2;
    let layout = Layout::new(&recipe, 3, 10);
    let state = State::fresh(&recipe, &layout, Engine::cpu(Kind::Float), Seed::from_number(5));
    let split = Network::new(&recipe, layout, Engine::cpu(Kind::Float)).forward(&state, &images, Mode::Train);
    // Parts {0, 2} and {1, 3} hold the same images as the whole batch, so their statistics are the same.
    assert!((whole - split).abs().max().double_value(&[]) < 1e-4);
}
