//! The loss, the average of the weights, and how accuracy is measured.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults::{is_default, is_one, is_true, one, yes};
use crate::length::Epochs;
use crate::range::{Checked, above, below, between, refuse_if, whole, within};

/// Cross entropy summed over the batch and scaled to 512 images, so that rates do not depend on the batch size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Share of the label spread over all classes, 0 to below 1.
    pub label_smoothing: f64,
    /// Factor on each image's loss before the sum, taken off again behind it, above 0 and at most 1024. A power of two
    /// changes no gradient: known deviation Q3 of hlb-CIFAR10.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub scale: f64,
    /// In half precision the loss is taken in it too: known deviation Q1 of hlb-CIFAR10. `false` takes it in single precision.
    #[serde(default, skip_serializing_if = "is_default")]
    pub half: bool,
}

/// Exponential averaging of weights and running statistics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Average {
    /// Averaging covers this many epochs at the end of the schedule, above 0 and at most `epochs` rounded up; a part of an epoch
    /// counts, and a begun step is one.
    pub epochs: Epochs,
    /// What the average is before its first update.
    #[serde(default, skip_serializing_if = "is_default")]
    pub begins: AverageStart,
    /// Optimizer steps between two updates of the average, 1 to 1000.
    pub every_steps: u32,
    /// Share of the average kept per step, above 0 and below 1; an update keeps `decay ^ every_steps`.
    pub decay: f64,
    /// What an update keeps is multiplied by the share of all steps that is done, to this power, 0 to 10.
    #[serde(default, skip_serializing_if = "is_default")]
    pub power: f64,
    /// Training goes on from the average after each update of it (Lookahead, Zhang 2019). `false` only observes, which is
    /// known deviation Q2 of hlb-CIFAR10 v0.4.0.
    #[serde(default, skip_serializing_if = "is_default")]
    pub copy_back: bool,
    /// Running statistics are averaged too; `false` takes the newest.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub statistics: bool,
}

/// What an average is before its first update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AverageStart {
    /// Nothing: it begins as a copy of the model of the first step that it covers and is due.
    #[default]
    Trained,
    /// The untrained model, whitening filters that are not fitted yet included (airbench).
    Untrained,
}

/// How accuracy is measured; the split, the cadence and the counting are the track's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    /// Average the logits of the image and of its mirror image (test-time augmentation).
    pub mirror: bool,
    /// Which weights are evaluated: known deviation Q14 of hlb-CIFAR10.
    pub weights: EvaluatedWeights,
    /// Two more crops of each image, shifted by a pixel up and left and down and right, are averaged too (airbench). Needs
    /// `mirror`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub multi_crop: bool,
    /// What each crop of `multi_crop` counts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub crop_weights: CropWeights,
    /// Only this share of the images, the least confident, gets test-time augmentation, above 0 and below 1 (hiverge).
    #[serde(default, skip_serializing_if = "is_default")]
    pub least_confident: Option<f64>,
}

/// What each crop of an image counts in the average of logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CropWeights {
    /// The image as it is counts half, the shifted crops a quarter each (airbench).
    #[default]
    Halved,
    /// A third each (hiverge).
    Equal,
}

/// Which weights are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvaluatedWeights {
    /// Those that the optimizer trains.
    Trained,
    /// The average once it has begun, those of the optimizer before.
    Averaged,
}

impl Loss {
    pub(super) fn check(&self) -> Checked {
        below("loss.label_smoothing", self.label_smoothing, 0.0, 1.0)?;
        above("loss.scale", self.scale, 0.0, 1024.0)
    }
}

impl Average {
    /// Whether it is updated after step `step` (counted from 1) of `steps`.
    pub fn is_due(self, step: u64, steps: u64, steps_per_epoch: u32) -> bool {
        let covered = self.epochs.steps(steps_per_epoch);
        step > steps.saturating_sub(covered) && step.is_multiple_of(u64::from(self.every_steps))
    }

    /// What its update after step `step` of `steps` keeps of it.
    #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 steps")]
    pub fn kept(self, step: u64, steps: u64) -> f64 {
        let base = self.decay.powf(f64::from(self.every_steps));
        if self.power > 0.0 { base * (step as f64 / steps as f64).powf(self.power) } else { base }
    }

    pub(super) fn check(&self) -> Checked {
        above("average.epochs", self.epochs.number(), 0.0, 1000.0)?;
        whole("average.every_steps", self.every_steps, 1, 1000)?;
        between("average.decay", self.decay, 0.0, 1.0)?;
        within("average.power", self.power, 0.0, 10.0)
    }
}

impl Evaluate {
    pub(super) fn check(&self) -> Checked {
        let paths = ["evaluate.multi_crop", "evaluate.mirror"];
        refuse_if(self.multi_crop && !self.mirror, &paths, "shifted crops are averaged with their mirror images")?;
        let paths = ["evaluate.crop_weights", "evaluate.multi_crop"];
        let unused = self.crop_weights != CropWeights::Halved && !self.multi_crop;
        refuse_if(unused, &paths, "there are no shifted crops to weigh")?;
        let Some(share) = self.least_confident else { return Ok(()) };
        between("evaluate.least_confident", share, 0.0, 1.0)?;
        let paths = ["evaluate.least_confident", "evaluate.mirror"];
        refuse_if(
            !self.mirror,
            &paths,
            "without test-time augmentation there is nothing to limit to some of the images",
        )
    }
}
