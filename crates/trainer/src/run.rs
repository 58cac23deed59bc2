//! The trainer on libtorch: one model at a time, from a seed to the end of its schedule.

use tch::{Kind, Reduction, Tensor};

use crate::augmentation::{AugmentationSampler, DrawnAhead};
use crate::data::{Batch, EpochPlan};
use crate::ema::Ema;
use crate::optimizer::{Gradients, GroupedOptimizer, Step};
use crate::sgd::can_fuse;
use crate::test_time_augmentation::{self, evaluation_batch, rehearsed};
use crate::{DeviceData, Engine, Layout, Mode, Network, State, digest, fit_whitening};
use hlb_core::seed::Seed;
use hlb_core::units::Accuracy;
use hlb_protocol::trainer::{Fingerprint, TrainError, Trainer};
use hlb_recipe::{EvaluatedWeights, Length, Loss, Parameters, Recipe};

/// The learning rate is for gradients summed over this many images, as in hlb-CIFAR10, at any batch size.
const LOSS_IMAGES: f64 = 512.0;

/// Optimizer steps of the warmup run for each image size: enough for every kernel to be chosen and every buffer to be allocated.
const WARMUP_STEPS: u64 = 2;

/// Trains recipes of the `SpeedyResNet` family.
pub struct TorchTrainer<'a> {
    recipe: Recipe,
    engine: Engine,
    data: DeviceData,
    network: Network,
    run: Option<Run>,
    alive: Box<dyn FnMut(u64) + 'a>,
}

/// Everything of one run.
struct Run {
    seed: Seed,
    state: State,
    optimizer: GroupedOptimizer,
    ema: Option<Ema>,
    sampler: DrawnAhead,
    step: u64,
    epoch: Option<EpochPlan>,
}

impl Run {
    fn new(recipe: &Recipe, network: &Network, data: &DeviceData, engine: Engine, seed: Seed) -> Self {
        let state = State::fresh(recipe, network.layout(), engine, seed);
        let Length { epochs, steps_per_epoch, .. } = recipe.length(data.shapes().train);
        let fused = can_fuse(engine.device, engine.kind);
        let steps = recipe.length(data.shapes().train).steps();
        Self {
            seed,
            optimizer: GroupedOptimizer::new(recipe, network.layout(), &state, steps_per_epoch, fused),
            ema: recipe.average.map(|average| Ema::new(average, steps, steps_per_epoch)),
            sampler: DrawnAhead::new(AugmentationSampler::new(recipe.augment, data.shapes(), epochs, seed)),
            step: 0,
            epoch: None,
            state,
        }
    }
}

impl<'a> TorchTrainer<'a> {
    /// A trainer for `recipe` on `data`; `alive` is called after each step, as a heartbeat.
    pub fn new(recipe: Recipe, data: DeviceData, engine: Engine, alive: Box<dyn FnMut(u64) + 'a>) -> Self {
        let layout = Layout::new(&recipe, data.shapes().channels, data.shapes().classes);
        let network = Network::new(&recipe, layout, engine);
        Self { recipe, engine, data, network, run: None, alive }
    }

    /// The state of the current model, for tests.
    pub fn state(&self) -> Option<&State> {
        self.run.as_ref().map(|run| &run.state)
    }

    /// The network and its data, for tests.
    pub fn parts(&self) -> (&Network, &DeviceData) {
        (&self.network, &self.data)
    }

    /// The state that an evaluation uses: the EMA once it has begun, if the recipe evaluates averaged weights.
    pub fn evaluated_state(&mut self) -> Option<&mut State> {
        let run = self.run.as_mut()?;
        let averaged = run.ema.as_mut().and_then(Ema::so_far_mut);
        Some(match (self.recipe.evaluate.weights, averaged) {
            (EvaluatedWeights::Averaged, Some(average)) => average,
            _ => &mut run.state,
        })
    }

    /// Logits of the evaluation split, `[images, classes]`.
    pub fn logits(&mut self) -> Result<Tensor, TrainError> {
        self.first_logits(i64::from(self.data.shapes().evaluation))
    }

    /// Logits of the first `total` images of the evaluation split, `[images, classes]`.
    fn first_logits(&mut self, total: i64) -> Result<Tensor, TrainError> {
        tch::no_grad(|| {
            let averages = self.run.as_ref().is_some_and(|run| {
                let begun = run.ema.as_ref().is_some_and(|ema| ema.so_far().is_some());
                begun && self.recipe.evaluate.weights == EvaluatedWeights::Averaged
            });
            let state = self.evaluated_state().ok_or_else(|| TrainError("there is no model to evaluate".to_owned()))?;
            let mut state = state.frozen_copy();
            if !(averages && self.recipe.norm.average_takes_first_part) {
                self.network.collate_statistics(&mut state);
            }
            Ok(test_time_augmentation::logits(&self.network, &state, &self.data, self.recipe.evaluate, total))
        })
    }

    fn steps_per_epoch(&self) -> u64 {
        u64::from(self.recipe.steps_per_epoch(self.data.shapes().train))
    }

    fn schedule_steps(&self) -> u64 {
        self.recipe.schedule_steps(self.data.shapes().train)
    }

    /// Fits the whitening filters on the first images of a random order: the first touch of training data.
    fn fit_whitening(&mut self, seed: Seed) {
        self.fit_whitening_in(&seed.stream("whitening").permutation(self.data.shapes().train));
    }

    /// Fits the whitening filters on the first images of `order`.
    pub fn fit_whitening_in(&mut self, order: &[u32]) {
        let Some(whiten) = self.recipe.stem.whitening() else { return };
        let chosen = self.data.whole_images(&order[..order.len().min(whiten.images as usize)]);
        let filters = fit_whitening(&chosen, whiten);
        if let Some(run) = &mut self.run {
            run.state.whitening = Some(filters);
        }
    }

    /// The batch that is next, drawing a new epoch where the last one ended.
    fn next_batch(&mut self) -> Batch {
        let (steps_per_epoch, steps) = (self.steps_per_epoch(), self.schedule_steps());
        let run = self.run.as_mut().expect("train_until and warm_up begin with a model");
        if run.step.is_multiple_of(steps_per_epoch) {
            run.epoch = None;
        }
        let Run { sampler, epoch, step, .. } = run;
        let plan = epoch.get_or_insert_with(|| self.data.plan(&sampler.next_epoch()));
        let index = i64::try_from(*step % steps_per_epoch).unwrap_or(0);
        let size = self.recipe.side_at(*step, steps);
        self.data.batch(plan, index, i64::from(self.recipe.batch_size), i64::from(size))
    }

    /// One optimizer step; the loss summed over the batch, still on the device.
    pub fn update(&mut self, batch: &Batch) -> Tensor {
        let steps = self.schedule_steps();
        let run = self.run.as_mut().expect("an update has a model");
        freeze_whitening_bias(run);
        let headroom = headroom(self.engine.kind, self.recipe.batch_size);
        let factor = LOSS_IMAGES / f64::from(self.recipe.batch_size) * headroom;
        let loss = summed_loss(&self.network, self.recipe.loss, &run.state, batch, factor);
        let gradients = gradients(&loss.backward, &run.state);
        tch::no_grad(|| {
            let at = Step { step: run.step, steps, headroom };
            run.optimizer.step(&self.recipe, &gradients, at);
            run.step += 1;
            if let Some(ema) = &mut run.ema {
                ema.observe(run.step, &mut run.state);
            }
        });
        (self.alive)(run.step);
        loss.sum
    }
}

/// The power of two by which half-precision gradients are larger than those that the learning rate is for.
///
/// *Why:* at more than [`LOSS_IMAGES`] images in a batch the loss is scaled down, and small gradients would vanish in half
/// precision; with a power of two nothing else is rounded otherwise. The originals sum the loss over the batch.
fn headroom(kind: Kind, batch_size: u32) -> f64 {
    let shrinks = f64::from(batch_size) / LOSS_IMAGES;
    if kind == Kind::Half && shrinks > 1.0 { shrinks.log2().ceil().exp2() } else { 1.0 }
}

/// Stops recording gradients of a frozen bias: with nothing to train before the first block, its input needs none.
fn freeze_whitening_bias(run: &mut Run) {
    let frozen = run.optimizer.frozen_from(Parameters::WhiteningBias).is_some_and(|from| run.step >= from);
    if let (true, Some(bias)) = (frozen, &run.state.whitening_bias) {
        let _ = bias.set_requires_grad(false);
    }
}

fn gradients(loss: &Tensor, state: &State) -> Gradients {
    let mut of = vec![&state.weights, &state.biases];
    of.extend(state.whitening_bias.as_ref().filter(|bias| bias.requires_grad()));
    let mut found = Tensor::run_backward(&[loss], &of, false, false).into_iter();
    let mut next = || found.next();
    let (weights, biases) = (next().expect("one for the weights"), next().expect("one for the biases"));
    Gradients { weights, biases, whitening_bias: next() }
}

/// The loss of a batch.
struct BatchLoss {
    /// What is differentiated: the sum over the batch, scaled for the learning rate.
    backward: Tensor,
    /// The sum over the batch, for the log.
    sum: Tensor,
}

impl BatchLoss {
    /// Shares of two losses.
    fn mixed(&self, other: &Self, share: f64) -> Self {
        let mix = |a: &Tensor, b: &Tensor| a * (1.0 - share) + b * share;
        Self { backward: mix(&self.backward, &other.backward), sum: mix(&self.sum, &other.sum) }
    }
}

/// Label-smoothed cross entropy of the batch, differentiated times `factor`. In single precision unless the recipe says `half`,
/// since a sum of half-precision terms overflows.
fn summed_loss(network: &Network, settings: Loss, state: &State, batch: &Batch, factor: f64) -> BatchLoss {
    let logits = network.forward(state, &batch.images, Mode::Train);
    let short = matches!(logits.kind(), Kind::Half | Kind::BFloat16) && !settings.half;
    let logits = if short { logits.to_kind(Kind::Float) } else { logits };
    let against = |labels: &Tensor| summed_cross_entropy(&logits, labels, settings, factor);
    match &batch.mixed {
        None => against(&batch.labels),
        Some((others, share)) => against(&batch.labels).mixed(&against(others), *share),
    }
}

/// *Why the terms are scaled before they are summed, and the sum of the log is another:* so the original does it, and in half
/// precision its sum may overflow while every gradient is finite.
fn summed_cross_entropy(logits: &Tensor, labels: &Tensor, settings: Loss, factor: f64) -> BatchLoss {
    let smoothing = settings.label_smoothing;
    let loss = |reduction| logits.cross_entropy_loss(labels, None::<&Tensor>, reduction, -100, smoothing);
    if (settings.scale - 1.0).abs() < f64::EPSILON {
        let sum = loss(Reduction::Sum);
        return BatchLoss { backward: &sum * factor, sum: sum.detach() };
    }
    let terms = loss(Reduction::None);
    let sum = terms.detach().sum(if logits.kind() == Kind::Double { Kind::Double } else { Kind::Float });
    BatchLoss { backward: (terms * (settings.scale * factor)).sum(logits.kind()) / settings.scale, sum }
}

impl Trainer for TorchTrainer<'_> {
    fn reset(&mut self, seed: Seed) -> Result<(), TrainError> {
        self.engine.apply()?;
        self.run = None;
        self.run = Some(Run::new(&self.recipe, &self.network, &self.data, self.engine, seed));
        Ok(())
    }

    fn train_until(&mut self, step: u64) -> Result<f64, TrainError> {
        let Some(run) = &self.run else { return Err(TrainError("there is no model to train".to_owned())) };
        let (begin, seed) = (run.step, run.seed);
        if begin == 0 {
            self.fit_whitening(seed);
        }
        let mut sum = Tensor::zeros([], (Kind::Double, self.engine.device));
        for _ in begin..step {
            let batch = self.next_batch();
            sum += self.update(&batch);
        }
        #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 images")]
        let images = ((step - begin) * u64::from(self.recipe.batch_size)) as f64;
        Ok(sum.double_value(&[]) / images)
    }

    fn evaluate(&mut self) -> Result<Accuracy, TrainError> {
        let logits = self.logits()?;
        let right = logits.argmax(1, false).eq_tensor(self.data.evaluation_labels()).sum(Kind::Int64);
        let correct = u32::try_from(right.int64_value(&[])).map_err(|error| TrainError(error.to_string()))?;
        Ok(Accuracy { correct, total: self.data.shapes().evaluation })
    }

    fn synchronize(&mut self) {
        self.engine.synchronize();
    }

    /// Evaluates batches of both sizes, then trains each image size with everything that a run may meet later, on meaningless
    /// labels.
    ///
    /// *Why in this order:* memory and kernels are then as the first timed step wants them. CUDA loads a kernel at its first
    /// use, so what a run does seldom is done here too: averages, and images of two.
    fn warm_up(&mut self, seed: Seed) -> Result<(), TrainError> {
        self.reset(seed)?;
        self.fit_whitening(seed);
        let evaluated = i64::from(self.data.shapes().evaluation);
        let _ = self.first_logits(rehearsed(evaluated, evaluation_batch(self.engine.device, &self.data)))?;
        let run = self.run.as_mut().expect("the warmup run has a model");
        run.sampler = DrawnAhead::new(AugmentationSampler::new(self.recipe.augment, self.data.shapes(), 0, seed));
        let mut meaningless = seed.stream("labels");
        let classes = self.data.shapes().classes;
        let mut sizes: Vec<u32> = self.recipe.sides().iter().map(|(size, _)| *size).collect();
        sizes.dedup();
        for size in sizes {
            for _ in 0..WARMUP_STEPS {
                let mut batch = self.next_batch();
                batch.images =
                    batch.images.internal_upsample_bilinear2d_aa([size, size].map(i64::from), false, None, None);
                let drawn: Vec<i64> =
                    (0..self.recipe.batch_size).map(|_| i64::from(meaningless.below(classes))).collect();
                batch.labels = Tensor::from_slice(&drawn).to_device(batch.labels.device());
                let _ = self.update(&batch);
            }
        }
        let mut run = self.run.take().ok_or_else(|| TrainError("the warmup run lost its model".to_owned()))?;
        if let Some(ema) = &mut run.ema {
            tch::no_grad(|| ema.rehearse(&mut run.state));
        }
        Ok(())
    }

    fn fingerprint(&self) -> Fingerprint {
        let Some(run) = &self.run else { return Vec::new() };
        let layout = self.network.layout();
        let mut tensors = run.state.named(layout);
        tensors.extend(run.optimizer.named(layout));
        let average = run.ema.as_ref().and_then(Ema::so_far);
        let averaged = average.into_iter().flat_map(|state| state.named(layout));
        tensors.extend(averaged.map(|(name, tensor)| (format!("average of {name}"), tensor)));
        tch::no_grad(|| tensors.into_iter().map(|(name, tensor)| (name, digest(&tensor))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_batches_in_half_precision_have_room_for_their_gradients() {
        let rooms =
            [(Kind::Half, 512), (Kind::Half, 1024), (Kind::Half, 2000), (Kind::Float, 2000), (Kind::BFloat16, 2000)];
        let found = rooms.map(|(kind, batch)| headroom(kind, batch).to_string());
        assert_eq!(found, ["1", "2", "4", "1", "1"]);
    }
}
