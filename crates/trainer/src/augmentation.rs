//! Random draws for the images of an epoch: order, crops, flips and what is drawn over them.

use std::sync::mpsc::{self, Receiver};
use std::thread;

use hlb_core::seed::{Seed, Stream};
use hlb_data::arrays::ArrayShapes;
use hlb_recipe::{Augment, Flip};

/// Top rows and left columns of squares, one for each image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corners {
    /// Row of the first pixel, one per image.
    pub top: Vec<u32>,
    /// Column of the first pixel, one per image.
    pub left: Vec<u32>,
}

/// The draws of one epoch, for each image in the order of training.
#[derive(Debug, Clone, PartialEq)]
pub struct AugmentationDraws {
    /// Indices of the images.
    pub order: Vec<u32>,
    /// Crops out of the padded images.
    pub crops: Corners,
    /// Whether they are flipped.
    pub flips: Vec<bool>,
    /// Squares that are cut out.
    pub cuts: Option<Corners>,
    /// Squares that are taken from the next image of the batch.
    pub mixes: Option<Corners>,
    /// Shift and factor of all pixels.
    pub jitter: Option<(Vec<f32>, Vec<f32>)>,
}

/// Draws one epoch after the other in a thread of its own, each while the one before is trained.
///
/// The first is begun when it is asked for.
pub(crate) struct DrawnAhead {
    waiting: Option<AugmentationSampler>,
    drawn: Option<Receiver<AugmentationDraws>>,
}

impl DrawnAhead {
    pub(crate) fn new(sampler: AugmentationSampler) -> Self {
        Self { waiting: Some(sampler), drawn: None }
    }

    /// The next epoch.
    pub(crate) fn next_epoch(&mut self) -> AugmentationDraws {
        if let Some(sampler) = self.waiting.take() {
            self.drawn = Some(begin(sampler));
        }
        let drawn = self.drawn.as_ref().and_then(|drawn| drawn.recv().ok());
        drawn.expect("the thread draws as long as this is there")
    }
}

/// A thread that draws until nobody listens; it waits until an epoch is taken before it draws the one after the next.
fn begin(mut sampler: AugmentationSampler) -> Receiver<AugmentationDraws> {
    let (sender, receiver) = mpsc::sync_channel(0);
    thread::spawn(move || while sender.send(sampler.epoch()).is_ok() {});
    receiver
}

/// Draws one epoch after the other.
pub struct AugmentationSampler {
    augment: Augment,
    shapes: ArrayShapes,
    epochs: u32,
    epoch: u32,
    order: Stream,
    augmentation: Stream,
    /// Which images the first epoch flips, where epochs alternate.
    first_flips: Option<Vec<bool>>,
}

impl AugmentationSampler {
    /// For a run of `epochs` epochs.
    pub fn new(augment: Augment, shapes: ArrayShapes, epochs: u32, seed: Seed) -> Self {
        let (order, augmentation) = (seed.stream("shuffle"), seed.stream("augment"));
        Self { augment, shapes, epochs, epoch: 0, order, augmentation, first_flips: None }
    }

    /// The next epoch.
    ///
    /// *Why flips go by the image's index if they alternate:* each image is flipped in every other epoch, so that two epochs
    /// show both sides of it (Jordan 2024).
    pub fn epoch(&mut self) -> AugmentationDraws {
        let Augment { pad, crop, last_offset, cutout, cutmix, jitter, .. } = self.augment;
        let order = self.order.permutation(self.shapes.train);
        let span = |side: u32| (side + 2 * pad - crop + u32::from(last_offset)).max(1);
        let crops = self.corners(span(self.shapes.height), span(self.shapes.width));
        let flips = self.flips(&order);
        let cuts = (cutout > 0).then(|| self.corners(crop - cutout + 1, crop - cutout + 1));
        let due = cutmix.filter(|cutmix| cutmix.is_due(self.epoch, self.epochs));
        let mixes = due.map(|cutmix| self.corners(crop - cutmix.size + 1, crop - cutmix.size + 1));
        let jitter = jitter.map(|jitter| {
            let shift = self.around(jitter.brightness);
            (shift, self.around(jitter.contrast).into_iter().map(|change| 1.0 + change).collect())
        });
        self.epoch += 1;
        AugmentationDraws { order, crops, flips, cuts, mixes, jitter }
    }

    fn corners(&mut self, rows: u32, columns: u32) -> Corners {
        let count = self.shapes.train;
        let mut draw = |span: u32| (0..count).map(|_| self.augmentation.below(span)).collect();
        Corners { top: draw(rows), left: draw(columns) }
    }

    fn flips(&mut self, order: &[u32]) -> Vec<bool> {
        let mut coins = || order.iter().map(|_| self.augmentation.coin()).collect::<Vec<bool>>();
        match self.augment.flip {
            Flip::Off => vec![false; order.len()],
            Flip::Random => coins(),
            Flip::Alternating => {
                let first = self.first_flips.get_or_insert_with(coins);
                let odd = self.epoch % 2 == 1;
                order.iter().map(|image| first[*image as usize] != odd).collect()
            }
        }
    }

    /// Uniform numbers within plus and minus `most`, one for each image.
    #[expect(clippy::cast_possible_truncation, reason = "a range check keeps it small")]
    fn around(&mut self, most: f64) -> Vec<f32> {
        (0..self.shapes.train).map(|_| (2.0 * self.augmentation.unit() - 1.0) * most as f32).collect()
    }
}
