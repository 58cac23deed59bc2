//! The decoded data set on the device, and the batches cut from it.

use tch::{Device, IndexOp as _, Kind, Tensor};

use crate::torch::Engine;
use hlb_bench::recipe::Augment;
use hlb_bench::seed::Stream;
use hlb_bench::wire::{ArrayShapes, Arrays};

/// Normalised images and labels on the device.
///
/// Channels are normalised with mean and standard deviation (n - 1) of the training split, training images are
/// reflect-padded once, and both splits stay in the order row, column, channel, so that every batch is `channels_last`.
#[derive(Debug)]
pub(crate) struct DeviceData {
    padded: Tensor,
    train_labels: Tensor,
    eval_images: Tensor,
    eval_labels: Tensor,
    shapes: ArrayShapes,
    pad: i64,
}

impl DeviceData {
    /// Uploads, normalises and pads.
    pub(crate) fn upload(arrays: &Arrays, augment: Augment, engine: Engine) -> Self {
        let shapes = arrays.shapes();
        let working = if engine.kind == Kind::Double { Kind::Double } else { Kind::Float };
        let (mean, deviation) = channel_statistics(arrays.train_images(), shapes.channels);
        let per_channel = |numbers: &[f64]| Tensor::from_slice(numbers).to_kind(working);
        let (mean, deviation) = (per_channel(&mean), per_channel(&deviation));
        let train = as_images(arrays.train_images(), shapes.train, shapes, working);
        let normalise = |images: &Tensor| ((images - &mean) / &deviation).to_device(engine.device).to_kind(engine.kind);
        let pad = i64::from(augment.pad);
        Self {
            padded: reflect(&normalise(&train), pad),
            train_labels: as_labels(arrays.train_labels(), engine.device),
            eval_images: normalise(&as_images(arrays.eval_images(), shapes.evaluation, shapes, working)),
            eval_labels: as_labels(arrays.eval_labels(), engine.device),
            shapes,
            pad,
        }
    }

    /// Shapes of the splits.
    pub(crate) fn shapes(&self) -> ArrayShapes {
        self.shapes
    }

    /// The training images of `order` without their padding, `[images, channels, rows, columns]`.
    pub(crate) fn whole_images(&self, order: &[u32]) -> Tensor {
        let (rows, columns) = (i64::from(self.shapes.height), i64::from(self.shapes.width));
        let chosen = self.padded.index_select(0, &as_indices(order, self.padded.device()));
        chosen.narrow(1, self.pad, rows).narrow(2, self.pad, columns).permute([0, 3, 1, 2])
    }

    /// Images and labels `from..to` of the evaluation split.
    pub(crate) fn evaluation(&self, from: i64, to: i64) -> (Tensor, Tensor) {
        (self.eval_images.i(from..to).permute([0, 3, 1, 2]), self.eval_labels.i(from..to))
    }

    /// Draws the order, the crops and the flips of one epoch.
    pub(crate) fn shuffle(&self, augment: Augment, order: &mut Stream, augmentation: &mut Stream) -> EpochPlan {
        let count = self.shapes.train;
        let order = order.permutation(count);
        let offsets = |span: u32, stream: &mut Stream| -> Vec<u32> { (0..count).map(|_| stream.below(span)).collect() };
        let span = |side: u32| side + 2 * augment.pad - augment.crop + 1;
        let top = offsets(span(self.shapes.height), augmentation);
        let left = offsets(span(self.shapes.width), augmentation);
        let flips: Vec<bool> = (0..count).map(|_| augment.flip && augmentation.coin()).collect();
        let device = self.padded.device();
        EpochPlan {
            order: as_indices(&order, device),
            top: as_indices(&top, device),
            left: as_indices(&left, device),
            flips: Tensor::from_slice(&flips).to_device(device),
            crop: i64::from(augment.crop),
        }
    }

    /// Batch number `index` of an epoch: cropped and flipped images in `channels_last`, and labels.
    ///
    /// One gather of pixels does shuffling, crop, flip and memory layout at once.
    pub(crate) fn batch(&self, plan: &EpochPlan, index: i64, size: i64) -> (Tensor, Tensor) {
        let part = |whole: &Tensor| whole.narrow(0, index * size, size);
        let order = part(&plan.order);
        let pixels = self.pixels(&order, &part(&plan.top), &part(&plan.left), &part(&plan.flips), plan.crop);
        let (_, _, _, channels) = self.padded.size4().expect("images have four dimensions");
        let gathered = self.padded.view([-1, channels]).index_select(0, &pixels);
        let images = gathered.view([size, plan.crop, plan.crop, channels]).permute([0, 3, 1, 2]);
        (images, self.train_labels.index_select(0, &order))
    }

    /// Places of the pixels of a batch of crops in the flat list of all padded pixels.
    fn pixels(&self, order: &Tensor, top: &Tensor, left: &Tensor, flips: &Tensor, crop: i64) -> Tensor {
        let (_, rows, columns, _) = self.padded.size4().expect("images have four dimensions");
        let line = Tensor::arange(crop, (Kind::Int64, self.padded.device()));
        let across = line.flip([0]).where_self(&flips.unsqueeze(1), &line);
        let x = (left.unsqueeze(1) + across).unsqueeze(1);
        let y = (top.unsqueeze(1) + &line).unsqueeze(2);
        let image = (order * (rows * columns)).view([-1, 1, 1]);
        (image + y * columns + x).view(-1)
    }
}

/// The random choices of one epoch, on the device.
#[derive(Debug)]
pub(crate) struct EpochPlan {
    order: Tensor,
    top: Tensor,
    left: Tensor,
    flips: Tensor,
    crop: i64,
}

/// Mean and standard deviation (n - 1) of each channel on the scale 0 to 1, from sums of whole numbers: the same on every machine.
#[expect(clippy::cast_precision_loss, reason = "sums of squares of bytes stay under 2^52 for 10^11 pixels")]
fn channel_statistics(bytes: &[u8], channels: u32) -> (Vec<f64>, Vec<f64>) {
    let channels = channels as usize;
    let count = (bytes.len() / channels) as f64;
    let sums = |channel: usize| {
        let numbers = bytes.iter().skip(channel).step_by(channels).map(|byte| u64::from(*byte));
        numbers.fold((0, 0), |(sum, squares), number| (sum + number, squares + number * number))
    };
    let statistics = |channel| {
        let (sum, squares): (u64, u64) = sums(channel);
        let mean = sum as f64 / count;
        let variance = (squares as f64 - mean * sum as f64) / (count - 1.0);
        (mean / 255.0, variance.sqrt() / 255.0)
    };
    (0..channels).map(statistics).unzip()
}

/// Bytes to numbers from 0 to 1, `[images, rows, columns, channels]`.
fn as_images(bytes: &[u8], count: u32, shapes: ArrayShapes, working: Kind) -> Tensor {
    let size = [count, shapes.height, shapes.width, shapes.channels].map(i64::from);
    Tensor::from_data_size(bytes, &size, Kind::Uint8).to_kind(working) / 255.0
}

fn as_labels(bytes: &[u8], device: Device) -> Tensor {
    Tensor::from_slice(bytes).to_kind(Kind::Int64).to_device(device)
}

fn as_indices(numbers: &[u32], device: Device) -> Tensor {
    let wide: Vec<i64> = numbers.iter().copied().map(i64::from).collect();
    Tensor::from_slice(&wide).to_device(device)
}

/// Mirrors `pad` pixels outwards on each side, without repeating the edge.
fn reflect(images: &Tensor, pad: i64) -> Tensor {
    if pad == 0 {
        return images.contiguous();
    }
    let padded = images.permute([0, 3, 1, 2]).reflection_pad2d([pad, pad, pad, pad]);
    padded.permute([0, 2, 3, 1]).contiguous()
}
