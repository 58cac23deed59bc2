//! A recipe: the fully resolved settings that a trainer gets. Pure data; its SHA-256 is in every result.
//!
//! The model family is the `SpeedyResNet` of hlb-CIFAR10 v0.4.0 (Tysam Balsbaugh) as hlb-imagenette moved it.
//! Which files hold the shipped recipes, and how a variant is laid over one, is in [`crate::variant`].

use serde::{Deserialize, Serialize};

use crate::schedule::Schedule;
use crate::track::Forbidden;

/// Everything that shapes training, and nothing else: two variants that resolve to the same settings are the same recipe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Track whose data set, target and rules apply.
    pub track: String,
    /// Passes over the training split, 1 to 1000.
    pub epochs: u32,
    /// Images per step, 8 to 8192; the incomplete last batch of an epoch is dropped.
    pub batch_size: u32,
    /// What is done to a training image.
    pub augment: Augment,
    /// The layers in front of the blocks.
    pub stem: Stem,
    /// The residual blocks.
    pub blocks: Blocks,
    /// Batch normalisation.
    pub norm: Norm,
    /// Factor on the logits, above 0 and at most 10.
    pub logit_scale: f64,
    /// The loss.
    pub loss: Loss,
    /// The two optimisers.
    pub optimizer: Optimizer,
    /// Learning rate over the steps.
    pub schedule: Schedule,
    /// Averaging of the weights over the last epochs; `null` switches it off.
    pub average: Option<Average>,
    /// How accuracy is measured.
    pub evaluate: Evaluate,
    /// Number format of weights and activations.
    pub precision: Precision,
}

/// Random crop out of a reflect-padded image, and random mirroring.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Pixels of reflect padding on each side, 0 to 16 and less than the image's side.
    pub pad: u32,
    /// Side of the square crop that is trained on, 16 to the padded side.
    pub crop: u32,
    /// Mirror half of the images in every epoch.
    pub flip: bool,
}

/// The layers in front of the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Stem {
    /// A frozen 2x2 convolution that whitens patches, then a trained 1x1 convolution to `width`.
    Whiten {
        /// Training images that the patch statistics are taken from, 64 to 1,000,000 (fewer if the split is smaller).
        images: u32,
        /// Added to the eigenvalues before the square root, above 0 and at most 1.
        eps: f64,
        /// Channels handed to the first block, 4 to 512.
        width: u32,
    },
    /// A trained 3x3 convolution in its place (the ablation "without whitening").
    Conv {
        /// Channels handed to the first block, 4 to 512.
        width: u32,
    },
}

impl Stem {
    /// Channels handed to the first block.
    pub fn width(self) -> u32 {
        match self {
            Self::Whiten { width, .. } | Self::Conv { width } => width,
        }
    }

    /// Side that a square of `side` pixels has after the stem: the 2x2 convolution is not padded.
    pub fn output_side(self, side: u32) -> u32 {
        match self {
            Self::Whiten { .. } => side.saturating_sub(1),
            Self::Conv { .. } => side,
        }
    }
}

/// Residual blocks: 3x3 convolution, pooling, normalisation, activation, then a second convolution added on top.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocks {
    /// Channels of each block, 1 to 5 blocks of 4 to 2048.
    pub widths: Vec<u32>,
    /// Where the 2x2 max pooling of a block stands.
    pub pool: Pool,
}

/// Where the max pooling of a block stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Convolution, pooling, normalisation, activation: the reference.
    BeforeNorm,
    /// Convolution, normalisation, activation, pooling (the ablation "without moving the max pooling").
    AfterActivation,
}

/// Batch normalisation with a frozen scale of 1 and a trained bias.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Norm {
    /// Weight of the newest batch in the running statistics, above 0 and at most 1.
    pub momentum: f64,
    /// Added to the variance, above 0 and at most 0.1.
    pub eps: f64,
    /// Parts of a batch with statistics of their own in the blocks, 1 to 64 and a divisor of the batch size.
    pub ghost_batches: u32,
    /// Keep normalisation in single precision when training runs in half precision.
    pub fp32: bool,
}

/// Cross entropy summed over the batch and scaled to 512 images, so that rates do not depend on the batch size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Share of the label spread over all classes, 0 to below 1.
    pub label_smoothing: f64,
}

/// Two groups of stochastic gradient descent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Optimizer {
    /// Momentum of both groups, 0 to below 1.
    pub momentum: f64,
    /// Nesterov's form of momentum.
    pub nesterov: bool,
    /// Convolutions and the linear layer.
    pub weights: Group,
    /// Biases of the normalisations.
    pub biases: Group,
}

/// Settings of one parameter group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Peak learning rate on the summed loss, above 0 and at most 10.
    pub lr: f64,
    /// Coupled weight decay, 0 to 100.
    pub weight_decay: f64,
}

/// Exponential averaging of weights and running statistics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Average {
    /// Averaging covers this many epochs at the end of the schedule, 1 to `epochs`.
    pub epochs: u32,
    /// Steps between two updates of the average, 1 to 1000.
    pub every_steps: u32,
    /// Share of the average kept per step, above 0 and below 1; an update keeps `decay ^ every_steps`.
    pub decay: f64,
}

/// How accuracy is measured; the split, the cadence and the counting are the track's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluate {
    /// Average the logits of the image and of its mirror image (test-time augmentation).
    pub mirror: bool,
    /// Which weights are evaluated.
    pub weights: EvaluatedWeights,
}

/// Which weights are evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluatedWeights {
    /// Those that the optimiser holds.
    Trained,
    /// The average once it has begun, those of the optimiser before.
    Averaged,
}

/// Number format of weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Half precision on CUDA, single precision on the CPU.
    Auto,
    /// Single precision everywhere.
    Fp32,
    /// Half precision; refused on the CPU, where it is unusably slow.
    Fp16,
}

/// A setting out of its range, or two that contradict each other.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}: {problem}", quoted(paths))]
pub struct RecipeError {
    /// Key path, or both key paths of a contradiction.
    pub paths: Vec<String>,
    /// What is wrong with it, and which values are right.
    pub problem: String,
}

/// What a recipe has to fit: the images of a data set, and the rules of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms<'a> {
    /// Pixels on the shorter side of an image.
    pub side: u32,
    /// Training images.
    pub train_images: u32,
    /// What the track forbids.
    pub forbids: &'a [Forbidden],
}

impl Recipe {
    /// Refuses values out of range and settings that contradict each other or the data set.
    pub fn check(&self, terms: Terms) -> Result<(), RecipeError> {
        self.check_ranges()?;
        self.check_layers()?;
        self.check_optimizer()?;
        self.check_contradictions()?;
        self.check_against(terms)?;
        terms.forbids.iter().try_for_each(|forbidden| self.check_forbidden(*forbidden, terms.side))
    }

    /// Steps of one epoch over `train_images` images.
    pub fn steps_per_epoch(&self, train_images: u32) -> u32 {
        train_images / self.batch_size
    }

    fn check_ranges(&self) -> Result<(), RecipeError> {
        whole("epochs", self.epochs, 1, 1000)?;
        whole("batch_size", self.batch_size, 8, 8192)?;
        whole("augment.pad", self.augment.pad, 0, 16)?;
        whole("augment.crop", self.augment.crop, 16, 512)?;
        above("logit_scale", self.logit_scale, 0.0, 10.0)?;
        below("loss.label_smoothing", self.loss.label_smoothing, 0.0, 1.0)?;
        above("norm.momentum", self.norm.momentum, 0.0, 1.0)?;
        above("norm.eps", self.norm.eps, 0.0, 0.1)?;
        whole("norm.ghost_batches", self.norm.ghost_batches, 1, 64)
    }

    fn check_layers(&self) -> Result<(), RecipeError> {
        whole("stem.width", self.stem.width(), 4, 512)?;
        if let Stem::Whiten { images, eps, .. } = self.stem {
            whole("stem.images", images, 64, 1_000_000)?;
            above("stem.eps", eps, 0.0, 1.0)?;
        }
        if !(1..=5).contains(&self.blocks.widths.len()) {
            return refuse(&["blocks.widths"], "has to list 1 to 5 blocks");
        }
        for (index, width) in self.blocks.widths.iter().enumerate() {
            whole(&format!("blocks.widths[{index}]"), *width, 4, 2048)?;
        }
        Ok(())
    }

    fn check_optimizer(&self) -> Result<(), RecipeError> {
        below("optimizer.momentum", self.optimizer.momentum, 0.0, 1.0)?;
        let groups = [("weights", self.optimizer.weights), ("biases", self.optimizer.biases)];
        for (name, group) in groups {
            above(&format!("optimizer.{name}.lr"), group.lr, 0.0, 10.0)?;
            within(&format!("optimizer.{name}.weight_decay"), group.weight_decay, 0.0, 100.0)?;
        }
        let Schedule::OneCycleLinear { peak, start, end } = self.schedule;
        above("schedule.peak", peak, 0.0, 1.0)?;
        below("schedule.peak", peak, 0.0, 1.0)?;
        within("schedule.start", start, 0.0, 1.0)?;
        within("schedule.end", end, 0.0, 1.0)?;
        let Some(average) = self.average else { return Ok(()) };
        whole("average.epochs", average.epochs, 1, 1000)?;
        whole("average.every_steps", average.every_steps, 1, 1000)?;
        above("average.decay", average.decay, 0.0, 1.0)?;
        below("average.decay", average.decay, 0.0, 1.0)
    }

    fn check_contradictions(&self) -> Result<(), RecipeError> {
        if self.optimizer.nesterov && self.optimizer.momentum == 0.0 {
            return refuse(&["optimizer.nesterov", "optimizer.momentum"], "Nesterov's form needs a momentum above 0");
        }
        if self.evaluate.weights == EvaluatedWeights::Averaged && self.average.is_none() {
            return refuse(
                &["evaluate.weights", "average"],
                "averaged weights are to be evaluated, but averaging is switched off",
            );
        }
        if self.average.is_some_and(|average| average.epochs > self.epochs) {
            return refuse(&["average.epochs", "epochs"], "averaging cannot cover more epochs than the schedule has");
        }
        if !self.batch_size.is_multiple_of(self.norm.ghost_batches) {
            return refuse(
                &["norm.ghost_batches", "batch_size"],
                "the batch does not divide into that many equal parts",
            );
        }
        Ok(())
    }

    fn check_against(&self, terms: Terms) -> Result<(), RecipeError> {
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
        self.check_average(terms.train_images)?;
        self.check_depth(self.augment.crop.min(terms.side))
    }

    fn check_forbidden(&self, forbidden: Forbidden, side: u32) -> Result<(), RecipeError> {
        let problem = format!("track `{}` forbids {}", self.track, forbidden.words());
        match forbidden {
            Forbidden::TestTimeAugmentation if self.evaluate.mirror => refuse(&["evaluate.mirror"], &problem),
            Forbidden::EvaluationLargerThanTraining if self.augment.crop < side => {
                let problem = format!("{problem}: images of {side} pixels are evaluated");
                refuse(&["augment.crop"], &problem)
            }
            _ => Ok(()),
        }
    }

    /// An average that no step falls due for would silently be none.
    fn check_average(&self, train_images: u32) -> Result<(), RecipeError> {
        let Some(average) = self.average else { return Ok(()) };
        let covered = average.epochs.saturating_mul(self.steps_per_epoch(train_images));
        if average.every_steps <= covered {
            return Ok(());
        }
        let problem = format!("the average would never be updated in the {covered} steps that it covers");
        refuse(&["average.every_steps", "average.epochs"], &problem)
    }

    /// Each block halves the side, and the last must leave at least one pixel.
    fn check_depth(&self, side: u32) -> Result<(), RecipeError> {
        let left = self.blocks.widths.iter().fold(self.stem.output_side(side), |side, _| side / 2);
        if left == 0 {
            let problem = format!("{} blocks halve {side} pixels to nothing", self.blocks.widths.len());
            return refuse(&["blocks.widths", "augment.crop"], &problem);
        }
        Ok(())
    }
}

fn quoted(paths: &[String]) -> String {
    paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" and ")
}

fn refuse(paths: &[&str], problem: &str) -> Result<(), RecipeError> {
    Err(RecipeError { paths: paths.iter().map(|path| (*path).to_owned()).collect(), problem: problem.to_owned() })
}

fn whole(path: &str, value: u32, least: u32, most: u32) -> Result<(), RecipeError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    refuse(&[path], &format!("is {value}, has to be {least} to {most}"))
}

fn within(path: &str, value: f64, least: f64, most: f64) -> Result<(), RecipeError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    refuse(&[path], &format!("is {value}, has to be {least} to {most}"))
}

fn above(path: &str, value: f64, floor: f64, most: f64) -> Result<(), RecipeError> {
    if value > floor && value <= most {
        return Ok(());
    }
    refuse(&[path], &format!("is {value}, has to be above {floor} and at most {most}"))
}

fn below(path: &str, value: f64, least: f64, ceiling: f64) -> Result<(), RecipeError> {
    if value >= least && value < ceiling {
        return Ok(());
    }
    refuse(&[path], &format!("is {value}, has to be at least {least} and below {ceiling}"))
}
