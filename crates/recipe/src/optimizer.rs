//! Parameter groups, the rules that update them, and when they are frozen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults::is_default;
use crate::range::{Checked, above, below, refuse_if, whole, within};
use crate::schedule::Schedule;

/// Parameter groups and what they have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Optimizer {
    /// Momentum of all groups that name none of their own, 0 to below 1.
    pub momentum: f64,
    /// Nesterov's form of momentum.
    pub nesterov: bool,
    /// The momentum of groups with SGD is a sum of steps, each with the rate of its time (ResNet-9's bag of tricks), instead of a sum
    /// of gradients that all get the present rate. It is the same while the rate is constant.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rate_in_momentum: bool,
    /// Convolutions and the linear layer.
    pub weights: Group,
    /// Biases of the normalizations.
    pub biases: Group,
    /// Convolutions of the blocks, where they are not to be updated as `weights`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub filters: Option<Group>,
    /// The linear layer, where it is not to be updated as `weights`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub head: Option<Group>,
    /// The bias of the whitening, where it is not to be updated as `biases`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub whitening_bias: Option<Group>,
    /// Trained scales of the normalizations, where they are not to be updated as `weights`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scales: Option<Group>,
}

/// Settings of one parameter group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Peak learning rate on the summed loss, above 0 and at most 10.
    pub lr: f64,
    /// Weight decay, 0 to 100; coupled with SGD, decoupled with the others.
    pub weight_decay: f64,
    /// A schedule of its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub schedule: Option<Schedule>,
    /// A momentum of its own, 0 to below 1.
    #[serde(default, skip_serializing_if = "is_default")]
    pub momentum: Option<f64>,
    /// How gradients become optimizer steps.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rule: Rule,
}

/// How gradients become optimizer steps.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// Stochastic gradient descent with momentum, PyTorch's rule: coupled weight decay, no dampening.
    #[default]
    Sgd,
    /// Adam with decoupled weight decay (Loshchilov and Hutter, 2017). The group's momentum is not used.
    Adamw {
        /// Decay of the mean of gradients, 0 to below 1.
        beta1: f64,
        /// Decay of the mean of squared gradients, 0 to below 1.
        beta2: f64,
        /// Added to the root of that mean, above 0 and at most 1.
        eps: f64,
    },
    /// Momentum whose filters are made orthogonal by Newton-Schulz iterations (Jordan, 2024); for convolutions of blocks.
    Muon(Muon),
}

/// Settings of Muon.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Muon {
    /// Newton-Schulz iterations, 1 to 10.
    pub iterations: u32,
    /// Coefficients a, b and c of an iteration `X <- a X + (b A + c A A) X` with `A = X X^T`, each within -10 and 10.
    #[serde(default = "quintic", skip_serializing_if = "is_quintic")]
    pub coefficients: [f64; 3],
    /// Steps between two rescalings of a layer to the norm sqrt(outputs), 0 (never) to 1000; 1 rescales before every step.
    #[serde(rename = "renormalise_every")]
    pub renormalize_every: f64,
    /// The distance grows by this much from the first step to the last, 0 to 1000.
    #[serde(rename = "renormalise_grows", default, skip_serializing_if = "is_default")]
    pub renormalize_grows: f64,
    /// The distance is rounded down and counted at the present step, the first time from the step before the first (hiverge).
    /// `false` counts at the last rescaling, in parts of a step, and rescales at the first step.
    #[serde(rename = "renormalise_rounds", default, skip_serializing_if = "is_default")]
    pub renormalize_rounds: bool,
}

impl Muon {
    /// Whether layers are rescaled at step `step` (counted from 0) of `steps`; `last` is the step at which they were last.
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
    pub fn is_rescaling_due(self, last: Option<u64>, step: u64, steps: u64) -> bool {
        let distance = |at: u64| self.renormalize_every + self.renormalize_grows * at as f64 / steps as f64;
        match last {
            _ if self.renormalize_every == 0.0 => false,
            _ if self.renormalize_rounds => {
                (step + 1 - last.map_or(0, |last| last + 1)) as f64 >= distance(step).floor()
            }
            Some(last) => step as f64 >= last as f64 + distance(last),
            None => true,
        }
    }
}

fn quintic() -> [f64; 3] {
    [3.4445, -4.7750, 2.0315]
}

#[expect(clippy::float_cmp, reason = "the default is exactly this")]
fn is_quintic(coefficients: &[f64; 3]) -> bool {
    *coefficients == quintic()
}

/// Parameters that are no longer trained from some epoch on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Which.
    pub parameters: Parameters,
    /// Epochs after which they stay as they are, 0 to 1000; a part of an epoch counts.
    pub after_epochs: f64,
}

impl Freeze {
    /// First step (counted from 0) at which they stay as they are.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a range check keeps epochs in 0 to 1000"
    )]
    pub fn first_step(self, steps_per_epoch: u32) -> u64 {
        (self.after_epochs * f64::from(steps_per_epoch)).ceil() as u64
    }
}

/// Parameters that are updated alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Parameters {
    /// The stem's trained convolution.
    Stem,
    /// Convolutions of the blocks.
    Filters,
    /// The linear layer.
    Head,
    /// Biases of the normalizations.
    Biases,
    /// The bias of the whitening.
    WhiteningBias,
    /// Scales of the normalizations.
    Scales,
}

impl Parameters {
    /// All, in the order of the layers.
    pub const ALL: [Self; 6] = [Self::Stem, Self::Filters, Self::Head, Self::Biases, Self::WhiteningBias, Self::Scales];
}

impl Optimizer {
    /// The group that updates these parameters.
    pub fn group(&self, parameters: Parameters) -> &Group {
        match parameters {
            Parameters::Stem => &self.weights,
            Parameters::Filters => self.filters.as_ref().unwrap_or(&self.weights),
            Parameters::Head => self.head.as_ref().unwrap_or(&self.weights),
            Parameters::Biases => &self.biases,
            Parameters::WhiteningBias => self.whitening_bias.as_ref().unwrap_or(&self.biases),
            Parameters::Scales => self.scales.as_ref().unwrap_or(&self.weights),
        }
    }

    /// Momentum of a group.
    pub fn momentum_of(&self, group: &Group) -> f64 {
        group.momentum.unwrap_or(self.momentum)
    }

    fn groups(&self) -> Vec<(&'static str, &Group)> {
        let named = [
            ("weights", Some(&self.weights)),
            ("biases", Some(&self.biases)),
            ("filters", self.filters.as_ref()),
            ("head", self.head.as_ref()),
            ("whitening_bias", self.whitening_bias.as_ref()),
            ("scales", self.scales.as_ref()),
        ];
        named.into_iter().filter_map(|(name, group)| Some((name, group?))).collect()
    }

    pub(super) fn check(&self) -> Checked {
        below("optimizer.momentum", self.momentum, 0.0, 1.0)?;
        for (name, group) in self.groups() {
            let path = format!("optimizer.{name}");
            group.check(&path)?;
            let still = self.nesterov && self.momentum_of(group) == 0.0 && group.rule == Rule::Sgd;
            let momentum =
                if group.momentum.is_some() { format!("{path}.momentum") } else { "optimizer.momentum".into() };
            refuse_if(still, &["optimizer.nesterov", &momentum], "Nesterov's form needs a momentum above 0")?;
            let misplaced = matches!(group.rule, Rule::Muon(_)) && name != "filters";
            let problem = "Muon is for the convolutions of the blocks alone; set it in `optimizer.filters`";
            refuse_if(misplaced, &[&format!("{path}.rule")], problem)?;
        }
        Ok(())
    }
}

impl Group {
    fn check(&self, path: &str) -> Checked {
        above(&format!("{path}.lr"), self.lr, 0.0, 10.0)?;
        within(&format!("{path}.weight_decay"), self.weight_decay, 0.0, 100.0)?;
        if let Some(momentum) = self.momentum {
            below(&format!("{path}.momentum"), momentum, 0.0, 1.0)?;
        }
        if let Some(schedule) = &self.schedule {
            schedule.check(&format!("{path}.schedule"))?;
        }
        self.rule.check(&format!("{path}.rule"))
    }
}

impl Rule {
    fn check(self, path: &str) -> Checked {
        match self {
            Self::Sgd => Ok(()),
            Self::Adamw { beta1, beta2, eps } => {
                below(&format!("{path}.beta1"), beta1, 0.0, 1.0)?;
                below(&format!("{path}.beta2"), beta2, 0.0, 1.0)?;
                above(&format!("{path}.eps"), eps, 0.0, 1.0)
            }
            Self::Muon(muon) => {
                whole(&format!("{path}.iterations"), muon.iterations, 1, 10)?;
                for (index, coefficient) in muon.coefficients.into_iter().enumerate() {
                    within(&format!("{path}.coefficients[{index}]"), coefficient, -10.0, 10.0)?;
                }
                within(&format!("{path}.renormalise_every"), muon.renormalize_every, 0.0, 1000.0)?;
                within(&format!("{path}.renormalise_grows"), muon.renormalize_grows, 0.0, 1000.0)
            }
        }
    }
}
