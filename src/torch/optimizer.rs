//! Updates: each parameter group has a rule that turns gradients into them, a rate and a momentum.

use std::iter::zip;
use std::ops::Range;

use tch::{Device, Kind, Tensor};

use crate::torch::layout::Weight;
use crate::torch::{Layout, State};
use hlb_bench::recipe::{Freeze, Group, Muon, Optimizer, Parameters, Recipe, Rule};

/// Keeps a norm from being divided by when it is zero.
const TINY: f64 = 1e-7;

/// The optimiser of a run: one [`Updater`] for each stretch of parameters that is updated alike.
#[derive(Debug)]
pub(crate) struct Updates {
    updaters: Vec<Updater>,
}

/// Gradients of a model.
pub(crate) struct Gradients {
    pub(crate) weights: Tensor,
    pub(crate) biases: Tensor,
    /// None where the whitening has no bias, or one that is frozen.
    pub(crate) whitening_bias: Option<Tensor>,
}

/// Which update is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Its number, counted from 0.
    pub(crate) step: u64,
    /// Updates that the schedule counts.
    pub(crate) steps: u64,
}

impl Updates {
    /// The groups of a recipe. Stem, filters and linear layer are one stretch where nothing tells them apart.
    pub(crate) fn new(recipe: &Recipe, layout: &Layout, state: &State, steps_per_epoch: u32) -> Self {
        let mut updaters: Vec<Updater> = Vec::new();
        for parameters in Parameters::ALL {
            let Some(place) = place(parameters, layout, state) else { continue };
            let group = recipe.optimizer.group(parameters).clone();
            let frozen_from = frozen_from(&recipe.freeze, parameters, steps_per_epoch);
            if let Some(last) = updaters.last_mut()
                && last.takes(&place, &group, frozen_from)
            {
                last.grow(place);
                continue;
            }
            updaters.push(Updater::new(parameters, place, group, frozen_from, &recipe.optimizer));
        }
        for updater in &mut updaters {
            updater.begin(layout, state);
        }
        Self { updaters }
    }

    /// Update from which on these parameters stay as they are.
    pub(crate) fn frozen_from(&self, parameters: Parameters) -> Option<u64> {
        self.updaters.iter().find(|updater| updater.parameters == parameters).and_then(|updater| updater.frozen_from)
    }

    /// One update. Call it where gradients are not recorded.
    pub(crate) fn step(&mut self, recipe: &Recipe, state: &mut State, gradients: &Gradients, moment: Moment) {
        for updater in &mut self.updaters {
            updater.step(recipe, state, gradients, moment);
        }
    }

    /// What the rules keep from update to update, by name.
    pub(crate) fn named(&self, layout: &Layout) -> Vec<(String, Tensor)> {
        self.updaters.iter().flat_map(|updater| updater.named(layout)).collect()
    }
}

/// First update that a freeze forbids.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a range check keeps epochs in 0 to 1000")]
fn frozen_from(freeze: &[Freeze], parameters: Parameters, steps_per_epoch: u32) -> Option<u64> {
    let freeze = freeze.iter().find(|freeze| freeze.parameters == parameters)?;
    Some((freeze.after_epochs * f64::from(steps_per_epoch)).ceil() as u64)
}

/// Where a stretch of parameters lies.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Layers of [`State::weights`], and their numbers in it.
    Weights { layers: Range<usize>, offset: i64, length: i64 },
    /// All of [`State::biases`].
    Biases,
    /// [`State::whitening_bias`].
    WhiteningBias,
}

fn place(parameters: Parameters, layout: &Layout, state: &State) -> Option<Place> {
    match parameters {
        Parameters::Biases => Some(Place::Biases),
        Parameters::WhiteningBias => state.whitening_bias.as_ref().map(|_| Place::WhiteningBias),
        Parameters::Stem | Parameters::Filters | Parameters::Head => {
            let layers = layout.weights_of(parameters);
            let count = |layers: &[Weight]| layers.iter().map(|weight| weight.numel()).sum::<i64>();
            let (offset, length) = (count(&layout.weights()[..layers.start]), count(&layout.weights()[layers.clone()]));
            (length > 0).then_some(Place::Weights { layers, offset, length })
        }
    }
}

impl Place {
    /// The numbers at this place of weights, biases or the whitening's bias.
    fn of(&self, weights: &Tensor, biases: &Tensor, whitening_bias: Option<&Tensor>) -> Option<Tensor> {
        match *self {
            Self::Weights { offset, length, .. } => Some(weights.narrow(0, offset, length)),
            Self::Biases => Some(biases.shallow_clone()),
            Self::WhiteningBias => whitening_bias.map(Tensor::shallow_clone),
        }
    }
}

/// Updates one stretch of parameters.
#[derive(Debug)]
struct Updater {
    parameters: Parameters,
    place: Place,
    group: Group,
    nesterov: bool,
    momentum: f64,
    frozen_from: Option<u64>,
    memory: Memory,
}

/// What a rule keeps from update to update.
#[derive(Debug)]
enum Memory {
    /// Before the model is there.
    Empty,
    /// The momentum; at zero its first value is the first gradient.
    Sgd { momentum: Tensor },
    /// Means of gradients and of squared gradients, and how many there were.
    Adamw { mean: Tensor, squares: Tensor, count: i32 },
    /// The momentum, and when layers are rescaled next.
    Muon { momentum: Tensor, layers: Vec<Weight>, due: f64 },
}

impl Updater {
    fn new(
        parameters: Parameters,
        place: Place,
        group: Group,
        frozen_from: Option<u64>,
        optimizer: &Optimizer,
    ) -> Self {
        let momentum = optimizer.momentum_of(&group);
        Self { parameters, place, group, nesterov: optimizer.nesterov, momentum, frozen_from, memory: Memory::Empty }
    }

    /// Whether `place` can be updated together with what is here.
    fn takes(&self, place: &Place, group: &Group, frozen_from: Option<u64>) -> bool {
        let both = matches!((&self.place, place), (Place::Weights { .. }, Place::Weights { .. }));
        both && self.group == *group && self.frozen_from == frozen_from
    }

    fn grow(&mut self, other: Place) {
        if let (Place::Weights { layers, length, .. }, Place::Weights { layers: more, length: longer, .. }) =
            (&mut self.place, other)
        {
            layers.end = more.end;
            *length += longer;
        }
    }

    fn begin(&mut self, layout: &Layout, state: &State) {
        let zeros = || {
            let numbers = self.place.of(&state.weights, &state.biases, state.whitening_bias.as_ref());
            numbers.expect("an updater has parameters").detach().zeros_like()
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
        if let Place::Weights { layers, .. } = &self.place { layers.clone() } else { 0..0 }
    }

    fn step(&mut self, recipe: &Recipe, state: &mut State, gradients: &Gradients, moment: Moment) {
        let Moment { step, steps } = moment;
        if self.frozen_from.is_some_and(|from| step >= from) {
            return;
        }
        let gradient = self.place.of(&gradients.weights, &gradients.biases, gradients.whitening_bias.as_ref());
        let parameters = self.place.of(&state.weights, &state.biases, state.whitening_bias.as_ref());
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
                let rescaled = muon.rescales(due, moment);
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

    /// Names and lengths of the tensors of this stretch.
    fn names(&self, layout: &Layout) -> Vec<(String, i64)> {
        match &self.place {
            Place::Weights { layers, .. } => {
                let lengths = layout.weights()[layers.clone()].iter().map(|weight| weight.numel());
                zip(layout.weight_names()[layers.clone()].to_vec(), lengths).collect()
            }
            Place::Biases => zip(layout.norm_names(), layout.norm_widths())
                .map(|(name, width)| (format!("{name}.bias"), *width))
                .collect(),
            Place::WhiteningBias => {
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

trait Rescaling {
    fn rescales(self, due: &mut f64, moment: Moment) -> bool;
}

impl Rescaling for Muon {
    /// Whether layers are rescaled at this moment, and when they are next.
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
    fn rescales(self, due: &mut f64, Moment { step, steps }: Moment) -> bool {
        let step = step as f64;
        if self.renormalize_every == 0.0 || step < *due {
            return false;
        }
        *due = step + self.renormalize_every + self.renormalize_grows * step / steps as f64;
        true
    }
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
