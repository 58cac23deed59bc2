//! Where each parameter lies: all weights in one flat tensor, all biases and behind them all trained scales in another, all
//! running statistics in a third.
//!
//! *Why flat:* an optimizer step or an update of the EMA is then a handful of operations on whole tensors instead
//! of a loop over layers. Convolution weights are stored output, row, column, input, so that their views are
//! `channels_last` and the convolutions take the fast path.

use std::iter::zip;
use std::ops::Range;

use tch::Tensor;

use hlb_recipe::{Parameters, Recipe};

/// Shape of one weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// A square convolution without bias.
    Conv { output: i64, input: i64, kernel: i64 },
    /// A linear layer without bias.
    Linear { output: i64, input: i64 },
}

impl Weight {
    pub fn fan_in(self) -> i64 {
        match self {
            Self::Conv { input, kernel, .. } => input * kernel * kernel,
            Self::Linear { input, .. } => input,
        }
    }

    pub fn outputs(self) -> i64 {
        match self {
            Self::Conv { output, .. } | Self::Linear { output, .. } => output,
        }
    }

    pub fn numel(self) -> i64 {
        self.outputs() * self.fan_in()
    }

    /// The weight as the layers want it, from its slice of the flat tensor.
    pub fn view(self, flat: &Tensor) -> Tensor {
        match self {
            Self::Conv { output, input, kernel } => flat.view([output, kernel, kernel, input]).permute([0, 3, 1, 2]),
            Self::Linear { output, input } => flat.view([output, input]),
        }
    }
}

/// The frozen whitening in front of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whitening {
    /// Its filters.
    pub outputs: i64,
    /// Values of a patch.
    pub fan_in: i64,
}

/// Shapes and places of everything that a recipe trains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The stem's, if it is trained; those of the blocks; the linear layer's.
    weights: Vec<Weight>,
    norms: Vec<i64>,
    has_stem: bool,
    has_stem_norm: bool,
    /// Block and place in it of each convolution of the blocks, counted from 0.
    places: Vec<(usize, usize)>,
    ghosts: i64,
    stem_ghosts: i64,
    trains_scale: bool,
    whitening: Option<Whitening>,
}

impl Layout {
    /// Shapes for images with `channels` channels and labels of `classes` classes.
    pub fn new(recipe: &Recipe, channels: u32, classes: u32) -> Self {
        let mut width = i64::from(recipe.stem.width());
        let (mut weights, mut norms) = (Vec::new(), Vec::new());
        let whitening = recipe.stem.whitening().map(|whiten| Whitening {
            outputs: i64::from(whiten.patch_channels(channels)),
            fan_in: i64::from(channels * whiten.kernel * whiten.kernel),
        });
        if recipe.stem.is_trained() {
            weights.push(match whitening {
                Some(whitening) => Weight::Conv { output: width, input: whitening.outputs, kernel: 1 },
                None => Weight::Conv { output: width, input: i64::from(channels), kernel: 3 },
            });
        }
        if recipe.stem.is_normalized() {
            norms.push(width);
        }
        let mut places = Vec::new();
        for (block, output) in recipe.blocks.widths.iter().copied().map(i64::from).enumerate() {
            for place in 0..recipe.blocks.convs.of(block) as usize {
                weights.push(Weight::Conv { output, input: width, kernel: 3 });
                norms.push(output);
                places.push((block, place));
                width = output;
            }
        }
        weights.push(Weight::Linear { output: i64::from(classes), input: width });
        Self {
            weights,
            norms,
            has_stem: recipe.stem.is_trained(),
            has_stem_norm: recipe.stem.is_normalized(),
            places,
            ghosts: i64::from(recipe.norm.ghost_batches),
            stem_ghosts: if recipe.norm.ghost_stem { i64::from(recipe.norm.ghost_batches) } else { 1 },
            trains_scale: recipe.norm.train_scale,
            whitening,
        }
    }

    /// Shapes of the weights, in the order of the layers.
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// The weights of these parameters among [`Layout::weights`]; empty for biases and scales.
    pub(crate) fn weights_of(&self, parameters: Parameters) -> Range<usize> {
        let (stem, head) = (usize::from(self.has_stem), self.weights.len() - 1);
        match parameters {
            Parameters::Stem => 0..stem,
            Parameters::Filters => stem..head,
            Parameters::Head => head..head + 1,
            Parameters::Biases | Parameters::WhiteningBias | Parameters::Scales => 0..0,
        }
    }

    /// Where convolution `index` of [`Layout::weights`] stands in its block, counted from 0; the stem stands in none.
    pub(crate) fn place_in_block(&self, index: usize) -> Option<usize> {
        let (_, place) = self.places.get(index.checked_sub(usize::from(self.has_stem))?)?;
        Some(*place)
    }

    /// Parameters of all trained convolutions and the linear layer.
    pub fn weight_count(&self) -> i64 {
        self.weights.iter().map(|weight| weight.numel()).sum()
    }

    /// Biases of all normalizations.
    pub fn bias_count(&self) -> i64 {
        self.norms.iter().sum()
    }

    /// Trained scales of all normalizations. They lie behind the biases, in one flat tensor with them.
    pub fn scale_count(&self) -> i64 {
        if self.trains_scale { self.bias_count() } else { 0 }
    }

    /// The whitening, if the stem has one.
    pub fn whitening(&self) -> Option<Whitening> {
        self.whitening
    }

    /// Whether a trained layer stands in front of the blocks.
    pub(crate) fn has_stem(&self) -> bool {
        self.has_stem
    }

    /// Whether a normalization stands in front of the blocks.
    pub(crate) fn has_stem_norm(&self) -> bool {
        self.has_stem_norm
    }

    /// Parts of the batch that normalization `index` treats separately.
    pub fn ghosts(&self, index: usize) -> i64 {
        if self.has_stem_norm && index == 0 { self.stem_ghosts } else { self.ghosts }
    }

    /// Names of the weights, in the order of the layers.
    pub(crate) fn weight_names(&self) -> Vec<String> {
        let stem = self.has_stem.then(|| "stem.weight".to_owned());
        let convolutions = self.in_blocks().map(|(block, place)| format!("blocks[{block}].conv{place}.weight"));
        stem.into_iter().chain(convolutions).chain(["head.weight".to_owned()]).collect()
    }

    /// Names of the normalizations, in the order of the layers.
    pub(crate) fn norm_names(&self) -> Vec<String> {
        let stem = self.has_stem_norm.then(|| "stem.norm".to_owned());
        stem.into_iter().chain(self.in_blocks().map(|(block, place)| format!("blocks[{block}].norm{place}"))).collect()
    }

    /// Block and place, counted from 1, of each convolution of the blocks.
    fn in_blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        self.places.iter().map(|(block, place)| (*block, place + 1))
    }

    /// Biases of the normalizations by name, then their scales where those are trained.
    pub(crate) fn named_norms(&self, biases: &Tensor) -> Vec<(String, Tensor)> {
        let (biases, scales): (Vec<_>, Vec<_>) = self.norm_views(biases).into_iter().unzip();
        let named = |what: &'static str| self.norm_names().into_iter().map(move |name| format!("{name}.{what}"));
        zip(named("bias"), biases).chain(zip(named("scale"), scales.into_iter().flatten())).collect()
    }

    /// Views of the weights, in the order of the layers.
    pub fn weight_views(&self, flat: &Tensor) -> Vec<Tensor> {
        let sizes: Vec<i64> = self.weights.iter().map(|weight| weight.numel()).collect();
        let parts = flat.split_with_sizes(sizes, 0);
        self.weights.iter().zip(parts).map(|(weight, part)| weight.view(&part)).collect()
    }

    /// Views of the biases, each with that of the scale if it is trained, in the order of the layers.
    pub(crate) fn norm_views(&self, flat: &Tensor) -> Vec<(Tensor, Option<Tensor>)> {
        let widths = if self.trains_scale { self.norms.repeat(2) } else { self.norms.clone() };
        let mut biases = flat.split_with_sizes(widths, 0);
        let mut scales = biases.split_off(self.norms.len()).into_iter();
        biases.into_iter().map(|bias| (bias, scales.next())).collect()
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

    /// Channels of the normalizations, in the order of the layers.
    pub(crate) fn norm_widths(&self) -> &[i64] {
        &self.norms
    }

    /// Values of all running statistics.
    pub(crate) fn stat_count(&self) -> i64 {
        self.norms.iter().enumerate().map(|(index, width)| 2 * width * self.ghosts(index)).sum()
    }
}
