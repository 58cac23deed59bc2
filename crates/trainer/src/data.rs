//! The decoded data set on the device, and the batches cut from it.

use tch::{Device, IndexOp as _, Kind, Tensor};

use crate::Engine;
use crate::augmentation::{AugmentationDraws, Corners};
use hlb_data::arrays::{ArrayShapes, Arrays};
use hlb_recipe::Augment;

/// Normalized images and labels on the device.
///
/// Channels are normalized with mean and standard deviation (n - 1) of the training split, training images are
/// reflect-padded once, and both splits stay in the order row, column, channel, so that every batch is `channels_last`.
#[derive(Debug)]
pub struct DeviceData {
    padded: Tensor,
    train_labels: Tensor,
    eval_images: Tensor,
    eval_labels: Tensor,
    shapes: ArrayShapes,
    augment: Augment,
}

/// What an optimizer step is computed from.
pub struct Batch {
    /// Images, `[images, channels, rows, columns]`.
    pub images: Tensor,
    /// Their labels.
    pub labels: Tensor,
    /// Where parts of other images were mixed in: their labels and their share of the area.
    pub mixed: Option<(Tensor, f64)>,
}

impl DeviceData {
    /// Uploads, normalizes and pads.
    pub fn upload(arrays: &Arrays, augment: Augment, engine: Engine) -> Self {
        let shapes = arrays.shapes();
        let working = if engine.kind == Kind::Double { Kind::Double } else { Kind::Float };
        let (mean, deviation) = channel_statistics(arrays.train_images(), shapes.channels);
        let placed = |numbers: &[f64]| Tensor::from_slice(numbers).to_kind(working).to_device(engine.device);
        let scale = Scale { largest: placed(&[255.0]), mean: placed(&mean), deviation: placed(&deviation) };
        let upload = |bytes, count, pad| normalized(bytes, count, shapes, &scale, (engine, pad));
        Self {
            padded: upload(arrays.train_images(), shapes.train, augment.pad.into()),
            train_labels: as_labels(arrays.train_labels(), engine.device),
            eval_images: upload(arrays.eval_images(), shapes.evaluation, 0),
            eval_labels: as_labels(arrays.eval_labels(), engine.device),
            shapes,
            augment,
        }
    }

    /// Shapes of the splits.
    pub fn shapes(&self) -> ArrayShapes {
        self.shapes
    }

    /// The training images of `order` without their padding, `[images, channels, rows, columns]`.
    pub fn whole_images(&self, order: &[u32]) -> Tensor {
        let (pad, rows, columns) = (self.augment.pad.into(), self.shapes.height.into(), self.shapes.width.into());
        let chosen = self.padded.index_select(0, &as_indices(order, self.padded.device()));
        chosen.narrow(1, pad, rows).narrow(2, pad, columns).permute([0, 3, 1, 2])
    }

    /// Images `from..to` of the evaluation split.
    pub(crate) fn evaluation_images(&self, from: i64, to: i64) -> Tensor {
        self.eval_images.i(from..to).permute([0, 3, 1, 2])
    }

    /// These images of the evaluation split.
    pub(crate) fn chosen_evaluation_images(&self, chosen: &Tensor) -> Tensor {
        self.eval_images.index_select(0, chosen).permute([0, 3, 1, 2])
    }

    /// Labels of the evaluation split.
    pub(crate) fn evaluation_labels(&self) -> &Tensor {
        &self.eval_labels
    }

    /// Uploads the draws of an epoch to the device.
    pub fn plan(&self, draws: &AugmentationDraws) -> EpochPlan {
        let device = self.padded.device();
        let squares = |corners: &Corners| Squares::new(corners, device);
        let numbers = |numbers: &[f32]| Tensor::from_slice(numbers).to_device(device).view([-1, 1, 1, 1]);
        EpochPlan {
            order: as_indices(&draws.order, device),
            crops: squares(&draws.crops),
            flips: Tensor::from_slice(&draws.flips).to_device(device),
            cuts: draws.cuts.as_ref().map(squares),
            mixes: draws.mixes.as_ref().map(squares),
            jitter: draws.jitter.as_ref().map(|(shift, factor)| (numbers(shift), numbers(factor))),
        }
    }

    /// Batch number `index` of an epoch: cropped and flipped images in `channels_last`, changed as the recipe says and
    /// scaled to `size`, and labels.
    ///
    /// One gather of pixels does shuffling, crop, flip and memory layout at once.
    pub fn batch(&self, plan: &EpochPlan, index: i64, count: i64, size: i64) -> Batch {
        let part = |whole: &Tensor| whole.narrow(0, index * count, count);
        let crop = i64::from(self.augment.crop);
        let order = part(&plan.order);
        let pixels = self.pixels(&order, &plan.crops.part(&part), &part(&plan.flips), crop);
        let (_, _, _, channels) = self.padded.size4().expect("images have four dimensions");
        let gathered = self.padded.view([-1, channels]).index_select(0, &pixels);
        let mut images = gathered.view([count, crop, crop, channels]).permute([0, 3, 1, 2]);
        if let Some(cuts) = &plan.cuts {
            images = images.masked_fill(&cuts.part(&part).mask(self.augment.cutout.into(), crop), 0.0);
        }
        let labels = self.train_labels.index_select(0, &order);
        let mut mixed = None;
        if let (Some(squares), Some(cutmix)) = (&plan.mixes, self.augment.cutmix) {
            let mask = squares.part(&part).mask(cutmix.size.into(), crop);
            images = images.roll([-1], [0]).where_self(&mask, &images);
            let share = f64::from(cutmix.size * cutmix.size) / f64::from(self.augment.crop * self.augment.crop);
            mixed = Some((labels.roll([-1], [0]), share));
        }
        if let Some((shift, factor)) = &plan.jitter {
            images = ((images + part(shift)) * part(factor)).to_kind(self.padded.kind());
        }
        if size != crop {
            images = resized(&images, size);
        }
        Batch { images: self.laid_out(&images), labels, mixed }
    }

    /// Images in the memory order that the recipe asks for.
    fn laid_out(&self, images: &Tensor) -> Tensor {
        if self.augment.channels_last {
            return images.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
        }
        images.contiguous()
    }

    /// Indices of the pixels of a batch of crops in the flat list of all padded pixels.
    fn pixels(&self, order: &Tensor, crops: &Squares, flips: &Tensor, crop: i64) -> Tensor {
        let (_, rows, columns, _) = self.padded.size4().expect("images have four dimensions");
        let line = Tensor::arange(crop, (Kind::Int64, self.padded.device()));
        let across = line.flip([0]).where_self(&flips.unsqueeze(1), &line);
        let x = (crops.left.unsqueeze(1) + across).unsqueeze(1);
        let y = (crops.top.unsqueeze(1) + &line).unsqueeze(2);
        let image = (order * (rows * columns)).view([-1, 1, 1]);
        (image + y * columns + x).view(-1)
    }
}

/// The augmentation draws of one epoch, on the device.
#[derive(Debug)]
pub struct EpochPlan {
    order: Tensor,
    crops: Squares,
    flips: Tensor,
    cuts: Option<Squares>,
    mixes: Option<Squares>,
    jitter: Option<(Tensor, Tensor)>,
}

/// Corners of squares on the device.
#[derive(Debug)]
struct Squares {
    top: Tensor,
    left: Tensor,
}

impl Squares {
    fn new(corners: &Corners, device: Device) -> Self {
        Self { top: as_indices(&corners.top, device), left: as_indices(&corners.left, device) }
    }

    fn part(&self, part: &impl Fn(&Tensor) -> Tensor) -> Self {
        Self { top: part(&self.top), left: part(&self.left) }
    }

    /// Whether a pixel lies in the square of its image, `[images, 1, crop, crop]`.
    fn mask(&self, size: i64, crop: i64) -> Tensor {
        let line = Tensor::arange(crop, (Kind::Int64, self.top.device()));
        let inside = |corner: &Tensor| {
            let from = &line - corner.unsqueeze(1);
            from.ge(0).logical_and(&from.lt(size))
        };
        let (rows, columns) = (inside(&self.top).unsqueeze(2), inside(&self.left).unsqueeze(1));
        rows.logical_and(&columns).unsqueeze(1)
    }
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

/// Images with so many rows and columns. The CPU cannot compute them in 16 bits, so they are rounded afterwards there.
pub(crate) fn resized(images: &Tensor, side: i64) -> Tensor {
    let narrow = images.device() == Device::Cpu && matches!(images.kind(), Kind::Half | Kind::BFloat16);
    let wide = if narrow { images.to_kind(Kind::Float) } else { images.shallow_clone() };
    wide.internal_upsample_bilinear2d_aa([side, side], false, None, None).to_kind(images.kind())
}

/// What brings bytes to a mean of 0 and a deviation of 1, on the device.
///
/// *Why the largest byte is a tensor:* CUDA multiplies by the reciprocal of a plain number, which rounds otherwise than dividing.
struct Scale {
    largest: Tensor,
    mean: Tensor,
    deviation: Tensor,
}

/// Most values of a slice of images that is normalized at once.
const SLICE: i64 = 1 << 26;

/// Bytes to normalized and padded images, `[images, rows, columns, channels]`.
///
/// *Why in slices on the device:* the host then holds the bytes alone, and no operation meets more values than 32 bits count.
fn normalized(bytes: &[u8], count: u32, shapes: ArrayShapes, scale: &Scale, (engine, pad): (Engine, i64)) -> Tensor {
    let [count, rows, columns, channels] = [count, shapes.height, shapes.width, shapes.channels].map(i64::from);
    let bytes = Tensor::from_data_size(bytes, &[count, rows, columns, channels], Kind::Uint8);
    let size = [count, rows + 2 * pad, columns + 2 * pad, channels];
    let whole = Tensor::empty(size, (engine.kind, engine.device));
    let step = (SLICE / (size[1] * size[2] * size[3])).max(1);
    for from in (0..count).step_by(usize::try_from(step).unwrap_or(1)) {
        let part = |tensor: &Tensor| tensor.narrow(0, from, step.min(count - from));
        let images = part(&bytes).to_device(engine.device).to_kind(scale.mean.kind()) / &scale.largest;
        let images = ((images - &scale.mean) / &scale.deviation).to_kind(engine.kind);
        part(&whole).copy_(&reflect(&images, pad));
    }
    whole
}

fn as_labels(bytes: &[u8], device: Device) -> Tensor {
    Tensor::from_slice(bytes).to_kind(Kind::Int64).to_device(device)
}

fn as_indices(numbers: &[u32], device: Device) -> Tensor {
    let wide: Vec<i64> = numbers.iter().copied().map(i64::from).collect();
    Tensor::from_slice(&wide).to_device(device)
}

/// Reflection padding of `pad` pixels on each side, without repeating the edge.
fn reflect(images: &Tensor, pad: i64) -> Tensor {
    if pad == 0 {
        return images.contiguous();
    }
    let padded = images.permute([0, 3, 1, 2]).reflection_pad2d([pad, pad, pad, pad]);
    padded.permute([0, 2, 3, 1]).contiguous()
}
