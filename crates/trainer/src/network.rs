//! The forward pass of the `SpeedyResNet` family.

use std::iter::{Enumerate, zip};
use std::vec::IntoIter;

use tch::{Device, Kind, Tensor};

use crate::native::{celu, conv_of_small_maps};
use crate::stage::{Join, Stage, is_known, knows};
use crate::{Engine, Layout, State};
use hlb_recipe::{Activation, Blocks, Pool, PoolHead, Recipe, Residual};

/// Whether normalizations use and update the batch's statistics or the running ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The batch's own statistics.
    Train,
    /// The running statistics.
    Evaluate,
}

/// Layers in their order; the numbers are in a [`State`].
#[derive(Debug)]
pub struct Network {
    layout: Layout,
    blocks: Blocks,
    activation: Activation,
    stem_activation: Activation,
    celu_alpha: f64,
    pool_head: PoolHead,
    momentum: f64,
    eps: f64,
    logit_scale: f64,
    padding: i64,
    /// What normalized channels are multiplied with where no scale of theirs is trained, for the parts of a batch of the widest.
    frozen_scale: Tensor,
    /// Whether the scale of every normalization is 1 and stays it, as a stage that is one operation has it.
    has_unit_scale: bool,
    /// Whether the CPU's and the GPU's own ways are taken where they know how: stages that are one operation, a whitening joined with
    /// its projection, gradients of small maps.
    pub(crate) fused: bool,
}

/// What follows a convolution.
#[derive(Clone, Copy)]
struct Then<'a> {
    /// Which block's, and which of its convolutions, counted from 1; `None` is the stem's.
    place: Option<(usize, u32)>,
    /// Whether it halves rows and columns first.
    pools: bool,
    activation: Activation,
    join: Join<'a>,
}

/// Is shown each tensor of a pass by its name; tests look there.
pub(crate) type Probe<'a> = &'a mut dyn FnMut(&str, &Tensor);

/// Of a normalization: bias with scale, where that is trained, and running mean with running variance.
type NormTensors = ((Tensor, Option<Tensor>), (Tensor, Tensor));

/// What the layers of one pass draw from, in turn.
struct Pass<'a, 'p> {
    network: &'a Network,
    weights: IntoIter<Tensor>,
    norms: Enumerate<IntoIter<NormTensors>>,
    mode: Mode,
    probe: Option<Probe<'p>>,
}

impl Network {
    /// The network of a recipe.
    pub fn new(recipe: &Recipe, layout: Layout, engine: Engine) -> Self {
        let widest = recipe.blocks.widths.iter().copied().max().unwrap_or(0).max(recipe.stem.width());
        let widest = [i64::from(widest) * i64::from(recipe.norm.ghost_batches)];
        Self {
            layout,
            blocks: recipe.blocks.clone(),
            activation: recipe.activation,
            stem_activation: recipe.stem_activation.unwrap_or(recipe.activation),
            celu_alpha: recipe.celu_alpha,
            pool_head: recipe.pool_head,
            momentum: recipe.norm.momentum,
            eps: recipe.norm.eps,
            logit_scale: recipe.logit_scale,
            padding: recipe.stem.whitening().map_or(0, |whiten| i64::from(whiten.padding())),
            frozen_scale: Tensor::full(widest, recipe.norm.scale, (engine.norm_kind, engine.device)),
            has_unit_scale: recipe.norm.has_unit_scale(),
            fused: engine.device == Device::Cpu,
        }
    }

    /// Whether stages of this network can be one operation.
    pub(crate) fn can_fuse(&self, engine: Engine) -> bool {
        let known = |width: i64| knows((engine.device, engine.kind, width), engine.norm_kind);
        let followed =
            |index| if self.layout.has_stem_norm() && index == 0 { self.stem_activation } else { self.activation };
        let mut norms = self.layout.norm_widths().iter().enumerate();
        let fits = |(index, width): (usize, &i64)| {
            known(*width) && self.layout.ghosts(index) == 1 && is_known(followed(index))
        };
        self.has_unit_scale && norms.any(fits)
    }

    /// Shapes and places of the parameters.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Logits `[images, classes]` of `images`, `[images, channels, rows, columns]` in `channels_last`.
    pub fn forward(&self, state: &State, images: &Tensor, mode: Mode) -> Tensor {
        self.probed(state, images, mode, None)
    }

    /// The same, and each tensor on the way is shown to `probe`.
    pub fn probed(&self, state: &State, images: &Tensor, mode: Mode, probe: Option<Probe>) -> Tensor {
        let mut pass = Pass {
            network: self,
            weights: self.layout.weight_views(&state.weights).into_iter(),
            norms: zip(self.layout.norm_views(&state.biases), self.layout.stat_views(&state.stats))
                .collect::<Vec<_>>()
                .into_iter()
                .enumerate(),
            mode,
            probe,
        };
        let mut hidden = pass.stem(state, images);
        for block in 0..self.blocks.widths.len() {
            hidden = pass.block(block, &hidden);
        }
        let pooled = match self.pool_head {
            // *Why the maximum:* hlb-CIFAR10 found that it beats averaging over the last map.
            PoolHead::Max => hidden.amax([2, 3], false),
            PoolHead::Mean => hidden.mean_dim([2_i64, 3].as_slice(), false, hidden.kind()),
        };
        pass.show(|| "pooled".to_owned(), &pooled);
        let logits = pooled.linear(&pass.next_weight(), None::<&Tensor>) * self.logit_scale;
        pass.show(|| "logits".to_owned(), &logits);
        logits
    }

    /// Evens the statistics of the parts of a batch out for an evaluation: their mean, put into every part.
    pub(crate) fn collate_statistics(&self, state: &mut State) {
        for (index, (mean, variance)) in self.layout.stat_views(&state.stats).into_iter().enumerate() {
            let ghosts = self.layout.ghosts(index);
            if ghosts == 1 {
                continue;
            }
            for mut statistic in [mean, variance] {
                let parts = statistic.view([ghosts, -1]);
                let even = parts.mean_dim(0_i64, true, parts.kind()).expand_as(&parts).contiguous();
                statistic.copy_(&even.view(-1));
            }
        }
    }

    fn activate(&self, activation: Activation, input: &Tensor) -> Tensor {
        match activation {
            Activation::Gelu => input.gelu("none"),
            Activation::Silu => input.silu(),
            Activation::Relu => input.relu(),
            Activation::Identity => input.shallow_clone(),
            Activation::Celu => celu(input, self.celu_alpha),
        }
    }
}

impl Pass<'_, '_> {
    fn next_weight(&mut self) -> Tensor {
        self.weights.next().expect("the layout lists one weight for each layer")
    }

    fn show(&mut self, name: impl FnOnce() -> String, tensor: &Tensor) {
        if let Some(probe) = &mut self.probe {
            probe(&name(), tensor);
        }
    }

    /// Whether operations are joined into one where they can be. A probe sees each by itself.
    fn is_fused(&self) -> bool {
        self.network.fused && self.probe.is_none()
    }

    /// Whitened patches and, if there is one, a trained convolution with its normalization; then the activation.
    fn stem(&mut self, state: &State, images: &Tensor) -> Tensor {
        let (network, activation) = (self.network, self.network.stem_activation);
        let weight = network.layout.has_stem().then(|| self.next_weight());
        let convolved = match (network.layout.whitening(), &weight) {
            (Some(_), Some(weight)) if self.is_fused() => whitened_projection(state, images, weight, network.padding),
            (Some(_), weight) => {
                let whitened = images.conv2d(whitening(state), state.whitening_bias.as_ref(), 1, network.padding, 1, 1);
                self.show(|| "whitening".to_owned(), &whitened);
                weight.as_ref().map_or_else(|| whitened.shallow_clone(), |weight| conv(&whitened, weight, 0))
            }
            (None, weight) => weight.as_ref().map_or_else(|| images.shallow_clone(), |weight| conv(images, weight, 1)),
        };
        let out = if network.layout.has_stem_norm() {
            self.stage(&convolved, Then { place: None, pools: false, activation, join: Join::None })
        } else {
            network.activate(activation, &convolved)
        };
        self.show(|| "stem".to_owned(), &out);
        out
    }

    /// Convolution, pooling, normalization, activation; further convolutions of the same width follow.
    ///
    /// *Why pooling comes early:* normalization and activation then work on a quarter of the pixels.
    fn block(&mut self, block: usize, input: &Tensor) -> Tensor {
        let network = self.network;
        let pools_first = network.blocks.pool == Pool::BeforeNorm;
        let first = self.conv_in_block(block, 1, input);
        let activation = network.activation;
        let then = Then { place: Some((block, 1)), pools: pools_first, activation, join: Join::None };
        let activated = self.stage(&first, then);
        let halved = if pools_first { activated } else { halve(&activated) };
        let mut hidden = halved.shallow_clone();
        let convs = network.blocks.convs.of(block);
        for place in 2..=convs {
            let convolved = self.conv_in_block(block, place, &hidden);
            let join = match network.blocks.residual.of(block) {
                Residual::AfterActivation if place == convs => Join::AfterActivation(&halved),
                Residual::BeforeActivation if place == convs => Join::BeforeActivation(&halved),
                _ => Join::None,
            };
            hidden = self.stage(&convolved, Then { place: Some((block, place)), pools: false, activation, join });
        }
        self.show(|| format!("blocks[{block}]"), &hidden);
        hidden
    }

    fn conv_in_block(&mut self, block: usize, place: u32, input: &Tensor) -> Tensor {
        let weight = self.next_weight();
        let is_small = self.is_fused() && self.mode == Mode::Train && is_slow_by_libtorch(input, &weight);
        let out = if is_small { conv_of_small_maps(input, &weight) } else { conv(input, &weight, 1) };
        self.show(|| format!("blocks[{block}].conv{place}"), &out);
        out
    }

    /// What follows a convolution: pooling if it comes first, normalization, activation, and the sum with the block's residual.
    fn stage(&mut self, input: &Tensor, then: Then) -> Tensor {
        let (network, training) = (self.network, self.mode == Mode::Train);
        let (index, ((bias, scale), (mean, variance))) =
            self.norms.next().expect("the layout lists one normalization for each layer");
        let Then { place, pools, activation, join } = then;
        let Network { momentum, eps, .. } = *network;
        let (bias, mean, variance) = (&bias, &mean, &variance);
        let stage = Stage { input, bias, mean, variance, join, pools, training, activation, momentum, eps };
        if self.is_fused() && network.has_unit_scale && stage.is_known() {
            return stage.apply();
        }
        let pooled = if pools { halve(input) } else { input.shallow_clone() };
        let normal = self.norm(&pooled, (bias, scale.as_ref()), (mean, variance), network.layout.ghosts(index));
        if let Some((block, place)) = place {
            self.show(|| format!("blocks[{block}].norm{place}"), &normal);
        }
        match join {
            Join::None => network.activate(activation, &normal),
            Join::BeforeActivation(other) => network.activate(activation, &(normal + other)),
            Join::AfterActivation(other) => network.activate(activation, &normal) + other,
        }
    }

    /// Batch normalization, with a scale where it is trained; parts of the batch may be treated apart.
    fn norm(
        &self,
        input: &Tensor,
        (bias, scale): (&Tensor, Option<&Tensor>),
        (mean, variance): (&Tensor, &Tensor),
        ghosts: i64,
    ) -> Tensor {
        let width = bias.size()[0];
        if ghosts == 1 || self.mode == Mode::Evaluate {
            // After collation all parts agree, so evaluation takes the first.
            let statistics = (&mean.narrow(0, 0, width), &variance.narrow(0, 0, width));
            return self.batch_norm(input, (bias, scale), statistics);
        }
        let (_, _, rows, columns) = input.size4().expect("activations have four dimensions");
        let apart = input.reshape([-1, ghosts * width, rows, columns]);
        let scale = scale.map(|scale| scale.repeat([ghosts]));
        let normal = self.batch_norm(&apart, (&bias.repeat([ghosts]), scale.as_ref()), (mean, variance));
        normal.reshape([-1, width, rows, columns])
    }

    fn batch_norm(
        &self,
        input: &Tensor,
        (bias, scale): (&Tensor, Option<&Tensor>),
        (mean, variance): (&Tensor, &Tensor),
    ) -> Tensor {
        let Network { momentum, eps, frozen_scale, .. } = self.network;
        let frozen = frozen_scale.narrow(0, 0, bias.size()[0]);
        let (scale, training) = (scale.unwrap_or(&frozen), self.mode == Mode::Train);
        input.batch_norm(Some(scale), Some(bias), Some(mean), Some(variance), training, *momentum, *eps, true)
    }
}

fn whitening(state: &State) -> &Tensor {
    state.whitening.as_ref().expect("the whitening filters are fitted before the first pass")
}

/// Whitening and the trained 1x1 convolution behind it, as one convolution with the product of both.
///
/// *Why:* convolutions of few channels take as long as those of many, and this leaves one of two.
fn whitened_projection(state: &State, images: &Tensor, weight: &Tensor, padding: i64) -> Tensor {
    let filters = whitening(state);
    let [patterns, channels, rows, columns] = filters.size()[..] else { unreachable!("filters have four dimensions") };
    let projection = weight.reshape([-1, patterns]);
    let product = projection.mm(&filters.reshape([patterns, -1])).view([-1, channels, rows, columns]);
    let bias = state.whitening_bias.as_ref().map(|bias| projection.mv(bias));
    images.conv2d(&product, bias.as_ref(), 1, padding, 1, 1)
}

fn conv(input: &Tensor, weight: &Tensor, padding: i64) -> Tensor {
    input.conv2d(weight, None::<&Tensor>, 1, padding, 1, 1)
}

/// Whether libtorch takes long for a 3x3 convolution: small maps of many channels, in 16 bits on a CPU.
fn is_slow_by_libtorch(maps: &Tensor, weight: &Tensor) -> bool {
    let ([_, _, rows, columns], [outputs, inputs, ..]) = (&maps.size()[..], &weight.size()[..]) else { return false };
    let is_narrow = matches!(maps.kind(), Kind::Half | Kind::BFloat16);
    maps.device() == Device::Cpu && is_narrow && rows * columns <= 16 && *outputs.min(inputs) >= 48
}

fn halve(input: &Tensor) -> Tensor {
    input.max_pool2d(2, 2, 0, 1, false)
}

#[cfg(test)]
mod tests {
    use hlb_recipe::{Stem, variant};

    use super::*;

    /// Whether stages of the reference with these changes can be one operation on the CPU.
    fn fuses(change: impl Fn(&mut Recipe)) -> bool {
        let mut recipe = variant::shipped("hlb-shapes").expect("it is shipped");
        change(&mut recipe);
        let engine = Engine::cpu(Kind::Float);
        Network::new(&recipe, Layout::new(&recipe, 3, 10), engine).can_fuse(engine)
    }

    #[test]
    fn what_the_loops_do_not_know_is_left_to_libtorch() {
        assert!(fuses(|_| {}));
        assert!(!fuses(|recipe| recipe.norm.scale = 0.25));
        assert!(!fuses(|recipe| recipe.norm.train_scale = true));
        let celu = Activation::Celu;
        assert!(!fuses(|recipe| recipe.activation = celu));
        assert!(fuses(|recipe| recipe.stem_activation = Some(celu)));
        let stem_alone = |recipe: &mut Recipe| {
            (recipe.activation, recipe.stem_activation) = (celu, Some(Activation::Relu));
        };
        assert!(fuses(stem_alone));
        // Without a normalization in the stem the first one is a block's.
        assert!(!fuses(|recipe| {
            stem_alone(recipe);
            let Stem::Whiten(whiten) = &mut recipe.stem else { unreachable!("the reference has a whitening") };
            whiten.norm = false;
        }));
    }
}
