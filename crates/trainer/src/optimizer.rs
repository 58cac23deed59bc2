//! The optimizer: each parameter group has a rule, a learning rate and a momentum.

use std::iter::zip;
use std::ops::Range;

use tch::{Device, Kind, Tensor};

use crate::layout::Weight;
use crate::{Layout, State};
use hlb_recipe::{Freeze, Group, Muon, Optimizer, Parameters, Recipe, Rule};

/// Added to norms, so that none is zero in a division.
const TINY: f64 = 1e-7;

/// The optimizer of a run: one [`ParameterGroup`] for each slice of parameters with the same rule.
#[derive(Debug)]
pub(crate) struct GroupedOptimizer {
    groups: Vec<ParameterGroup>,
}

/// Gradients of a model.
pub(crate) struct Gradients {
    pub weights: Tensor,
    pub biases: Tensor,
    /// None where the whitening has no bias, or one that is frozen.
    pub whitening_bias: Option<Tensor>,
}

/// An optimizer step in its schedule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Its number, counted from 0.
    pub step: u64,
    /// Steps of the whole schedule.
    pub steps: u64,
}

impl GroupedOptimizer {
    /// The groups of a recipe. Stem, filters and linear layer are one slice where their settings are the same.
    pub(crate) fn new(recipe: &Recipe, layout: &Layout, state: &State, steps_per_epoch: u32) -> Self {
        let mut groups: Vec<ParameterGroup> = Vec::new();
        for parameters in Parameters::ALL {
            let Some(slice) = slice(parameters, layout, state) else { continue };
            let group = recipe.optimizer.group(parameters).clone();
            let frozen_from = frozen_from(&recipe.freeze, parameters, steps_per_epoch);
            if let Some(last) = groups.last_mut()
                && last.takes(&slice, &group, frozen_from)
            {
                last.grow(slice);
                continue;
            }
            groups.push(ParameterGroup::new(parameters, slice, group, frozen_from, &recipe.optimizer));
        }
        for group in &mut groups {
            group.begin(layout, state);
        }
        Self { groups }
    }

    /// First step at which these parameters are frozen.
    pub(crate) fn frozen_from(&self, parameters: Parameters) -> Option<u64> {
        self.groups.iter().find(|group| group.parameters == parameters).and_then(|group| group.frozen_from)
    }

    /// One optimizer step. Call it where gradients are not recorded.
    pub(crate) fn step(&mut self, recipe: &Recipe, state: &mut State, gradients: &Gradients, at: Step) {
        for group in &mut self.groups {
            group.step(recipe, state, gradients, at);
        }
    }

    /// The state of the rules, by name.
    pub(crate) fn named(&self, layout: &Layout) -> Vec<(String, Tensor)> {
        self.groups.iter().flat_map(|group| group.named(layout)).collect()
    }
}

/// First step at which `parameters` are frozen.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a range check keeps epochs in 0 to 1000")]
fn frozen_from(freeze: &[Freeze], parameters: Parameters, steps_per_epoch: u32) -> Option<u64> {
    let freeze = freeze.iter().find(|freeze| freeze.parameters == parameters)?;
    Some((freeze.after_epochs * f64::from(steps_per_epoch)).ceil() as u64)
}

/// Where a slice of parameters lies.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Slice {
    /// Layers of [`State::weights`], and the range of values that they occupy.
    Weights { layers: Range<usize>, offset: i64, length: i64 },
    /// All of [`State::biases`].
    Biases,
    /// [`State::whitening_bias`].
    WhiteningBias,
}

fn slice(parameters: Parameters, layout: &Layout, state: &State) -> Option<Slice> {
    match parameters {
        Parameters::Biases => Some(Slice::Biases),
        Parameters::WhiteningBias => state.whitening_bias.as_ref().map(|_| Slice::WhiteningBias),
        Parameters::Stem | Parameters::Filters | Parameters::Head => {
            let layers = layout.weights_of(parameters);
            let count = |layers: &[Weight]| layers.iter().map(|weight| weight.numel()).sum::<i64>();
            let (offset, length) = (count(&layout.weights()[..layers.start]), count(&layout.weights()[layers.clone()]));
            (length > 0).then_some(Slice::Weights { layers, offset, length })
        }
    }
}

impl Slice {
    /// The values of this slice of weights, biases or the whitening's bias.
    fn of(&self, weights: &Tensor, biases: &Tensor, whitening_bias: Option<&Tensor>) -> Option<Tensor> {
        match *self {
            Self::Weights { offset, length, .. } => Some(weights.narrow(0, offset, length)),
            Self::Biases => Some(biases.shallow_clone()),
            Self::WhiteningBias => whitening_bias.map(Tensor::shallow_clone),
        }
    }
}

/// One slice of parameters with its rule and state, as PyTorch's parameter groups are.
#[derive(Debug)]
struct ParameterGroup {
    parameters: Parameters,
    slice: Slice,
    group: Group,
    nesterov: bool,
    momentum: f64,
    frozen_from: Option<u64>,
    memory: Memory,
}

/// What a rule keeps from step to step.
#[derive(Debug)]
enum Memory {
    /// Before the model exists.
    Empty,
    /// The momentum; at zero its first value is the first gradient.
    Sgd { momentum: Tensor },
    /// Means of gradients and of squared gradients, and how many there were.
    Adamw { mean: Tensor, squares: Tensor, count: i32 },
    /// The momentum, and when layers are rescaled next.
    Muon { momentum: Tensor, layers: Vec<Weight>, due: f64 },
}

impl ParameterGroup {
    fn new(
        parameters: Parameters,
        slice: Slice,
        group: Group,
        frozen_from: Option<u64>,
        optimizer: &Optimizer,
    ) -> Self {
        let momentum = optimizer.momentum_of(&group);
        Self { parameters, slice, group, nesterov: optimizer.nesterov, momentum, frozen_from, memory: Memory::Empty }
    }

    /// Whether `slice` can join this group.
    fn takes(&self, slice: &Slice, group: &Group, frozen_from: Option<u64>) -> bool {
        let both = matches!((&self.slice, slice), (Slice::Weights { .. }, Slice::Weights { .. }));
        both && self.group == *group && self.frozen_from == frozen_from
    }

    fn grow(&mut self, other: Slice) {
        if let (Slice::Weights { layers, length, .. }, Slice::Weights { layers: more, length: longer, .. }) =
            (&mut self.slice, other)
        {
            layers.end = more.end;
            *length += longer;
        }
    }

    fn begin(&mut self, layout: &Layout, state: &State) {
        let zeros = || {
            let values = self.slice.of(&state.weights, &state.biases, state.whitening_bias.as_ref());
            values.expect("a group has parameters").detach().zeros_like()
        };
        self.memory = match self.group.rule {
            Rule::Sgd => Memory::Sgd { momentum: zeros() },
            Rule::Adamw { .. } => Memory::Adamw { mean: zeros(), squares: zeros(), count: 0 },
            Rule::Muon(_) => {
                Memory::Muon { momentum: zeros(), layers: layout.weights()[self.layers()].to_vec(), due: 0.0 }
            }
        };
    }

    fn layers(&self) -> Range<usize> {
        if let Slice::Weights { layers, .. } = &self.slice { layers.clone() } else { 0..0 }
    }

    fn step(&mut self, recipe: &Recipe, state: &mut State, gradients: &Gradients, at: Step) {
        let Step { step, steps } = at;
        if self.frozen_from.is_some_and(|from| step >= from) {
            return;
        }
        let gradient = self.slice.of(&gradients.weights, &gradients.biases, gradients.whitening_bias.as_ref());
        let parameters = self.slice.of(&state.weights, &state.biases, state.whitening_bias.as_ref());
        let (Some(gradient), Some(mut parameters)) = (gradient, parameters) else { return };
        let schedule = recipe.schedule_of(&self.group);
        let rate = self.group.lr * schedule.factor(step, steps);
        let mu = schedule.momentum(step, steps).unwrap_or(self.momentum);
        let decay = self.group.weight_decay;
        match (&mut self.memory, self.group.rule) {
            (Memory::Adamw { mean, squares, count }, Rule::Adamw { beta1, beta2, eps }) => {
                *count += 1;
                let _ = mean.lerp_(&gradient, 1.0 - beta1);
                let _ = squares.lerp_(&gradient.square(), 1.0 - beta2);
                let root = (&*squares / (1.0 - beta2.powi(*count))).sqrt() + eps;
                let _ = parameters.g_mul_scalar_(1.0 - rate * decay);
                let _ = parameters.g_sub_(&(&*mean / root * (rate / (1.0 - beta1.powi(*count)))));
            }
            (Memory::Muon { momentum, layers, due }, Rule::Muon(muon)) => {
                let direction = accumulate(momentum, &gradient, mu, self.nesterov);
                let rescaled = rescales(muon, due, at);
                orthogonal_step(layers, &parameters, &direction, rate, muon, rescaled);
                if decay > 0.0 {
                    let _ = parameters.g_mul_scalar_(1.0 - rate * decay);
                }
            }
            (Memory::Sgd { momentum }, _) => {
                let decayed = gradient + &parameters * decay;
                let direction = accumulate(momentum, &decayed, mu, self.nesterov);
                let _ = parameters.g_sub_(&(direction * rate));
            }
            _ => unreachable!("the memory is that of the rule"),
        }
    }

    fn named(&self, layout: &Layout) -> Vec<(String, Tensor)> {
        let kept: Vec<(&str, &Tensor)> = match &self.memory {
            Memory::Empty => Vec::new(),
            Memory::Sgd { momentum } | Memory::Muon { momentum, .. } => vec![("momentum", momentum)],
            Memory::Adamw { mean, squares, .. } => vec![("mean gradient", mean), ("mean square", squares)],
        };
        let names = self.names(layout);
        kept.into_iter()
            .flat_map(|(what, flat)| {
                let lengths: Vec<i64> = names.iter().map(|(_, length)| *length).collect();
                let parts = flat.split_with_sizes(lengths, 0);
                zip(&names, parts).map(move |((name, _), part)| (format!("{what} of {name}"), part)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// Names and lengths of the tensors of this slice.
    fn names(&self, layout: &Layout) -> Vec<(String, i64)> {
        match &self.slice {
            Slice::Weights { layers, .. } => {
                let lengths = layout.weights()[layers.clone()].iter().map(|weight| weight.numel());
                zip(layout.weight_names()[layers.clone()].to_vec(), lengths).collect()
            }
            Slice::Biases => zip(layout.norm_names(), layout.norm_widths())
                .map(|(name, width)| (format!("{name}.bias"), *width))
                .collect(),
            Slice::WhiteningBias => {
                vec![("whitening.bias".to_owned(), layout.whitening().map_or(0, |whitening| whitening.outputs))]
            }
        }
    }
}

/// Takes a gradient into the momentum; the direction of the update.
fn accumulate(momentum: &mut Tensor, gradient: &Tensor, mu: f64, nesterov: bool) -> Tensor {
    let _ = momentum.g_mul_scalar_(mu);
    let _ = momentum.g_add_(gradient);
    if nesterov { gradient + &*momentum * mu } else { momentum.shallow_clone() }
}

/// Whether Muon rescales layers at this step; if so, `due` becomes the step of the next time.
#[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
fn rescales(muon: Muon, due: &mut f64, Step { step, steps }: Step) -> bool {
    let step = step as f64;
    if muon.renormalize_every == 0.0 || step < *due {
        return false;
    }
    *due = step + muon.renormalize_every + muon.renormalize_grows * step / steps as f64;
    true
}

/// An update of the same size in every direction, layer by layer.
///
/// *Why:* gradients of a convolution lie in few directions; made orthogonal, an update moves in all of them (Jordan 2024).
fn orthogonal_step(layers: &[Weight], parameters: &Tensor, direction: &Tensor, rate: f64, muon: Muon, rescaled: bool) {
    let mut offset = 0;
    for layer in layers {
        let shape = [layer.outputs(), layer.fan_in()];
        let part = |flat: &Tensor| flat.narrow(0, offset, layer.numel()).view(shape);
        let mut weight = part(parameters);
        if rescaled {
            #[expect(clippy::cast_precision_loss, reason = "a layer has few outputs")]
            let norm = (layer.outputs() as f64).sqrt();
            let _ = weight.g_mul_(&((weight.norm() + TINY).reciprocal() * norm));
        }
        let _ = weight.g_sub_(&(orthogonal(&part(direction), muon) * rate));
        offset += layer.numel();
    }
}

/// The nearest matrix with orthogonal rows, about: Newton-Schulz iterations.
///
/// As a batch of one, because only of batches can products be scaled and added in one call: the matrices are small, and calls
/// cost as much as what they compute.
fn orthogonal(matrix: &Tensor, muon: Muon) -> Tensor {
    let kind = if matrix.device() == Device::Cpu { matrix.kind() } else { Kind::BFloat16 };
    let [a, b, c] = muon.coefficients;
    let tall = matrix.size()[0] > matrix.size()[1];
    let mut x = matrix.to_kind(kind).unsqueeze(0);
    x = &x / (x.norm() + TINY);
    if tall {
        x = x.transpose(1, 2);
    }
    for _ in 0..muon.iterations {
        let gram = x.bmm(&x.transpose(1, 2));
        let mixed = gram.baddbmm(&gram, &gram, b, c);
        x = x.baddbmm(&mixed, &x, a, 1.0);
    }
    let nearest = if tall { x.transpose(1, 2) } else { x };
    nearest.squeeze_dim(0).to_kind(matrix.kind())
}
