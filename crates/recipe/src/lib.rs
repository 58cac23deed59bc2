//! A recipe: the resolved settings of a trainer. Its SHA-256 is in every result.
//!
//! The model family is the `SpeedyResNet` of hlb-CIFAR10 (Tysam Balsbaugh) as hlb-imagenette moved it, and what followed:
//! airbench (Keller Jordan) and hiverge. The shipped recipes, and how a variant changes one, are in
//! [`crate::variant`]; what each key does is in the comment of its field, from which the JSON schema is made.
//!
//! A key that was added later has a default that keeps the earlier behavior and is not written, so that recipes keep their
//! text and digest, and newer programs can read old entries.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests break files on purpose"))]

mod augment;
mod defaults;
mod length;
mod measure;
mod network;
mod optimizer;
mod per_block;
mod range;
pub mod schedule;
mod stem;
pub mod variant;

pub use augment::{Augment, Cutmix, Flip, Jitter, Stage};
pub use length::{Epochs, Length};
pub use measure::{Average, AverageStart, CropWeights, Evaluate, EvaluatedWeights, Loss};
pub use network::{Activation, Blocks, ConvolutionInit, HeadInit, Init, Norm, Pool, PoolHead, Residual};
pub use optimizer::{Freeze, Group, Muon, Optimizer, Parameters, Rule};
pub use per_block::PerBlock;
pub use range::RecipeError;
pub use stem::{BiasStart, Stem, Whiten};

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults::{is_default, is_one, one};
use crate::range::{Checked, above, refuse, refuse_if, whole, within};
use crate::schedule::Schedule;
use hlb_core::units::{DeviceKind, NumberFormat};

/// Everything that shapes training, and nothing else: two variants that resolve to the same settings are the same recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Track whose data set, target and rules apply.
    pub track: String,
    /// Passes over the training split, above 0 and at most 1000; the last may be a part of one.
    pub epochs: Epochs,
    /// Where the number of epochs is whole, one less is trained while the schedule counts it: known deviation Q12 of hlb-CIFAR10 from
    /// v0.5.0 on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub last_whole_epoch_is_empty: bool,
    /// Images per step, 8 to 8192; the incomplete last batch of an epoch is dropped.
    pub batch_size: u32,
    /// What is done to a training image.
    pub augment: Augment,
    /// Training begins on smaller images: stages in their order, after the last of which crops have their own size.
    #[serde(default, skip_serializing_if = "is_default")]
    pub resolution: Vec<Stage>,
    /// The layers in front of the blocks.
    pub stem: Stem,
    /// The blocks.
    pub blocks: Blocks,
    /// Batch normalization.
    pub norm: Norm,
    /// What weights start from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub init: Init,
    /// What follows each normalization.
    #[serde(default, skip_serializing_if = "is_default")]
    pub activation: Activation,
    /// What follows the stem, where it is another.
    #[serde(default, skip_serializing_if = "is_default")]
    pub stem_activation: Option<Activation>,
    /// How smooth `celu` is, above 0 and at most 10: 0.075 in ResNet-9, or 0.3 where scales are frozen at 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub celu_alpha: f64,
    /// How the last map becomes one number a channel.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pool_head: PoolHead,
    /// Factor on the logits, above 0 and at most 10.
    pub logit_scale: f64,
    /// The loss.
    pub loss: Loss,
    /// The parameter groups.
    pub optimizer: Optimizer,
    /// Learning rate over the steps, for all groups that have no schedule of their own.
    pub schedule: Schedule,
    /// Averaging of the weights over the last epochs; `null` switches it off.
    pub average: Option<Average>,
    /// Parameters that are no longer trained from some epoch on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub freeze: Vec<Freeze>,
    /// How accuracy is measured.
    pub evaluate: Evaluate,
    /// Number format of weights and activations.
    pub precision: Precision,
}

/// Number format of weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Half precision on CUDA, single precision on the CPU.
    Auto,
    /// Single precision everywhere, in all of its bits.
    Fp32,
    /// Single precision on CUDA whose products keep 10 bits of the fraction; refused on the CPU, which has no such format.
    Tf32,
    /// Half precision; refused on the CPU, where it is unusably slow.
    Fp16,
    /// The 16-bit format with the range of single precision; refused on CPUs that do not multiply it.
    Bf16,
}

impl Precision {
    /// As in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fp32 => "fp32",
            Self::Tf32 => "tf32",
            Self::Fp16 => "fp16",
            Self::Bf16 => "bf16",
        }
    }

    /// The number format that it means on a device; `None` where it is refused.
    pub fn format_on(self, device: DeviceKind) -> Option<NumberFormat> {
        match (self, device) {
            (Self::Fp32, _) | (Self::Auto, DeviceKind::Cpu) => Some(NumberFormat::Fp32),
            (Self::Fp16 | Self::Auto, DeviceKind::Cuda) => Some(NumberFormat::Fp16),
            (Self::Bf16, _) => Some(NumberFormat::Bf16),
            (Self::Tf32, DeviceKind::Cuda) => Some(NumberFormat::Tf32),
            (Self::Fp16 | Self::Tf32, DeviceKind::Cpu) => None,
        }
    }
}

/// What the rules of a track can forbid a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Forbidden {
    /// Averaging predictions over several crops or mirror images of an evaluation image.
    TestTimeAugmentation,
    /// Evaluating larger images than are trained on.
    EvaluationLargerThanTraining,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TestTimeAugmentation => "test-time augmentation",
            Self::EvaluationLargerThanTraining => "evaluation larger than training",
        })
    }
}

/// What a recipe has to fit: the images of a data set, and the rules of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms<'a> {
    /// Pixels of an image along its shorter side.
    pub side: u32,
    /// Channels of an image.
    pub channels: u32,
    /// Training images.
    pub train_images: u32,
    /// What the track forbids.
    pub forbids: &'a [Forbidden],
}

impl Recipe {
    /// Refuses values out of range and settings that contradict each other or the data set.
    pub fn check(&self, terms: Terms) -> Result<(), RecipeError> {
        self.check_parts()?;
        self.check_contradictions()?;
        self.check_freeze()?;
        self.check_against(terms)?;
        terms.forbids.iter().try_for_each(|forbidden| self.check_forbidden(*forbidden, terms.side))
    }

    /// Steps of one epoch over `train_images` images.
    pub fn steps_per_epoch(&self, train_images: u32) -> u32 {
        train_images / self.batch_size
    }

    /// The steps of a run over `train_images` images.
    pub fn length(&self, train_images: u32) -> Length {
        Length::new(self.epochs, self.steps_per_epoch(train_images), self.last_whole_epoch_is_empty)
    }

    /// The length that schedules, averages and `CutMix` count. A run is shorter only where its last epoch is left empty.
    pub fn planned_length(&self, train_images: u32) -> Length {
        Length::new(self.epochs, self.steps_per_epoch(train_images), false)
    }

    /// The steps that the schedule counts.
    pub fn schedule_steps(&self, train_images: u32) -> u64 {
        self.planned_length(train_images).steps()
    }

    /// The schedule of a parameter group.
    pub fn schedule_of<'a>(&'a self, group: &'a Group) -> &'a Schedule {
        group.schedule.as_ref().unwrap_or(&self.schedule)
    }

    /// The learning rate of step `step` (counted from 0) of `steps`.
    pub fn rate(&self, parameters: Parameters, step: u64, steps: u64) -> f64 {
        let group = self.optimizer.group(parameters);
        group.lr * self.schedule_of(group).factor(step, steps)
    }

    /// Size of the images that step `step` (counted from 0) of `steps` trains on.
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
    pub fn side_at(&self, step: u64, steps: u64) -> u32 {
        let stage = self.resolution.iter().find(|stage| (step as f64) < stage.until * steps as f64);
        stage.map_or(self.augment.crop, |stage| stage.side)
    }

    /// The image sizes that are trained on, each with its share of all steps.
    pub fn sides(&self) -> Vec<(u32, f64)> {
        let mut begin = 0.0;
        let mut sides = Vec::new();
        for stage in &self.resolution {
            sides.push((stage.side, stage.until - begin));
            begin = stage.until;
        }
        sides.push((self.augment.crop, 1.0 - begin));
        sides
    }

    fn check_parts(&self) -> Checked {
        above("epochs", self.epochs.number(), 0.0, 1000.0)?;
        whole("batch_size", self.batch_size, 8, 8192)?;
        self.augment.check()?;
        augment::check_stages(&self.resolution, self.augment.crop)?;
        self.stem.check()?;
        self.blocks.check()?;
        self.norm.check()?;
        above("celu_alpha", self.celu_alpha, 0.0, 10.0)?;
        above("logit_scale", self.logit_scale, 0.0, 10.0)?;
        self.loss.check()?;
        self.optimizer.check()?;
        self.schedule.check("schedule")?;
        self.average.map_or(Ok(()), |average| average.check())?;
        self.evaluate.check()
    }

    fn check_contradictions(&self) -> Checked {
        let averaged = self.evaluate.weights == EvaluatedWeights::Averaged;
        refuse_if(
            averaged && self.average.is_none(),
            &["evaluate.weights", "average"],
            "averaged weights are to be evaluated, but averaging is switched off",
        )?;
        refuse_if(
            self.average.is_some_and(|average| average.epochs.number() > self.epochs.number().ceil()),
            &["average.epochs", "epochs"],
            "averaging cannot cover more epochs than the schedule has",
        )?;
        refuse_if(
            self.augment.cutmix.is_some_and(|cutmix| f64::from(cutmix.epochs) > self.epochs.number().ceil()),
            &["augment.cutmix.epochs", "epochs"],
            "it cannot cover more epochs than the schedule has",
        )?;
        self.norm.check_parts(self.stem, self.batch_size)?;
        let bias = self.stem.whitening().is_some_and(|whiten| whiten.bias.is_some());
        refuse_if(
            self.optimizer.whitening_bias.is_some() && !bias,
            &["optimizer.whitening_bias", "stem.bias"],
            "the whitening has no bias to train",
        )?;
        refuse_if(
            self.norm.evaluation_collates && self.norm.ghost_batches == 1,
            &["norm.evaluation_collates", "norm.ghost_batches"],
            "there are no statistics of several parts",
        )?;
        let smooth = [Some(self.activation), self.stem_activation].contains(&Some(Activation::Celu));
        refuse_if(!smooth && !is_one(&self.celu_alpha), &["celu_alpha", "activation"], "no activation is `celu`")?;
        refuse_if(
            self.optimizer.scales.is_some() && !self.norm.train_scale,
            &["optimizer.scales", "norm.train_scale"],
            "scales of the normalizations are not trained",
        )?;
        let unused = self.norm.average_takes_first_part && (self.norm.ghost_batches == 1 || self.average.is_none());
        let paths =
            ["norm.average_takes_first_part", if self.average.is_none() { "average" } else { "norm.ghost_batches" }];
        refuse_if(unused, &paths, "there is no average of statistics of several parts")
    }

    fn check_freeze(&self) -> Checked {
        for (index, freeze) in self.freeze.iter().enumerate() {
            let path = format!("freeze[{index}].parameters");
            within(&format!("freeze[{index}].after_epochs"), freeze.after_epochs, 0.0, 1000.0)?;
            let twice = self.freeze[..index].iter().any(|other| other.parameters == freeze.parameters);
            refuse_if(twice, &[&path], "names the same parameters as an earlier line")?;
            let bias = self.stem.whitening().is_some_and(|whiten| whiten.bias.is_some());
            let missing = match freeze.parameters {
                Parameters::WhiteningBias => (!bias).then_some("stem.bias"),
                Parameters::Stem => (!self.stem.is_trained()).then_some("stem.project"),
                Parameters::Scales => (!self.norm.train_scale).then_some("norm.train_scale"),
                _ => None,
            };
            if let Some(missing) = missing {
                return refuse(&[&path, missing], "there are no such parameters to freeze");
            }
        }
        Ok(())
    }

    fn check_against(&self, terms: Terms) -> Checked {
        if self.batch_size > terms.train_images {
            let problem = format!("is more than the {} training images of track `{}`", terms.train_images, self.track);
            return refuse(&["batch_size"], &problem);
        }
        if self.augment.pad >= terms.side {
            let problem = format!("reflect padding has to be less than the image side, {} pixels", terms.side);
            return refuse(&["augment.pad"], &problem);
        }
        let padded = terms.side + 2 * self.augment.pad;
        if self.augment.crop > padded {
            let problem = format!("the crop is larger than the padded image, {padded} pixels");
            return refuse(&["augment.crop", "augment.pad"], &problem);
        }
        self.stem.check_width(terms.channels)?;
        self.check_average(terms.train_images)?;
        let smallest = self.sides().iter().map(|(side, _)| *side).min().unwrap_or(terms.side);
        self.check_depth(smallest.min(terms.side))
    }

    fn check_forbidden(&self, forbidden: Forbidden, side: u32) -> Checked {
        let problem = format!("track `{}` forbids {forbidden}", self.track);
        match forbidden {
            Forbidden::TestTimeAugmentation if self.evaluate.mirror => refuse(&["evaluate.mirror"], &problem),
            Forbidden::EvaluationLargerThanTraining if self.last_side() < side => {
                let problem = format!("{problem}: images of {side} pixels are evaluated");
                refuse(&[if self.augment.crop < side { "augment.crop" } else { "resolution" }], &problem)
            }
            _ => Ok(()),
        }
    }

    /// Size of the images that training ends on.
    fn last_side(&self) -> u32 {
        let last = self.resolution.last().filter(|stage| stage.until >= 1.0);
        last.map_or(self.augment.crop, |stage| stage.side)
    }

    /// Refuse an average that would silently never be updated.
    fn check_average(&self, train_images: u32) -> Checked {
        let Some(average) = self.average else { return Ok(()) };
        let steps = self.length(train_images).steps();
        let covered = average.epochs.steps(self.steps_per_epoch(train_images)).min(steps);
        if u64::from(average.every_steps) <= covered {
            return Ok(());
        }
        let problem = format!("the average would never be updated in the {covered} steps that it covers");
        refuse(&["average.every_steps", "average.epochs"], &problem)
    }

    /// Each block halves the side, and the last must leave at least one pixel.
    fn check_depth(&self, side: u32) -> Checked {
        let behind_stem = side.saturating_sub(self.stem.lost_pixels());
        let left = self.blocks.widths.iter().fold(behind_stem, |side, _| side / 2);
        if left == 0 {
            let problem = format!("{} blocks halve {side} pixels to nothing", self.blocks.widths.len());
            return refuse(&["blocks.widths", "augment.crop"], &problem);
        }
        Ok(())
    }
}
