//! The layers in front of the blocks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults::{is_default, is_true, is_two, two, yes};
use crate::range::{Checked, above, refuse_if, whole};

/// The layers in front of the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Stem {
    /// A frozen convolution that whitens patches, then a trained 1x1 convolution to `width`.
    Whiten(Whiten),
    /// A trained 3x3 convolution in its place (the ablation "without whitening").
    Conv {
        /// Channels handed to the first block, 4 to 512.
        width: u32,
    },
}

/// A frozen convolution that whitens patches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the recipe")]
pub struct Whiten {
    /// Training images that the patch statistics are taken from, 64 to 1,000,000 (fewer if the split is smaller).
    pub images: u32,
    /// Added to the eigenvalues before the square root, above 0 and at most 1.
    pub eps: f64,
    /// Channels handed to the first block, 4 to 512.
    pub width: u32,
    /// Size of the patches in pixels, 2 or 3.
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub kernel: u32,
    /// The image gets a frame of zeros, so that its map is as large as it is (ResNet-9); needs a `kernel` of 3. Filters are fitted
    /// on patches of images without the frame.
    #[serde(default, skip_serializing_if = "is_default")]
    pub padded: bool,
    /// A trained 1x1 convolution to `width` channels follows. Without it the whitened patches go
    /// through the activation straight into the first block, and `width` is their number of channels.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub project: bool,
    /// A normalization follows the projection. hlb-CIFAR10 v0.5.0 and v0.6.0 have none.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub norm: bool,
    /// Each filter is there twice, once with each sign.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sign_pairs: bool,
    /// A trained bias of the whitening, and what it starts from; `freeze` says until when it is trained.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bias: Option<BiasStart>,
    /// The mean of the patches is taken off before their covariance. airbench does not.
    #[serde(rename = "centred", default = "yes", skip_serializing_if = "is_true")]
    pub centered: bool,
    /// Eigenvectors are taken of this many images at a time and averaged: known deviation Q5 of hlb-CIFAR10. `null` takes all at once.
    #[serde(default, skip_serializing_if = "is_default")]
    pub chunk: Option<u32>,
    /// Filters are scaled in half precision: known deviation Q6 of hlb-CIFAR10.
    #[serde(default, skip_serializing_if = "is_default")]
    pub half: bool,
}

/// What a bias starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BiasStart {
    /// Zero.
    Zero,
    /// PyTorch's default: uniform in plus and minus 1/sqrt(fan-in).
    Uniform,
}

impl Whiten {
    /// Pixels of the frame of zeros around an image.
    pub fn padding(self) -> u32 {
        if self.padded { self.kernel / 2 } else { 0 }
    }

    /// Channels after the whitening of images with `channels` channels.
    pub fn patch_channels(self, channels: u32) -> u32 {
        channels * self.kernel * self.kernel * if self.sign_pairs { 2 } else { 1 }
    }
}

impl Stem {
    /// Channels of the first block's input.
    pub fn width(self) -> u32 {
        match self {
            Self::Whiten(Whiten { width, .. }) | Self::Conv { width } => width,
        }
    }

    /// The whitening, if there is one.
    pub fn whitening(self) -> Option<Whiten> {
        match self {
            Self::Whiten(whiten) => Some(whiten),
            Self::Conv { .. } => None,
        }
    }

    /// Whether a trained layer stands in front of the blocks.
    pub fn is_trained(self) -> bool {
        self.whitening().is_none_or(|whiten| whiten.project)
    }

    /// Whether a normalization stands in front of the blocks.
    pub fn is_normalized(self) -> bool {
        self.whitening().is_none_or(|whiten| whiten.project && whiten.norm)
    }

    /// Pixels that an image loses along each side in the stem, where the whitening is not padded.
    pub fn lost_pixels(self) -> u32 {
        self.whitening().map_or(0, |whiten| whiten.kernel - 1 - 2 * whiten.padding())
    }

    pub(super) fn check(self) -> Checked {
        whole("stem.width", self.width(), 4, 512)?;
        let Self::Whiten(whiten) = self else { return Ok(()) };
        whole("stem.images", whiten.images, 64, 1_000_000)?;
        above("stem.eps", whiten.eps, 0.0, 1.0)?;
        whole("stem.kernel", whiten.kernel, 2, 3)?;
        let paths = ["stem.norm", "stem.project"];
        refuse_if(!whiten.norm && !whiten.project, &paths, "without a projection there is no normalization anyway")?;
        let even = ["stem.padded", "stem.kernel"];
        refuse_if(whiten.padded && whiten.kernel != 3, &even, "only patches of 3 pixels have a middle to pad around")?;
        whiten.chunk.map_or(Ok(()), |chunk| whole("stem.chunk", chunk, 64, 1_000_000))
    }

    /// Without a projection the width follows from the images.
    pub(super) fn check_width(self, channels: u32) -> Checked {
        let Self::Whiten(whiten) = self else { return Ok(()) };
        let patches = whiten.patch_channels(channels);
        let problem = format!("without a projection the whitening hands on {patches} channels, not {}", whiten.width);
        refuse_if(!whiten.project && whiten.width != patches, &["stem.width", "stem.project"], &problem)
    }
}
