//! The warmup run: memory and kernels as the first timed step wants them, and whether shortcuts give what the plain way gives.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tch::{Kind, Tensor};

use crate::augmentation::{AugmentationSampler, DrawnAhead};
use crate::data::resized;
use crate::device_error::{in_one_line, words_of};
use crate::native::empty_cache;
use crate::shortcut::{Rehearsed, judge};
use crate::test_time_augmentation::{evaluation_batch, rehearsed};
use crate::{State, TorchTrainer};
use hlb_core::seed::{Seed, Stream};
use hlb_core::text::SafeText;
use hlb_protocol::run_log::{Shortcut, ShortcutName};
use hlb_protocol::trainer::{TrainError, Trainer as _};
use hlb_recipe::Parameters;

/// Optimizer steps of each kind: enough for every kernel to be chosen and every buffer to be allocated. Images of two are in the
/// last of them alone, since there is no shortcut for those.
const STEPS: u32 = 4;

/// How many of them are compared: the second is the first that sees what the optimizer keeps between steps.
///
/// *Why not all:* in bfloat16 each step rounds every parameter, so roundings grow to 0.27, 0.42, 0.45 and 0.47 of the way that the
/// parameters went (1 to 4 steps of hlb-shapes on the CPU, the most over 30 to 100 seeds), on one machine to 0.64 with four. With
/// batches that are not the next ones it is 1.2 and more after one step as after four.
const COMPARED: u32 = 2;

impl TorchTrainer<'_> {
    /// Evaluates batches of both sizes, then trains each image size with everything that a run may meet later, on meaningless
    /// labels; the same again with each shortcut, which is taken from then on if it gives the same.
    ///
    /// *Why in this order:* memory and kernels are then as the first timed step wants. CUDA loads a kernel at its first use, so
    /// what a run does seldom is done here too: averages, and images of two.
    pub(crate) fn warm_up_and_decide(&mut self, seed: Seed) -> Result<Vec<Shortcut>, TrainError> {
        for name in self.offered.clone() {
            self.switch(name, false);
        }
        self.reset(seed)?;
        self.fit_whitening(seed);
        self.rehearse_evaluation()?;
        let plain = self.rehearse(seed)?;
        let mut decided = Vec::new();
        for name in self.offered.clone() {
            let refused = self.refusal(name, &plain, seed).map(|why| written(&why));
            decided.push(Shortcut { name, refused });
        }
        if decided.iter().any(|shortcut| shortcut.refused.is_some()) {
            self.rehearse(seed)?;
        }
        self.run = None;
        Ok(decided)
    }

    /// Takes a shortcut, unless it does not give what the plain way gives: then, why not.
    fn refusal(&mut self, name: ShortcutName, plain: &Rehearsed, seed: Seed) -> Option<String> {
        self.switch(name, true);
        // tch panics where libtorch fails.
        let tried = catch_unwind(AssertUnwindSafe(|| self.tried(name, seed)));
        let verdict = match tried {
            Ok(Ok(found)) => judge(plain, &found, self.engine.number_format()),
            Ok(Err(error)) => Err(error.0),
            Err(payload) => Err(in_one_line(&words_of(payload.as_ref()))),
        };
        let why = verdict.err()?;
        self.run = None;
        self.switch(name, false);
        Some(why)
    }

    /// Trains with a shortcut, as runs will.
    fn tried(&mut self, name: ShortcutName, seed: Seed) -> Result<Rehearsed, TrainError> {
        if name == ShortcutName::CudaGraph {
            self.rehearse(seed)?;
            if let Some(graphs) = &mut self.graphs {
                graphs.close();
            }
            if self.engine.device.is_cuda() {
                // What plain steps and the stream of the captures took is not needed any more.
                empty_cache();
            }
            // The graphs keep their memory, so that an evaluation does not find that of a step: here is seen whether both fit.
            self.rehearse_evaluation()?;
        }
        self.rehearse(seed)
    }

    /// Evaluates batches of both sizes.
    fn rehearse_evaluation(&mut self) -> Result<(), TrainError> {
        let evaluated = i64::from(self.data.shapes().evaluation);
        self.first_logits(rehearsed(evaluated, evaluation_batch(self.engine.device, &self.data))).map(drop)
    }

    /// Trains a fresh model for some steps of each kind.
    ///
    /// *Why a fresh one for each kind:* within a dozen steps roundings grow to be as large as what they are compared with.
    fn rehearse(&mut self, seed: Seed) -> Result<Rehearsed, TrainError> {
        let mut sizes: Vec<u32> = self.recipe.sides().iter().map(|(size, _)| *size).collect();
        sizes.dedup();
        let mut rehearsed = Rehearsed { losses: Vec::new(), way: Vec::new() };
        for size in sizes {
            let freezes = self.recipe.freeze.iter().any(|freeze| freeze.parameters == Parameters::WhiteningBias);
            for frozen in [false, true].into_iter().take(1 + usize::from(freezes)) {
                self.rehearse_kind(seed, (size, frozen), &mut rehearsed)?;
            }
        }
        Ok(rehearsed)
    }

    /// The steps of images of one size, with a bias of the whitening that is frozen or trained.
    fn rehearse_kind(
        &mut self,
        seed: Seed,
        (size, frozen): (u32, bool),
        rehearsed: &mut Rehearsed,
    ) -> Result<(), TrainError> {
        self.reset(seed)?;
        self.fit_whitening(seed);
        let sampler = AugmentationSampler::new(self.recipe.augment, self.data.shapes(), 0, seed);
        let run = self.run.as_mut().ok_or_else(lost)?;
        run.sampler = DrawnAhead::new(sampler);
        let begin = parameters(&run.state);
        self.train_bias_of_whitening(!frozen);
        let mut labels = seed.stream("labels");
        let losses: Vec<Tensor> = (1..=COMPARED).map(|_| self.rehearse_step(size, false, &mut labels)).collect();
        let run = self.run.as_ref().ok_or_else(lost)?;
        rehearsed.way.extend(parameters(&run.state).iter().zip(&begin).map(|(end, begin)| end - begin));
        for step in COMPARED + 1..=STEPS {
            drop(self.rehearse_step(size, step == STEPS, &mut labels));
        }
        let run = self.run.as_mut().ok_or_else(lost)?;
        if let Some(ema) = &mut run.ema {
            tch::no_grad(|| ema.rehearse(&mut run.state));
        }
        rehearsed.losses.extend(losses.iter().map(|loss| loss.double_value(&[])));
        Ok(())
    }

    fn train_bias_of_whitening(&self, trains: bool) {
        if let Some(bias) = self.run.as_ref().and_then(|run| run.state.whitening_bias.as_ref()) {
            let _ = bias.set_requires_grad(trains);
        }
    }

    /// A step with images of this size; images of two where the recipe has them, if it `mixes`.
    fn rehearse_step(&mut self, size: u32, mixes: bool, labels: &mut Stream) -> Tensor {
        let mut batch = self.next_batch();
        batch.images = resized(&batch.images, size.into());
        let classes = self.data.shapes().classes;
        let drawn: Vec<i64> = (0..self.recipe.batch_size).map(|_| i64::from(labels.below(classes))).collect();
        batch.labels = Tensor::from_slice(&drawn).to_device(batch.labels.device());
        batch.mixed = batch.mixed.filter(|_| mixes);
        // A graph will fill the same tensor again.
        self.update(&batch).copy()
    }
}

/// The parameters of a model as they are, in single precision at least.
fn parameters(state: &State) -> Vec<Tensor> {
    let trained = [&state.weights, &state.biases].into_iter().chain(&state.whitening_bias);
    let wide = |tensor: &Tensor| if tensor.kind() == Kind::Double { Kind::Double } else { Kind::Float };
    trained.map(|tensor| tensor.detach().copy().to_kind(wide(tensor))).collect()
}

fn lost() -> TrainError {
    TrainError("the warmup run lost its model".to_owned())
}

fn written(why: &str) -> SafeText<240> {
    SafeText::cleaned(why).or_else(|| SafeText::cleaned("without a word")).expect("some words are left")
}
