//! Logits of the evaluation images, with the recipe's test-time augmentation.

use tch::{Device, Kind, Tensor};

use crate::{DeviceData, Mode, Network, State};
use hlb_recipe::{CropWeights, Evaluate};

/// Images evaluated at once. The last batch is smaller; none is dropped.
///
/// *Why larger on a GPU:* it finishes small batches before the next is queued, and its clocks fall while it waits. Of larger
/// images fewer, so that memory does not grow with them.
pub(crate) fn evaluation_batch(device: Device, data: &DeviceData) -> i64 {
    if !device.is_cuda() {
        return LEAST_BATCH;
    }
    let pixels = i64::from(data.shapes().height) * i64::from(data.shapes().width);
    (PIXELS_AT_ONCE / pixels.max(1)).clamp(LEAST_BATCH, 2000)
}

/// Images of a batch on the CPU, and of the largest images on a GPU.
const LEAST_BATCH: i64 = 250;

/// Pixels of a batch on a GPU: 2,000 images of 32 pixels a side.
const PIXELS_AT_ONCE: i64 = 2000 * 32 * 32;

/// The first images that make batches of both sizes that an evaluation has: a full one and the last.
pub(crate) fn rehearsed(total: i64, batch: i64) -> i64 {
    if total <= batch { total } else { batch + total % batch }
}

/// Logits of the first `total` images of the evaluation split, `[images, classes]`, with the recipe's test-time augmentation.
pub(crate) fn logits(network: &Network, state: &State, data: &DeviceData, evaluate: Evaluate, total: i64) -> Tensor {
    let batch = evaluation_batch(state.weights.device(), data);
    let batches = || (0..total).step_by(usize::try_from(batch).unwrap_or(1));
    let of_all = |view: &dyn Fn(&Tensor) -> Tensor| {
        let parts: Vec<Tensor> =
            batches().map(|from| view(&data.evaluation_images(from, total.min(from + batch)))).collect();
        Tensor::cat(&parts, 0)
    };
    let viewed = |images: &Tensor| batch_logits(network, state, images, evaluate);
    let Some(share) = evaluate.least_confident else { return of_all(&viewed) };
    let plain = of_all(&|images| network.forward(state, images, Mode::Evaluate));
    let chosen = least_confident(&plain, share);
    let parts: Vec<Tensor> =
        chosen.split(batch, 0).iter().map(|part| viewed(&data.chosen_evaluation_images(part))).collect();
    if parts.is_empty() { plain } else { plain.index_copy(0, &chosen, &Tensor::cat(&parts, 0)) }
}

/// Logits of one batch: from the images alone, with their mirror images, or with shifted copies of both too.
///
/// *Why shifts:* the network sees padded crops in training; a shift by a pixel is another image of the same thing, and the
/// mean over images errs less (airbench).
fn batch_logits(network: &Network, state: &State, images: &Tensor, evaluate: Evaluate) -> Tensor {
    let plain = |images: &Tensor| network.forward(state, images, Mode::Evaluate);
    if !evaluate.mirror {
        return plain(images);
    }
    let mirrored = |images: &Tensor| (plain(images) + plain(&images.flip([3]))) * 0.5;
    let straight = mirrored(images);
    if !evaluate.multi_crop {
        return straight;
    }
    let (_, _, rows, columns) = images.size4().expect("images have four dimensions");
    let padded = images.reflection_pad2d([1, 1, 1, 1]);
    let shifted = |by: i64| mirrored(&padded.narrow(2, by, rows).narrow(3, by, columns));
    let both = shifted(0) + shifted(2);
    match evaluate.crop_weights {
        CropWeights::Halved => straight * 0.5 + both * 0.25,
        CropWeights::Equal => (straight + both) / 3.0,
    }
}

/// Indices of the images whose largest probability is smallest.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a share of a small whole number")]
fn least_confident(logits: &Tensor, share: f64) -> Tensor {
    let confidence = logits.softmax(-1, Kind::Float).amax([1], false);
    let count = (share * logits.size()[0] as f64).round() as i64;
    confidence.topk(count, 0, false, true).1
}
