//! What is done to a training image.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::defaults::{is_default, is_true, yes};
use crate::range::{Checked, above, refuse_if, whole, within};
use hlb_core::text::show;

/// Random crop out of a reflect-padded image, random mirroring, and what is laid over them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Pixels of reflect padding on each side, 0 to 16 and less than the image's side.
    pub pad: u32,
    /// Size of the square crop that is trained on, in pixels, 16 to that of the padded image.
    pub crop: u32,
    /// `true` mirrors half of the images, drawn again in every epoch; `alternating` draws once and then mirrors each image in
    /// every other epoch, so that two epochs show it both ways (airbench).
    pub flip: Flip,
    /// Whether crops reach the last row and column of the padded image. `false` is known deviation Q4 of hlb-CIFAR10.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub last_offset: bool,
    /// Size of a square set to zero in each image, in pixels, 0 (off) to `crop`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cutout: u32,
    /// A square of each image is taken from another image of the batch, and the label mixed by area.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cutmix: Option<Cutmix>,
    /// Brightness and contrast of each image are changed at random.
    #[serde(default, skip_serializing_if = "is_default")]
    pub jitter: Option<Jitter>,
    /// Batches reach the network in the memory order `channels_last`. `false` is known deviation Q7 of hlb-CIFAR10: slower, with the
    /// same result.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub channels_last: bool,
}

/// When an image is mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum Flip {
    /// Never.
    Off,
    /// Half of the images, drawn again in every epoch.
    Random,
    /// Drawn once, then the other way in every epoch.
    Alternating,
}

impl From<Flip> for Value {
    fn from(flip: Flip) -> Self {
        match flip {
            Flip::Off => false.into(),
            Flip::Random => true.into(),
            Flip::Alternating => "alternating".into(),
        }
    }
}

impl TryFrom<Value> for Flip {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::Bool(false) => Ok(Self::Off),
            Value::Bool(true) => Ok(Self::Random),
            Value::String(text) if text == "alternating" => Ok(Self::Alternating),
            other => {
                Err(format!("invalid value: {}, expected `true`, `false` or `alternating`", show(&other.to_string())))
            }
        }
    }
}

impl JsonSchema for Flip {
    fn schema_name() -> Cow<'static, str> {
        "Flip".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": [true, false, "alternating"]})
    }
}

/// A square taken from another image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cutmix {
    /// Size of the square in pixels, 1 to less than `crop`.
    pub size: u32,
    /// It is done in this many epochs at the end, 1 to 1000.
    pub epochs: u32,
}

impl Cutmix {
    /// Whether it is done in epoch `epoch` (counted from 0) of `epochs`.
    pub fn is_due(self, epoch: u32, epochs: u32) -> bool {
        epoch + self.epochs >= epochs
    }
}

/// Random brightness and contrast.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Jitter {
    /// Largest shift of all pixels, in standard deviations of the channel, 0 to 2.
    pub brightness: f64,
    /// Largest change of the factor on all pixels, 0 to 1.
    pub contrast: f64,
}

impl Augment {
    pub(super) fn check(&self) -> Checked {
        whole("augment.pad", self.pad, 0, 16)?;
        whole("augment.crop", self.crop, 16, 512)?;
        let cuts = ["augment.cutout", "augment.crop"];
        refuse_if(self.cutout > self.crop, &cuts, "the square cut out is larger than the crop")?;
        if let Some(Cutmix { size, epochs }) = self.cutmix {
            whole("augment.cutmix.size", size, 1, 512)?;
            whole("augment.cutmix.epochs", epochs, 1, 1000)?;
            let mixes = ["augment.cutmix.size", "augment.crop"];
            refuse_if(size >= self.crop, &mixes, "the square would replace the whole image")?;
        }
        let Some(Jitter { brightness, contrast }) = self.jitter else { return Ok(()) };
        within("augment.jitter.brightness", brightness, 0.0, 2.0)?;
        within("augment.jitter.contrast", contrast, 0.0, 1.0)
    }
}

/// A part of training on smaller images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// It ends at this share of all steps, above 0 and at most 1, later than the stage before.
    pub until: f64,
    /// Size that crops are scaled to, in pixels (bilinear, antialiased), 8 to `augment.crop`.
    pub side: u32,
}

pub(super) fn check_stages(stages: &[Stage], crop: u32) -> Checked {
    let mut begin = 0.0;
    refuse_if(stages.len() > 8, &["resolution"], "lists more than 8 stages")?;
    for (index, stage) in stages.iter().enumerate() {
        above(&format!("resolution[{index}].until"), stage.until, begin, 1.0)?;
        let side = format!("resolution[{index}].side");
        whole(&side, stage.side, 8, 512)?;
        refuse_if(stage.side > crop, &[&side, "augment.crop"], "a stage cannot be larger than the crop")?;
        begin = stage.until;
    }
    Ok(())
}
