//! Parameters and buffers of a model, and their initialization.

use std::iter::zip;

use tch::{Device, Kind, Tensor};

use crate::layout::Weight;
use crate::{Engine, Layout};
use hlb_core::seed::{Seed, Stream};
use hlb_recipe::{BiasStart, ConvolutionInit, HeadInit, Init, Recipe};

/// Parameters and buffers of one model.
#[derive(Debug)]
pub struct State {
    /// Convolutions and the linear layer, flat; trained.
    pub weights: Tensor,
    /// Biases of the normalizations, flat, and behind them their scales where those are trained.
    pub biases: Tensor,
    /// Running statistics of the normalizations, flat.
    pub stats: Tensor,
    /// Whitening filters, `[filters, channels, kernel, kernel]`, frozen; random until they are fitted.
    pub whitening: Option<Tensor>,
    /// Bias of the whitening, if it has one; trained until it is frozen.
    pub whitening_bias: Option<Tensor>,
}

impl State {
    /// A fresh model from the seed's `init` stream.
    pub fn fresh(recipe: &Recipe, layout: &Layout, engine: Engine, seed: Seed) -> Self {
        let weights = initial_weights(layout, &mut seed.stream("init"));
        let whitening = initial_whitening(recipe, layout, seed);
        apply_init(recipe.init, layout, &weights, whitening.as_ref());
        let placed_norms = (engine.norm_kind, engine.device);
        let scales = Tensor::full([layout.scale_count()], recipe.norm.scale, placed_norms);
        let biases = Tensor::cat(&[Tensor::zeros([layout.bias_count()], placed_norms), scales], 0);
        let frozen = |tensor: Tensor| tensor.to_device(engine.device).to_kind(engine.kind);
        let placed = |tensor: Tensor| frozen(tensor).set_requires_grad(true);
        Self {
            weights: placed(weights),
            biases: biases.set_requires_grad(true),
            stats: initial_stats(layout).to_device(engine.device).to_kind(engine.norm_kind),
            whitening: whitening.map(frozen),
            whitening_bias: initial_whitening_bias(recipe, layout, seed).map(placed),
        }
    }

    /// All tensors by name, each a view.
    pub fn named(&self, layout: &Layout) -> Vec<(String, Tensor)> {
        let mut found: Vec<(String, Tensor)> =
            self.whitening.iter().map(|filters| ("whitening.weight".to_owned(), filters.shallow_clone())).collect();
        found.extend(self.whitening_bias.iter().map(|bias| ("whitening.bias".to_owned(), bias.shallow_clone())));
        found.extend(zip(layout.weight_names(), layout.weight_views(&self.weights)));
        found.extend(layout.named_norms(&self.biases));
        for (name, (mean, variance)) in zip(layout.norm_names(), layout.stat_views(&self.stats)) {
            found.push((format!("{name}.running_mean"), mean));
            found.push((format!("{name}.running_variance"), variance));
        }
        found
    }

    /// A detached copy.
    pub(crate) fn frozen_copy(&self) -> Self {
        Self {
            weights: self.weights.detach().copy(),
            biases: self.biases.detach().copy(),
            stats: self.stats.copy(),
            whitening: self.whitening.as_ref().map(Tensor::shallow_clone),
            whitening_bias: self.whitening_bias.as_ref().map(|bias| bias.detach().copy()),
        }
    }
}

/// PyTorch's default initialization of convolutions and linear layers: uniform in plus and minus 1/sqrt(fan-in).
fn initial_weights(layout: &Layout, stream: &mut Stream) -> Tensor {
    let parts: Vec<Tensor> =
        layout.weights().iter().map(|weight| uniform(weight.numel(), weight.fan_in(), stream)).collect();
    Tensor::cat(&parts, 0)
}

fn uniform(count: i64, fan_in: i64, stream: &mut Stream) -> Tensor {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a fan-in is a small whole number"
    )]
    let bound = (1.0 / (fan_in as f64).sqrt()) as f32;
    let drawn: Vec<f32> = (0..count).map(|_| (2.0 * stream.unit() - 1.0) * bound).collect();
    Tensor::from_slice(&drawn)
}

/// What an average that begins with the untrained model has for filters.
fn initial_whitening(recipe: &Recipe, layout: &Layout, seed: Seed) -> Option<Tensor> {
    let (whiten, whitening) = (recipe.stem.whitening()?, layout.whitening()?);
    let kernel = i64::from(whiten.kernel);
    let count = whitening.outputs * whitening.fan_in;
    let filters = uniform(count, whitening.fan_in, &mut seed.stream("unfitted whitening"));
    Some(filters.view([whitening.outputs, -1, kernel, kernel]))
}

fn initial_whitening_bias(recipe: &Recipe, layout: &Layout, seed: Seed) -> Option<Tensor> {
    let start = recipe.stem.whitening()?.bias?;
    let whitening = layout.whitening()?;
    Some(match start {
        BiasStart::Zero => Tensor::zeros([whitening.outputs], (Kind::Float, Device::Cpu)),
        BiasStart::Uniform => uniform(whitening.outputs, whitening.fan_in, &mut seed.stream("whitening bias")),
    })
}

fn initial_stats(layout: &Layout) -> Tensor {
    let flat = Tensor::zeros([layout.stat_count()], (Kind::Float, Device::Cpu));
    for (_, mut variance) in layout.stat_views(&flat) {
        let _ = variance.fill_(1.0);
    }
    flat
}

/// Applies the recipe's initialization to weights and unfitted whitening filters that PyTorch's default initialized.
///
/// *Why an identity:* a deep network then begins as a shallow one, and gradients reach its first layers.
pub fn apply_init(init: Init, layout: &Layout, flat: &Tensor, whitening: Option<&Tensor>) {
    tch::no_grad(|| {
        if let (ConvolutionInit::Dirac, Some(filters)) = (init.convolutions, whitening) {
            write_identity(filters);
        }
        for (index, (weight, view)) in layout.weights().iter().zip(layout.weight_views(flat)).enumerate() {
            match (*weight, layout.place_in_block(index)) {
                (Weight::Linear { .. }, _) => start_head(init.head, view),
                (Weight::Conv { .. }, place) => start_convolution(init.convolutions, place, view),
            }
        }
    });
}

fn start_head(head: HeadInit, mut view: Tensor) {
    if head == HeadInit::UnitDeviation {
        let deviation = view.std(true);
        let _ = view.g_div_(&deviation);
    }
}

/// `place` in the block, counted from 0; `None` is the stem's projection.
fn start_convolution(start: ConvolutionInit, place: Option<usize>, mut view: Tensor) {
    use ConvolutionInit::{Default, Dirac, DiracSecond, DiracStandardised};
    match (start, place) {
        (Default, _) | (Dirac, None) | (DiracSecond, Some(0)) => {}
        (Dirac, Some(_)) => write_identity(&view),
        (DiracSecond, _) | (DiracStandardised, None | Some(1..)) => {
            let _ = view.zero_();
            write_identity(&view);
        }
        (DiracStandardised, Some(0)) => {
            let identity = view.zeros_like();
            write_identity(&identity);
            let (mean, deviation) = (view.mean(view.kind()), view.std(true));
            let sum = &view + identity;
            let (shifted, spread) = (sum.mean(sum.kind()), sum.std(true));
            view.copy_(&((sum - shifted) / spread * deviation + mean));
        }
    }
}

/// The first output channels become the input channels of the same index (Dirac initialization).
fn write_identity(view: &Tensor) {
    let size = view.size();
    let (same, middle) = (size[0].min(size[1]), size[2] / 2);
    let _ = view.narrow(0, 0, same).zero_();
    let center = view.select(3, middle).select(2, middle);
    let _ = center.diagonal(0, 0, 1).fill_(1.0);
}
