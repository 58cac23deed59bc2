//! The optimizer: each parameter group has a rule, a learning rate and a momentum.

use std::iter::zip;
use std::ops::Range;

use tch::Tensor;

use crate::layout::Weight;
use crate::muon::orthogonal_step;
use crate::native::Sgd;
use crate::sgd::widened;
use crate::{Layout, State};
use hlb_recipe::{Freeze, Group, Optimizer, Parameters, Recipe, Rule};

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
#[expect(clippy::struct_field_names, reason = "the step of a schedule of so many steps")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Its number, counted from 0.
    pub step: u64,
    /// Steps of the whole schedule.
    pub steps: u64,
    /// By how much the gradients are larger than those that the learning rate is for: a power of two.
    pub headroom: f64,
}

impl GroupedOptimizer {
    /// The groups of a recipe. Stem, filters and linear layer are one slice where their settings are the same.
    ///
    /// SGD is computed by libtorch's fused kernel where it is `fused`.
    pub(crate) fn new(recipe: &Recipe, layout: &Layout, state: &State, steps_per_epoch: u32, fused: bool) -> Self {
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
            group.fused = fused;
        }
        Self { groups }
    }

    /// First step at which these parameters are frozen.
    pub(crate) fn frozen_from(&self, parameters: Parameters) -> Option<u64> {
        self.groups.iter().find(|group| group.parameters == parameters).and_then(|group| group.frozen_from)
    }

    /// One optimizer step of the model that this was made for. Call it where gradients are not recorded.
    pub(crate) fn step(&mut self, recipe: &Recipe, gradients: &Gradients, at: Step) {
        for group in &mut self.groups {
            group.step(recipe, gradients, at);
        }
    }

    /// The state of the rules, by name.
    pub(crate) fn named(&self, layout: &Layout) -> Vec<(String, Tensor)> {
        self.groups.iter().flat_map(|group| group.named(layout)).collect()
    }
}

/// First step at which `parameters` are frozen.
fn frozen_from(freeze: &[Freeze], parameters: Parameters, steps_per_epoch: u32) -> Option<u64> {
    let freeze = freeze.iter().find(|freeze| freeze.parameters == parameters)?;
    Some(freeze.first_step(steps_per_epoch))
}

/// Where a slice of parameters lies.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Slice {
    /// Layers of [`State::weights`], and the range of values that they occupy.
    Weights { layers: Range<usize>, offset: i64, length: i64 },
    /// The biases in [`State::biases`], so many values.
    Biases { length: i64 },
    /// The trained scales behind them.
    Scales { offset: i64 },
    /// [`State::whitening_bias`].
    WhiteningBias,
}

fn slice(parameters: Parameters, layout: &Layout, state: &State) -> Option<Slice> {
    match parameters {
        Parameters::Biases => Some(Slice::Biases { length: layout.bias_count() }),
        Parameters::Scales => (layout.scale_count() > 0).then(|| Slice::Scales { offset: layout.bias_count() }),
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
    /// The values of this slice of weights, of biases with scales, or of the whitening's bias.
    fn of(&self, weights: &Tensor, biases: &Tensor, whitening_bias: Option<&Tensor>) -> Option<Tensor> {
        match *self {
            Self::Weights { offset, length, .. } => Some(weights.narrow(0, offset, length)),
            Self::Biases { length } => Some(biases.narrow(0, 0, length)),
            Self::Scales { offset } => Some(biases.narrow(0, offset, biases.size()[0] - offset)),
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
    rate_in_momentum: bool,
    momentum: f64,
    frozen_from: Option<u64>,
    /// SGD is computed by libtorch's fused kernel.
    fused: bool,
    /// The slice's values, a view of the model's; `None` before the model exists.
    values: Option<Tensor>,
    memory: Memory,
}

/// What a rule keeps from step to step.
#[derive(Debug)]
enum Memory {
    /// Before the model exists.
    Empty,
    /// The momentum; at zero its first value is the first gradient.
    Sgd { momentum: Tensor },
    /// Means of gradients and of squared gradients, how many there were, and the parameters of which the model has rounded ones.
    Adamw { mean: Tensor, squares: Tensor, count: i32, exact: Tensor },
    /// The momentum, and the step at which layers were rescaled last.
    Muon { momentum: Tensor, layers: Vec<Weight>, rescaled: Option<u64> },
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
        let Optimizer { nesterov, rate_in_momentum, .. } = *optimizer;
        let (fused, values, memory) = (false, None, Memory::Empty);
        Self { parameters, slice, group, nesterov, rate_in_momentum, momentum, frozen_from, fused, values, memory }
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
        let values = self.slice.of(&state.weights, &state.biases, state.whitening_bias.as_ref());
        let values = values.expect("a group has parameters").detach();
        let zeros = || values.zeros_like();
        self.memory = match self.group.rule {
            Rule::Sgd => Memory::Sgd { momentum: zeros() },
            Rule::Adamw { .. } => {
                let exact = widened(&values).copy();
                Memory::Adamw { mean: exact.zeros_like(), squares: exact.zeros_like(), count: 0, exact }
            }
            Rule::Muon(_) => {
                Memory::Muon { momentum: zeros(), layers: layout.weights()[self.layers()].to_vec(), rescaled: None }
            }
        };
        self.values = Some(values);
    }

    fn layers(&self) -> Range<usize> {
        if let Slice::Weights { layers, .. } = &self.slice { layers.clone() } else { 0..0 }
    }

    fn step(&mut self, recipe: &Recipe, gradients: &Gradients, at: Step) {
        let Step { step, steps, headroom } = at;
        if self.frozen_from.is_some_and(|from| step >= from) {
            return;
        }
        let gradient = self.slice.of(&gradients.weights, &gradients.biases, gradients.whitening_bias.as_ref());
        let (Some(gradient), Some(parameters)) = (gradient, &mut self.values) else { return };
        let schedule = recipe.schedule_of(&self.group);
        let rate = self.group.lr * schedule.factor(step, steps);
        let mu = schedule.momentum(step, steps).unwrap_or(self.momentum);
        let decay = self.group.weight_decay;
        match (&mut self.memory, self.group.rule) {
            // *Why in single precision:* squares of small gradients vanish in half precision, as do `eps` and a small decay.
            (Memory::Adamw { mean, squares, count, exact }, Rule::Adamw { beta1, beta2, eps }) => {
                *count += 1;
                let gradient = widened(&gradient) / headroom;
                let _ = mean.lerp_(&gradient, 1.0 - beta1);
                let _ = squares.lerp_(&gradient.square(), 1.0 - beta2);
                let root = (&*squares / (1.0 - beta2.powi(*count))).sqrt() + eps;
                follow(exact, parameters);
                let _ = exact.g_mul_scalar_(1.0 - rate * decay);
                let _ = exact.g_sub_(&(&*mean / root * (rate / (1.0 - beta1.powi(*count)))));
                parameters.copy_(exact);
            }
            (Memory::Muon { momentum, layers, rescaled }, Rule::Muon(muon)) => {
                let direction = accumulate(momentum, &gradient, mu, self.nesterov);
                let rescales = muon.is_rescaling_due(*rescaled, step, steps);
                if rescales {
                    *rescaled = Some(step);
                }
                orthogonal_step(layers, parameters, &direction, rate, muon, rescales);
                if decay > 0.0 {
                    let _ = parameters.g_mul_scalar_(1.0 - rate * decay);
                }
            }
            (Memory::Sgd { momentum }, _) => {
                // In units of the gradient, so that what is small in half precision stays as large as it came.
                let sgd = Sgd { rate: rate / headroom, decay: decay * headroom, momentum: mu, nesterov: self.nesterov };
                if self.rate_in_momentum {
                    // What is summed has the rate, in units of a power of two near the peak: as large as the gradients.
                    let unit = self.group.lr.log2().round().exp2();
                    let share = rate / unit;
                    let gradient = if self.fused { gradient * share } else { widened(&gradient) * share };
                    let sgd = Sgd { rate: unit / headroom, decay: sgd.decay * share, ..sgd };
                    sgd.step(parameters, &gradient, momentum, self.fused);
                } else {
                    sgd.step(parameters, &gradient, momentum, self.fused);
                }
            }
            _ => unreachable!("the memory is that of the rule"),
        }
    }

    fn named(&self, layout: &Layout) -> Vec<(String, Tensor)> {
        let kept: Vec<(&str, &Tensor)> = match &self.memory {
            Memory::Empty => Vec::new(),
            Memory::Sgd { momentum } | Memory::Muon { momentum, .. } => vec![("momentum", momentum)],
            Memory::Adamw { mean, squares, exact, .. } => {
                vec![("mean gradient", mean), ("mean square", squares), ("exact value", exact)]
            }
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
            Slice::Biases { .. } => named_norms(layout, "bias"),
            Slice::Scales { .. } => named_norms(layout, "scale"),
            Slice::WhiteningBias => {
                vec![("whitening.bias".to_owned(), layout.whitening().map_or(0, |whitening| whitening.outputs))]
            }
        }
    }
}

/// Names and lengths of the biases or scales of the normalizations.
fn named_norms(layout: &Layout, what: &str) -> Vec<(String, i64)> {
    zip(layout.norm_names(), layout.norm_widths()).map(|(name, width)| (format!("{name}.{what}"), *width)).collect()
}

/// Takes over parameters that something else than this rule has set, as Lookahead does.
fn follow(exact: &mut Tensor, parameters: &Tensor) {
    let same = exact.to_kind(parameters.kind()).eq_tensor(parameters);
    *exact = exact.where_self(&same, &widened(parameters));
}

/// Takes a gradient into the momentum; the direction of the update.
fn accumulate(momentum: &mut Tensor, gradient: &Tensor, mu: f64, nesterov: bool) -> Tensor {
    let _ = momentum.g_mul_scalar_(mu);
    let _ = momentum.g_add_(gradient);
    if nesterov { gradient + &*momentum * mu } else { momentum.shallow_clone() }
}

#[cfg(test)]
mod tests {
    use hlb_core::seed::Seed;
    use hlb_recipe::{Muon, variant};
    use tch::Kind;

    use super::*;
    use crate::Engine;

    /// The model after some steps, with gradients that are `headroom` times as large as those of the learning rate.
    fn stepped((rule, rate_in_momentum): (Rule, bool), steps: u32, headroom: f64) -> State {
        let mut recipe = variant::shipped("hlb-shapes").expect("it is shipped");
        (recipe.optimizer.weights.rule, recipe.optimizer.rate_in_momentum) = (rule, rate_in_momentum);
        let layout = Layout::new(&recipe, 3, 10);
        let state = State::fresh(&recipe, &layout, Engine::cpu(Kind::Double), Seed::from_number(1));
        let mut optimizer = GroupedOptimizer::new(&recipe, &layout, &state, 4, true);
        let waves = |like: &Tensor, step: u32| {
            let numbers = Tensor::ones_like(like).cumsum(0, Kind::Double) * 0.7;
            (numbers + f64::from(step)).sin() * 0.01 * headroom
        };
        for step in 0..steps {
            let gradients = Gradients {
                weights: waves(&state.weights, step),
                biases: waves(&state.biases, step),
                whitening_bias: state.whitening_bias.as_ref().map(|bias| waves(bias, step)),
            };
            tch::no_grad(|| {
                optimizer.step(&recipe, &gradients, Step { step: step.into(), steps: 40, headroom });
            });
        }
        state
    }

    /// hiverge's 243 steps: those of the fidelity study's run of the original.
    #[test]
    fn layers_are_rescaled_when_the_original_does() {
        let muon = |rounds| Muon {
            iterations: 3,
            coefficients: [3.4576, -4.7391, 2.0843],
            renormalize_every: 2.0,
            renormalize_grows: 15.0,
            renormalize_rounds: rounds,
        };
        let rescaled = |rounds| {
            (0..243).fold(Vec::new(), |mut found, step| {
                if muon(rounds).is_rescaling_due(found.last().copied(), step, 243) {
                    found.push(step);
                }
                found
            })
        };
        let [plain, rounds] = [false, true].map(rescaled);
        assert_eq!((plain.len(), rounds.len()), (33, 37));
        assert_eq!(plain[..18], [0, 2, 5, 8, 11, 14, 17, 21, 25, 29, 33, 38, 43, 48, 53, 59, 65, 72]);
        assert_eq!(rounds[..19], [1, 3, 5, 7, 9, 11, 13, 15, 18, 21, 24, 27, 30, 34, 38, 42, 46, 51, 56]);
    }

    #[test]
    fn the_headroom_of_gradients_changes_no_step() {
        let muon = Muon {
            iterations: 5,
            coefficients: [3.4445, -4.775, 2.0315],
            renormalize_every: 2.0,
            renormalize_grows: 0.0,
            renormalize_rounds: false,
        };
        let adamw = Rule::Adamw { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
        for rule in [(Rule::Sgd, false), (Rule::Sgd, true), (adamw, false), (Rule::Muon(muon), false)] {
            let [fresh, plain, large] = [(0, 1.0), (3, 1.0), (3, 4.0)].map(|(steps, room)| stepped(rule, steps, room));
            for of in [|state: &State| state.weights.detach(), |state: &State| state.biases.detach()] {
                let largest = |one: &State, other: &State| (of(one) - of(other)).abs().max().double_value(&[]);
                let moved = largest(&plain, &fresh);
                // Muon divides by the gradient's norm and a little more.
                assert!(moved > 0.0 && largest(&plain, &large) < 1e-5 * moved, "{rule:?}: {moved}");
            }
        }
    }
}
