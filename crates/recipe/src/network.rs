//! The blocks, their normalization, and what they start from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults::{is_default, is_one, one};
use crate::per_block::PerBlock;
use crate::range::{Checked, above, refuse, refuse_if, whole};
use crate::stem::Stem;

/// Blocks: a 3x3 convolution, pooling, normalization and activation; then further convolutions of the same width, around
/// which the first may be added again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blocks {
    /// Channels of each block, 1 to 5 blocks of 4 to 2048.
    pub widths: Vec<u32>,
    /// Where the 2x2 max pooling of a block stands.
    pub pool: Pool,
    /// Convolutions of a block, 1 to 4; a list has a number for each block.
    #[serde(default = "two_convs", skip_serializing_if = "is_two_convs")]
    pub convs: PerBlock<u32>,
    /// Where the first convolution's output is added to that of the last; a list has a place for each block.
    #[serde(default, skip_serializing_if = "is_default")]
    pub residual: PerBlock<Residual>,
}

/// Where the max pooling of a block stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Convolution, pooling, normalization, activation: the reference.
    BeforeNorm,
    /// Convolution, normalization, activation, pooling (the ablation "without moving the max pooling").
    AfterActivation,
}

/// Where the first convolution's output is added to that of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Residual {
    /// Behind the last activation: the reference.
    #[default]
    AfterActivation,
    /// In front of the last activation (airbench96).
    BeforeActivation,
    /// Nowhere (hlb-CIFAR10 v0.7.0, airbench94).
    None,
}

/// Batch normalization with a trained bias and a scale, which is frozen at 1 unless `scale` and `train_scale` say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the recipe")]
pub struct Norm {
    /// Weight of the newest batch in the running statistics, above 0 and at most 1.
    pub momentum: f64,
    /// Added to the variance, above 0 and at most 0.1.
    pub eps: f64,
    /// Parts of a batch with statistics of their own in the blocks, 1 to 64 and a divisor of the batch size.
    pub ghost_batches: u32,
    /// Keep normalization in single precision when training runs in half precision. `false` is known deviation Q10 of hlb-CIFAR10.
    pub fp32: bool,
    /// An average of the weights is evaluated with the statistics of the first part alone: a mistake of hlb-imagenette's
    /// ablation with ghost batch norm. `false` takes their mean.
    #[serde(default, skip_serializing_if = "is_default")]
    pub average_takes_first_part: bool,
    /// Each evaluation writes the mean over the parts into the running statistics that training goes on with, and an average of
    /// the weights begins with it (hlb-imagenette's ablation). `false` evaluates a copy.
    #[serde(default, skip_serializing_if = "is_default")]
    pub evaluation_collates: bool,
    /// The normalization of the stem has as many parts as those of the blocks (ResNet-9).
    #[serde(default, skip_serializing_if = "is_default")]
    pub ghost_stem: bool,
    /// Factor on what is normalized, above 0 and at most 10: that of each channel, or what it starts from if it is trained.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub scale: f64,
    /// Each channel has a scale of its own that is trained (ResNet-9 before its scales were frozen).
    #[serde(default, skip_serializing_if = "is_default")]
    pub train_scale: bool,
}

/// What weights start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Init {
    /// Convolutions of the blocks.
    #[serde(skip_serializing_if = "is_default")]
    pub convolutions: ConvolutionInit,
    /// The linear layer.
    #[serde(skip_serializing_if = "is_default")]
    pub head: HeadInit,
}

/// What convolutions start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConvolutionInit {
    /// PyTorch's default: uniform in plus and minus 1/sqrt(fan-in).
    #[default]
    Default,
    /// The first outputs hand the inputs on unchanged, the others are PyTorch's default (airbench).
    Dirac,
    /// Projection and all convolutions of a block but its first hand their inputs on unchanged (hlb-CIFAR10 v0.6.0).
    DiracSecond,
    /// Those, and the identity is added to the first, which then is brought back to its mean and deviation (v0.7.0).
    DiracStandardised,
}

/// What the linear layer starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HeadInit {
    /// PyTorch's default: uniform in plus and minus 1/sqrt(fan-in).
    #[default]
    Default,
    /// The same over its standard deviation (airbench with Muon).
    UnitDeviation,
}

/// What follows each normalization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x times the normal distribution function of x, exactly.
    #[default]
    Gelu,
    /// x times the logistic function of x.
    Silu,
    /// The larger of x and 0.
    Relu,
    /// x itself: behind a stem that loses nothing, whitened patches reach the first block as they are.
    Identity,
    /// x where it is positive, otherwise `a (exp(x / a) - 1)` with `celu_alpha` for a (Barron, 2017): a smooth `relu`.
    Celu,
}

/// How the last map becomes one number a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolHead {
    /// The largest.
    #[default]
    Max,
    /// The mean.
    Mean,
}

impl Blocks {
    pub(super) fn check(&self) -> Checked {
        if !(1..=5).contains(&self.widths.len()) {
            return refuse(&["blocks.widths"], "has to list 1 to 5 blocks");
        }
        for (index, width) in self.widths.iter().enumerate() {
            whole(&format!("blocks.widths[{index}]"), *width, 4, 2048)?;
        }
        self.convs.check_list("blocks.convs", self.widths.len())?;
        self.residual.check_list("blocks.residual", self.widths.len())?;
        for block in 0..self.widths.len() {
            let convs = self.convs.path("blocks.convs", block);
            whole(&convs, self.convs.of(block), 1, 4)?;
            let alone = self.convs.of(block) == 1 && self.residual.of(block) != Residual::None;
            let problem = "a block of one convolution has nothing to add it to; set `residual: none`";
            refuse_if(alone, &[&self.residual.path("blocks.residual", block), &convs], problem)?;
        }
        Ok(())
    }
}

fn two_convs() -> PerBlock<u32> {
    PerBlock::All(2)
}

fn is_two_convs(convs: &PerBlock<u32>) -> bool {
    *convs == two_convs()
}

impl Norm {
    pub(super) fn check(&self) -> Checked {
        above("norm.momentum", self.momentum, 0.0, 1.0)?;
        above("norm.eps", self.eps, 0.0, 0.1)?;
        above("norm.scale", self.scale, 0.0, 10.0)?;
        whole("norm.ghost_batches", self.ghost_batches, 1, 64)
    }

    /// Whether every scale is 1 and stays it.
    #[expect(clippy::float_cmp, reason = "the default is exactly this")]
    pub fn has_unit_scale(&self) -> bool {
        !self.train_scale && self.scale == 1.0
    }

    /// Refuses parts of a batch that do not fit it, and those of a stem that has none.
    pub(super) fn check_parts(&self, stem: Stem, batch_size: u32) -> Checked {
        refuse_if(
            !batch_size.is_multiple_of(self.ghost_batches),
            &["norm.ghost_batches", "batch_size"],
            "the batch does not divide into that many equal parts",
        )?;
        let whole = ["norm.ghost_stem", "norm.ghost_batches"];
        refuse_if(self.ghost_stem && self.ghost_batches == 1, &whole, "a batch of one part has no parts in the stem")?;
        let bare = ["norm.ghost_stem", if stem.is_trained() { "stem.norm" } else { "stem.project" }];
        refuse_if(self.ghost_stem && !stem.is_normalized(), &bare, "there is no normalization in the stem")
    }
}
