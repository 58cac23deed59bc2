//! The trainer on libtorch: one model at a time, from a seed to the end of its schedule.

use tch::{Kind, Tensor};

use crate::augmentation::{AugmentationSampler, DrawnAhead};
use crate::data::{Batch, EpochPlan};
use crate::ema::Ema;
use crate::loss::{Differentiated, differentiated, headroom};
use crate::optimizer::{GroupedOptimizer, Step};
use crate::sgd::can_fuse;
use crate::step_graph::StepGraphs;
use crate::test_time_augmentation;
use crate::{DeviceData, Engine, Layout, Network, State, digest, fit_whitening};
use hlb_core::seed::Seed;
use hlb_core::units::Accuracy;
use hlb_protocol::run_log::{Shortcut, ShortcutName};
use hlb_protocol::trainer::{Fingerprint, TrainError, Trainer};
use hlb_recipe::{EvaluatedWeights, Length, Parameters, Recipe};

/// Trains recipes of the `SpeedyResNet` family.
pub struct TorchTrainer<'a> {
    pub(crate) recipe: Recipe,
    pub(crate) engine: Engine,
    pub(crate) data: DeviceData,
    network: Network,
    pub(crate) run: Option<Run>,
    alive: Box<dyn FnMut(u64) + 'a>,
    /// What the warmup run holds against the plain way to compute a step.
    pub(crate) offered: Vec<ShortcutName>,
    fused_sgd: bool,
    pub(crate) graphs: Option<StepGraphs>,
}

/// Everything of one run.
pub(crate) struct Run {
    seed: Seed,
    pub(crate) state: State,
    pub(crate) optimizer: GroupedOptimizer,
    pub(crate) ema: Option<Ema>,
    pub(crate) sampler: DrawnAhead,
    step: u64,
    epoch: Option<EpochPlan>,
}

impl<'a> TorchTrainer<'a> {
    /// A trainer for `recipe` on `data`; `alive` is called after each step, as a heartbeat.
    pub fn new(recipe: Recipe, data: DeviceData, engine: Engine, alive: Box<dyn FnMut(u64) + 'a>) -> Self {
        let layout = Layout::new(&recipe, data.shapes().channels, data.shapes().classes);
        let network = Network::new(&recipe, layout, engine);
        let cuda = engine.device.is_cuda();
        // On the CPU tests have shown it.
        let fused_sgd = !cuda && can_fuse(engine.device, engine.kind);
        let stages = network.can_fuse(engine).then_some(ShortcutName::FusedStages);
        // Graphs capture steps as all others left them.
        let [sgd, graph] = [ShortcutName::FusedSgd, ShortcutName::CudaGraph].map(|name| cuda.then_some(name));
        let offered = [sgd, stages, graph].into_iter().flatten().collect();
        Self { recipe, engine, data, network, run: None, alive, offered, fused_sgd, graphs: None }
    }

    /// Has the warmup run try these shortcuts, for tests.
    pub fn offer(&mut self, shortcuts: Vec<ShortcutName>) {
        self.offered = shortcuts;
    }

    /// Takes a shortcut from the next model on, or no longer.
    pub(crate) fn switch(&mut self, shortcut: ShortcutName, on: bool) {
        match shortcut {
            ShortcutName::FusedSgd => self.fused_sgd = on,
            ShortcutName::CudaGraph => self.graphs = on.then(StepGraphs::default),
            ShortcutName::FusedStages => self.network.fused = on,
        }
    }

    fn fresh_run(&self, seed: Seed) -> Run {
        let Self { recipe, network, data, engine, .. } = self;
        let fresh = State::fresh(recipe, network.layout(), *engine, seed);
        let state = match &self.graphs {
            Some(graphs) => graphs.settle(fresh),
            None => fresh,
        };
        let planned = recipe.planned_length(data.shapes().train);
        let Length { epochs, steps_per_epoch, .. } = planned;
        Run {
            seed,
            optimizer: GroupedOptimizer::new(recipe, network.layout(), &state, steps_per_epoch, self.fused_sgd),
            ema: recipe.average.map(|average| Ema::new(average, planned.steps(), steps_per_epoch)),
            sampler: DrawnAhead::new(AugmentationSampler::new(recipe.augment, data.shapes(), epochs, seed)),
            step: 0,
            epoch: None,
            state,
        }
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
    pub(crate) fn first_logits(&mut self, total: i64) -> Result<Tensor, TrainError> {
        tch::no_grad(|| {
            let averages = self.run.as_ref().is_some_and(|run| {
                let begun = run.ema.as_ref().is_some_and(|ema| ema.so_far().is_some());
                begun && self.recipe.evaluate.weights == EvaluatedWeights::Averaged
            });
            if let (Some(run), true) = (&mut self.run, self.recipe.norm.evaluation_collates) {
                self.network.collate_statistics(&mut run.state);
            }
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
    pub(crate) fn fit_whitening(&mut self, seed: Seed) {
        self.fit_whitening_in(&seed.stream("whitening").permutation(self.data.shapes().train));
    }

    /// Fits the whitening filters on the first images of `order`.
    pub fn fit_whitening_in(&mut self, order: &[u32]) {
        if let Some(Run { ema: Some(ema), state, .. }) = &mut self.run {
            ema.observe_untrained(state);
        }
        let Some(whiten) = self.recipe.stem.whitening() else { return };
        let chosen = self.data.whole_images(&order[..order.len().min(whiten.images as usize)]);
        let mut filters = fit_whitening(&chosen, whiten);
        if let Some(graphs) = &self.graphs {
            filters = graphs.settle_whitening(filters);
        }
        if let Some(run) = &mut self.run {
            run.state.whitening = Some(filters);
        }
    }

    /// The batch that is next, drawing a new epoch where the last one ended.
    pub(crate) fn next_batch(&mut self) -> Batch {
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
        let Self { network, recipe, engine, graphs, .. } = self;
        let run = self.run.as_mut().expect("an update has a model");
        freeze_whitening_bias(run);
        let plain = |state: &State, batch: &Batch| differentiated((network, recipe, *engine), state, batch);
        let replayed = graphs.as_mut().and_then(|graphs| graphs.differentiated(&run.state, batch, plain));
        let Differentiated { gradients, sum } = replayed.unwrap_or_else(|| plain(&run.state, batch));
        let headroom = headroom(engine.kind, recipe.batch_size);
        tch::no_grad(|| {
            let at = Step { step: run.step, steps, headroom };
            run.optimizer.step(recipe, &gradients, at);
            run.step += 1;
            let begun = run.ema.as_mut().and_then(|ema| ema.observe(run.step, &mut run.state));
            if let (Some(average), true) = (begun, recipe.norm.evaluation_collates) {
                network.collate_statistics(average);
            }
        });
        (self.alive)(run.step);
        sum
    }
}

/// Stops recording gradients of a frozen bias: with nothing to train before the first block, its input needs none.
fn freeze_whitening_bias(run: &mut Run) {
    let frozen = run.optimizer.frozen_from(Parameters::WhiteningBias).is_some_and(|from| run.step >= from);
    if let (true, Some(bias)) = (frozen, &run.state.whitening_bias) {
        let _ = bias.set_requires_grad(false);
    }
}

impl Trainer for TorchTrainer<'_> {
    fn reset(&mut self, seed: Seed) -> Result<(), TrainError> {
        self.engine.apply()?;
        self.run = None;
        self.run = Some(self.fresh_run(seed));
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

    fn warm_up(&mut self, seed: Seed) -> Result<Vec<Shortcut>, TrainError> {
        self.warm_up_and_decide(seed)
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
