//! The forward pass of the `SpeedyResNet` family.

use std::iter::{Enumerate, zip};
use std::vec::IntoIter;

use tch::Tensor;

use crate::torch::{Engine, Layout, State};
use hlb_bench::recipe::{Pool, Recipe};

/// Whether normalisations use and update the batch's statistics or the running ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The batch's own statistics.
    Train,
    /// The running statistics.
    Evaluate,
}

/// Layers in their order; the numbers are in a [`State`].
#[derive(Debug)]
pub(crate) struct Network {
    layout: Layout,
    pool: Pool,
    momentum: f64,
    eps: f64,
    logit_scale: f64,
    ones: Tensor,
}

/// What the layers of one pass draw from, in turn.
struct Pass<'a> {
    network: &'a Network,
    weights: IntoIter<Tensor>,
    /// Bias, running mean and running variance, numbered.
    norms: Enumerate<IntoIter<(Tensor, (Tensor, Tensor))>>,
    mode: Mode,
}

impl Network {
    /// The network of a recipe.
    pub(crate) fn new(recipe: &Recipe, layout: Layout, engine: Engine) -> Self {
        let widest = recipe.blocks.widths.iter().copied().max().unwrap_or(0).max(recipe.stem.width());
        let ones = [i64::from(widest) * i64::from(recipe.norm.ghost_batches)];
        Self {
            layout,
            pool: recipe.blocks.pool,
            momentum: recipe.norm.momentum,
            eps: recipe.norm.eps,
            logit_scale: recipe.logit_scale,
            ones: Tensor::ones(ones, (engine.norm_kind, engine.device)),
        }
    }

    /// Shapes and places of the parameters.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Logits `[images, classes]` of `images`, `[images, channels, rows, columns]` in `channels_last`.
    pub(crate) fn forward(&self, state: &State, images: &Tensor, mode: Mode) -> Tensor {
        let mut pass = Pass {
            network: self,
            weights: self.layout.weight_views(&state.weights).into_iter(),
            norms: zip(self.layout.bias_views(&state.biases), self.layout.stat_views(&state.stats))
                .collect::<Vec<_>>()
                .into_iter()
                .enumerate(),
            mode,
        };
        let mut hidden = pass.stem(state.whitening.as_ref(), images);
        while pass.weights.len() > 1 {
            hidden = pass.block(&hidden);
        }
        // *Why the maximum:* hlb-CIFAR10 found that it beats averaging over the last map.
        let pooled = hidden.amax([2, 3], false);
        pooled.linear(&pass.next_weight(), None::<&Tensor>) * self.logit_scale
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
}

impl Pass<'_> {
    fn next_weight(&mut self) -> Tensor {
        self.weights.next().expect("the layout lists one weight for each layer")
    }

    /// Whitened patches, then a trained 1x1 convolution; or a trained 3x3 convolution alone.
    fn stem(&mut self, whitening: Option<&Tensor>, images: &Tensor) -> Tensor {
        let weight = self.next_weight();
        let hidden = match whitening {
            Some(filters) => conv(&conv(images, filters, 0), &weight, 0),
            None if self.network.layout.whitening_channels().is_some() => {
                panic!("the whitening filters have to be fitted before the first pass")
            }
            None => conv(images, &weight, 1),
        };
        self.norm(&hidden).gelu("none")
    }

    /// Convolution, pooling, normalisation, activation; a second convolution of the same width is added on top.
    ///
    /// *Why pooling comes early:* normalisation and activation then work on a quarter of the pixels.
    fn block(&mut self, input: &Tensor) -> Tensor {
        let first = conv(input, &self.next_weight(), 1);
        let halved = match self.network.pool {
            Pool::BeforeNorm => self.norm(&halve(&first)).gelu("none"),
            Pool::AfterActivation => halve(&self.norm(&first).gelu("none")),
        };
        let second = conv(&halved, &self.next_weight(), 1);
        self.norm(&second).gelu("none") + halved
    }

    /// Batch normalisation with a scale of 1; in the blocks, parts of the batch may be treated apart.
    fn norm(&mut self, input: &Tensor) -> Tensor {
        let (index, (bias, (mean, variance))) =
            self.norms.next().expect("the layout lists one normalisation for each layer");
        let (width, ghosts) = (bias.size()[0], self.network.layout.ghosts(index));
        let training = self.mode == Mode::Train;
        if ghosts == 1 || !training {
            // After collation all parts agree, so evaluation takes the first.
            return self.batch_norm(input, &bias, &mean.narrow(0, 0, width), &variance.narrow(0, 0, width));
        }
        let (_, _, rows, columns) = input.size4().expect("activations have four dimensions");
        let apart = input.reshape([-1, ghosts * width, rows, columns]);
        self.batch_norm(&apart, &bias.repeat([ghosts]), &mean, &variance).reshape([-1, width, rows, columns])
    }

    fn batch_norm(&self, input: &Tensor, bias: &Tensor, mean: &Tensor, variance: &Tensor) -> Tensor {
        let Network { momentum, eps, ones, .. } = self.network;
        let scale = ones.narrow(0, 0, bias.size()[0]);
        let training = self.mode == Mode::Train;
        input.batch_norm(Some(&scale), Some(bias), Some(mean), Some(variance), training, *momentum, *eps, true)
    }
}

fn conv(input: &Tensor, weight: &Tensor, padding: i64) -> Tensor {
    input.conv2d(weight, None::<&Tensor>, 1, padding, 1, 1)
}

fn halve(input: &Tensor) -> Tensor {
    input.max_pool2d(2, 2, 0, 1, false)
}
