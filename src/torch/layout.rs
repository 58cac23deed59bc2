//! Where each parameter lies: all weights in one flat tensor, all biases in another, all running statistics in a third.
//!
//! *Why flat:* an update of the optimiser or of the average is then a handful of operations on whole tensors instead
//! of a loop over layers. Convolution weights are stored output, row, column, input, so that their views are
//! `channels_last` and the convolutions take the fast path.

use std::iter::zip;

use tch::{Device, Kind, Tensor};

use crate::torch::Engine;
use hlb_bench::recipe::{Recipe, Stem};
use hlb_bench::seed::{Seed, Stream};

/// Shape of one weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// A square convolution without bias.
    Conv { output: i64, input: i64, kernel: i64 },
    /// A linear layer without bias.
    Linear { output: i64, input: i64 },
}

impl Weight {
    fn fan_in(self) -> i64 {
        match self {
            Self::Conv { input, kernel, .. } => input * kernel * kernel,
            Self::Linear { input, .. } => input,
        }
    }

    fn numel(self) -> i64 {
        match self {
            Self::Conv { output, .. } | Self::Linear { output, .. } => output * self.fan_in(),
        }
    }

    /// The weight as the layers want it, out of its stretch of the flat tensor.
    fn view(self, flat: &Tensor) -> Tensor {
        match self {
            Self::Conv { output, input, kernel } => flat.view([output, kernel, kernel, input]).permute([0, 3, 1, 2]),
            Self::Linear { output, input } => flat.view([output, input]),
        }
    }
}

/// Shapes and places of everything that a recipe trains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    weights: Vec<Weight>,
    norms: Vec<i64>,
    ghosts: i64,
    whitening: Option<i64>,
}

impl Layout {
    /// Shapes for images with `channels` channels and labels of `classes` classes.
    pub(crate) fn new(recipe: &Recipe, channels: u32, classes: u32) -> Self {
        let channels = i64::from(channels);
        let mut width = i64::from(recipe.stem.width());
        let whitening = matches!(recipe.stem, Stem::Whiten { .. }).then_some(channels);
        let stem = match whitening {
            Some(channels) => Weight::Conv { output: width, input: channels * 4, kernel: 1 },
            None => Weight::Conv { output: width, input: channels, kernel: 3 },
        };
        let (mut weights, mut norms) = (vec![stem], vec![width]);
        for output in recipe.blocks.widths.iter().copied().map(i64::from) {
            weights.push(Weight::Conv { output, input: width, kernel: 3 });
            weights.push(Weight::Conv { output, input: output, kernel: 3 });
            norms.extend([output, output]);
            width = output;
        }
        weights.push(Weight::Linear { output: i64::from(classes), input: width });
        Self { weights, norms, ghosts: i64::from(recipe.norm.ghost_batches), whitening }
    }

    /// Numbers in all trained convolutions and the linear layer.
    pub(crate) fn weight_count(&self) -> i64 {
        self.weights.iter().map(|weight| weight.numel()).sum()
    }

    /// Biases of all normalisations.
    pub(crate) fn bias_count(&self) -> i64 {
        self.norms.iter().sum()
    }

    /// Channels of the images if the stem whitens them.
    pub(crate) fn whitening_channels(&self) -> Option<i64> {
        self.whitening
    }

    /// Parts of the batch that normalisation `index` treats apart: the first normalisation never does.
    pub(crate) fn ghosts(&self, index: usize) -> i64 {
        if index == 0 { 1 } else { self.ghosts }
    }

    /// Names of the weights, in the order of the layers.
    pub(crate) fn weight_names(&self) -> Vec<String> {
        let blocks = (self.weights.len() - 2) / 2;
        let convolutions =
            (0..blocks).flat_map(|block| [1, 2].map(|index| format!("blocks[{block}].conv{index}.weight")));
        std::iter::once("stem.weight".to_owned()).chain(convolutions).chain(["head.weight".to_owned()]).collect()
    }

    /// Names of the normalisations, in the order of the layers.
    pub(crate) fn norm_names(&self) -> Vec<String> {
        let blocks = (self.norms.len() - 1) / 2;
        let in_blocks = (0..blocks).flat_map(|block| [1, 2].map(|index| format!("blocks[{block}].norm{index}")));
        std::iter::once("stem.norm".to_owned()).chain(in_blocks).collect()
    }

    /// Every tensor of a state by its name, in the order of the layers.
    pub(crate) fn named(&self, state: &State) -> Vec<(String, Tensor)> {
        let mut found: Vec<(String, Tensor)> =
            state.whitening.iter().map(|filters| ("whitening.weight".to_owned(), filters.shallow_clone())).collect();
        found.extend(zip(self.weight_names(), self.weight_views(&state.weights)));
        found.extend(self.named_biases(&state.biases));
        for (name, (mean, variance)) in zip(self.norm_names(), self.stat_views(&state.stats)) {
            found.push((format!("{name}.running_mean"), mean));
            found.push((format!("{name}.running_variance"), variance));
        }
        found
    }

    /// Biases of the normalisations by name.
    pub(crate) fn named_biases(&self, biases: &Tensor) -> Vec<(String, Tensor)> {
        let names = self.norm_names().into_iter().map(|name| format!("{name}.bias"));
        zip(names, self.bias_views(biases)).collect()
    }

    /// Views of the weights, in the order of the layers.
    pub(crate) fn weight_views(&self, flat: &Tensor) -> Vec<Tensor> {
        let sizes: Vec<i64> = self.weights.iter().map(|weight| weight.numel()).collect();
        let parts = flat.split_with_sizes(sizes, 0);
        self.weights.iter().zip(parts).map(|(weight, part)| weight.view(&part)).collect()
    }

    /// Views of the biases, in the order of the layers.
    pub(crate) fn bias_views(&self, flat: &Tensor) -> Vec<Tensor> {
        flat.split_with_sizes(self.norms.as_slice(), 0)
    }

    /// Views of running mean and running variance, in the order of the layers.
    pub(crate) fn stat_views(&self, flat: &Tensor) -> Vec<(Tensor, Tensor)> {
        let mut offset = 0;
        let mut views = Vec::with_capacity(self.norms.len());
        for (index, width) in self.norms.iter().enumerate() {
            let length = width * self.ghosts(index);
            views.push((flat.narrow(0, offset, length), flat.narrow(0, offset + length, length)));
            offset += 2 * length;
        }
        views
    }

    fn stat_count(&self) -> i64 {
        self.norms.iter().enumerate().map(|(index, width)| 2 * width * self.ghosts(index)).sum()
    }

    /// PyTorch's default start of convolutions and linear layers: uniform in plus and minus 1/sqrt(fan-in).
    fn initial_weights(&self, stream: &mut Stream) -> Tensor {
        let parts: Vec<Tensor> = self.weights.iter().map(|weight| initial_weight(*weight, stream)).collect();
        Tensor::cat(&parts, 0)
    }

    fn initial_stats(&self) -> Tensor {
        let flat = Tensor::zeros([self.stat_count()], (Kind::Float, Device::Cpu));
        for (_, mut variance) in self.stat_views(&flat) {
            let _ = variance.fill_(1.0);
        }
        flat
    }
}

fn initial_weight(weight: Weight, stream: &mut Stream) -> Tensor {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a fan-in is a small whole number"
    )]
    let bound = (1.0 / (weight.fan_in() as f64).sqrt()) as f32;
    let count = usize::try_from(weight.numel()).unwrap_or(0);
    let drawn: Vec<f32> = (0..count).map(|_| (2.0 * stream.unit() - 1.0) * bound).collect();
    Tensor::from_slice(&drawn)
}

/// The numbers of one model.
#[derive(Debug)]
pub(crate) struct State {
    /// Convolutions and the linear layer, flat; trained.
    pub(crate) weights: Tensor,
    /// Biases of the normalisations, flat; trained.
    pub(crate) biases: Tensor,
    /// Running statistics of the normalisations, flat.
    pub(crate) stats: Tensor,
    /// Whitening filters, `[4 * channels, channels, 2, 2]`, frozen; until they are fitted there are none.
    pub(crate) whitening: Option<Tensor>,
}

impl State {
    /// A fresh model from the seed's `init` stream.
    pub(crate) fn fresh(layout: &Layout, engine: Engine, seed: Seed) -> Self {
        let weights = layout.initial_weights(&mut seed.stream("init"));
        let biases = Tensor::zeros([layout.bias_count()], (engine.norm_kind, engine.device));
        Self {
            weights: weights.to_device(engine.device).to_kind(engine.kind).set_requires_grad(true),
            biases: biases.set_requires_grad(true),
            stats: layout.initial_stats().to_device(engine.device).to_kind(engine.norm_kind),
            whitening: None,
        }
    }

    /// A copy of the numbers that no longer takes part in training.
    pub(crate) fn frozen_copy(&self) -> Self {
        Self {
            weights: self.weights.detach().copy(),
            biases: self.biases.detach().copy(),
            stats: self.stats.copy(),
            whitening: self.whitening.as_ref().map(Tensor::shallow_clone),
        }
    }
}
