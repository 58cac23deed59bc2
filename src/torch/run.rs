//! The trainer on libtorch: one model at a time, from a seed to the end of its schedule.

use std::iter::zip;

use tch::{Kind, Reduction, Tensor};

use crate::torch::average::Averager;
use crate::torch::data::EpochPlan;
use crate::torch::{DeviceData, Engine, Layout, Mode, Network, Sgd, State, digest, fit_whitening};
use hlb_bench::recipe::{EvaluatedWeights, Recipe, Stem};
use hlb_bench::repeat::Fingerprint;
use hlb_bench::seed::{Seed, Stream};
use hlb_bench::trainer::{TrainError, Trainer};
use hlb_bench::units::Accuracy;

/// Images whose summed gradients make one unit of the learning rate, whatever the batch size: that of hlb-CIFAR10.
const LOSS_IMAGES: f64 = 512.0;

/// Images evaluated at once. The last batch is smaller; none is dropped.
const EVALUATION_BATCH: i64 = 250;

/// Updates of the warmup run: enough for every kernel to be chosen and every buffer to be allocated.
const WARMUP_STEPS: u64 = 2;

/// Trains recipes of the `SpeedyResNet` family.
pub(crate) struct TorchTrainer<'a> {
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
    weights: Sgd,
    biases: Sgd,
    averager: Option<Averager>,
    order: Stream,
    augmentation: Stream,
    step: u64,
    epoch: Option<EpochPlan>,
}

impl Run {
    fn new(recipe: &Recipe, network: &Network, engine: Engine, seed: Seed, steps_per_epoch: u32) -> Self {
        let state = State::fresh(network.layout(), engine, seed);
        Self {
            seed,
            weights: Sgd::new(&recipe.optimizer, recipe.optimizer.weights, &state.weights),
            biases: Sgd::new(&recipe.optimizer, recipe.optimizer.biases, &state.biases),
            averager: recipe.average.map(|average| Averager::new(average, recipe.epochs, steps_per_epoch)),
            order: seed.stream("shuffle"),
            augmentation: seed.stream("augment"),
            step: 0,
            epoch: None,
            state,
        }
    }
}

impl<'a> TorchTrainer<'a> {
    /// A trainer for `recipe` on `data`; `alive` is told of each update, for signs of life.
    pub(crate) fn new(recipe: Recipe, data: DeviceData, engine: Engine, alive: Box<dyn FnMut(u64) + 'a>) -> Self {
        let layout = Layout::new(&recipe, data.shapes().channels, data.shapes().classes);
        let network = Network::new(&recipe, layout, engine);
        Self { recipe, engine, data, network, run: None, alive }
    }

    /// The numbers of the model at hand, for tests.
    pub(crate) fn state(&self) -> Option<&State> {
        self.run.as_ref().map(|run| &run.state)
    }

    /// The numbers that an evaluation would use: the average once it has begun, if the recipe says so.
    pub(crate) fn evaluated_state(&mut self) -> Option<&mut State> {
        let run = self.run.as_mut()?;
        let averaged = run.averager.as_mut().and_then(Averager::average);
        Some(match (self.recipe.evaluate.weights, averaged) {
            (EvaluatedWeights::Averaged, Some(average)) => average,
            _ => &mut run.state,
        })
    }

    fn steps_per_epoch(&self) -> u64 {
        u64::from(self.recipe.steps_per_epoch(self.data.shapes().train))
    }

    fn total_steps(&self) -> u64 {
        self.steps_per_epoch() * u64::from(self.recipe.epochs)
    }

    /// Fits the whitening filters on the first images of a random order: the first touch of training data.
    fn fit_whitening(&mut self, seed: Seed) {
        let Stem::Whiten { images, eps, .. } = self.recipe.stem else { return };
        let count = self.data.shapes().train;
        let order = seed.stream("whitening").permutation(count);
        let chosen = self.data.whole_images(&order[..images.min(count) as usize]);
        let filters = fit_whitening(&chosen, eps);
        if let Some(run) = &mut self.run {
            run.state.whitening = Some(filters);
        }
    }

    /// The batch that is next, drawing a new epoch where the last one ended.
    fn next_batch(&mut self) -> (Tensor, Tensor) {
        let steps_per_epoch = self.steps_per_epoch();
        let run = self.run.as_mut().expect("train_until and warm_up begin with a model");
        if run.step.is_multiple_of(steps_per_epoch) {
            run.epoch = None;
        }
        let Run { order, augmentation, epoch, step, .. } = run;
        let plan = epoch.get_or_insert_with(|| self.data.shuffle(self.recipe.augment, order, augmentation));
        let index = i64::try_from(*step % steps_per_epoch).unwrap_or(0);
        self.data.batch(plan, index, i64::from(self.recipe.batch_size))
    }

    /// One update; the loss summed over the batch, still on the device.
    fn update(&mut self, images: &Tensor, labels: &Tensor) -> Tensor {
        let factor = {
            let run = self.run.as_ref().expect("an update has a model");
            self.recipe.schedule.factor(run.step, self.total_steps())
        };
        let run = self.run.as_mut().expect("an update has a model");
        let loss = summed_loss(&self.network, &self.recipe, &run.state, images, labels);
        let scaled = &loss * (LOSS_IMAGES / f64::from(self.recipe.batch_size));
        let parameters = [&run.state.weights, &run.state.biases];
        let gradients = Tensor::run_backward(&[scaled], &parameters, false, false);
        tch::no_grad(|| {
            run.weights.step(&mut run.state.weights, &gradients[0], factor);
            run.biases.step(&mut run.state.biases, &gradients[1], factor);
            run.step += 1;
            if let Some(averager) = &mut run.averager {
                averager.observe(run.step, &run.state);
            }
        });
        (self.alive)(run.step);
        loss.detach()
    }

    /// Correct images of `from..to` of the evaluation split.
    fn count_correct(&self, state: &State, from: i64, to: i64) -> i64 {
        let (images, labels) = self.data.evaluation(from, to);
        let mut logits = self.network.forward(state, &images, Mode::Evaluate);
        if self.recipe.evaluate.mirror {
            logits += self.network.forward(state, &images.flip([3]), Mode::Evaluate);
        }
        logits.argmax(1, false).eq_tensor(&labels).sum(Kind::Int64).int64_value(&[])
    }
}

/// Label-smoothed cross entropy summed over the batch. Single precision: a sum of half-precision terms overflows.
fn summed_loss(network: &Network, recipe: &Recipe, state: &State, images: &Tensor, labels: &Tensor) -> Tensor {
    let logits = network.forward(state, images, Mode::Train);
    let logits = if logits.kind() == Kind::Half { logits.to_kind(Kind::Float) } else { logits };
    let smoothing = recipe.loss.label_smoothing;
    logits.cross_entropy_loss(labels, None::<&Tensor>, Reduction::Sum, -100, smoothing)
}

impl Trainer for TorchTrainer<'_> {
    fn reset(&mut self, seed: Seed) -> Result<(), TrainError> {
        self.run = None;
        let steps = self.recipe.steps_per_epoch(self.data.shapes().train);
        self.run = Some(Run::new(&self.recipe, &self.network, self.engine, seed, steps));
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
            let (images, labels) = self.next_batch();
            sum += self.update(&images, &labels);
        }
        #[expect(clippy::cast_precision_loss, reason = "a run has far fewer than 2^52 images")]
        let images = ((step - begin) * u64::from(self.recipe.batch_size)) as f64;
        Ok(sum.double_value(&[]) / images)
    }

    fn evaluate(&mut self) -> Result<Accuracy, TrainError> {
        let total = self.data.shapes().evaluation;
        tch::no_grad(|| {
            let state = self.evaluated_state().ok_or_else(|| TrainError("there is no model to evaluate".to_owned()))?;
            let mut state = state.frozen_copy();
            self.network.collate_statistics(&mut state);
            let starts = (0..i64::from(total)).step_by(usize::try_from(EVALUATION_BATCH).unwrap_or(1));
            let counts =
                starts.map(|from| self.count_correct(&state, from, i64::from(total).min(from + EVALUATION_BATCH)));
            let correct = u32::try_from(counts.sum::<i64>()).map_err(|error| TrainError(error.to_string()))?;
            Ok(Accuracy { correct, total })
        })
    }

    fn synchronize(&mut self) {
        self.engine.synchronize();
    }

    fn warm_up(&mut self, seed: Seed) -> Result<(), TrainError> {
        self.reset(seed)?;
        self.fit_whitening(seed);
        let mut meaningless = seed.stream("labels");
        let classes = self.data.shapes().classes;
        for _ in 0..WARMUP_STEPS {
            let (images, labels) = self.next_batch();
            let drawn: Vec<i64> = (0..self.recipe.batch_size).map(|_| i64::from(meaningless.below(classes))).collect();
            let _ = self.update(&images, &Tensor::from_slice(&drawn).to_device(labels.device()));
        }
        let run = self.run.take().ok_or_else(|| TrainError("the warmup run lost its model".to_owned()))?;
        let last = i64::from(self.data.shapes().evaluation).min(EVALUATION_BATCH);
        let _ = tch::no_grad(|| self.count_correct(&run.state, 0, last));
        Ok(())
    }

    fn fingerprint(&self) -> Fingerprint {
        let Some(run) = &self.run else { return Vec::new() };
        let (layout, mut tensors) = (self.network.layout(), Vec::new());
        tensors.extend(layout.named(&run.state));
        let momentum = zip(layout.weight_names(), layout.weight_views(run.weights.momentum()))
            .chain(layout.named_biases(run.biases.momentum()));
        tensors.extend(momentum.map(|(name, tensor)| (format!("momentum of {name}"), tensor)));
        let average = run.averager.as_ref().and_then(Averager::so_far);
        let averaged = average.into_iter().flat_map(|state| layout.named(state));
        tensors.extend(averaged.map(|(name, tensor)| (format!("average of {name}"), tensor)));
        tch::no_grad(|| tensors.into_iter().map(|(name, tensor)| (name, digest(&tensor))).collect())
    }
}
