//! CUDA graphs of the forward and the backward pass: one for each kind of step, captured in the warmup run.
//!
//! *Why:* a GPU takes microseconds to begin each of a step's operations, and a small network waits for that. What draws a batch and
//! what the optimizer does stay outside: rates change with each step, and both are few operations.

use tch::Tensor;

use crate::State;
use crate::data::Batch;
use crate::loss::Differentiated;
use crate::native::CudaGraph;
use crate::optimizer::Gradients;

/// Graphs of the steps that a recipe makes of batches of one image each.
#[derive(Default)]
pub(crate) struct StepGraphs {
    /// Where the numbers of every model are kept, since a graph reads and writes the memory that it was captured with.
    home: Option<State>,
    captured: Vec<Captured>,
    closed: bool,
}

/// What tells kinds of steps apart: side of the images, and whether the bias of the whitening is trained.
type Kind = (i64, bool);

struct Captured {
    kind: Kind,
    /// Where a batch is put.
    batch: Batch,
    /// None on the CPU, where the work is done again in its place: tests hold a graph's bookkeeping against the plain way.
    graph: Option<CudaGraph>,
    /// What each replay fills anew. Graphs share memory, so it lasts until another one is replayed.
    made: Differentiated,
}

impl StepGraphs {
    /// From now on nothing is captured: the clock runs.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// The same model, its numbers where the graphs look for them. Its whitening is fitted later.
    pub(crate) fn settle(&self, fresh: State) -> State {
        let Some(home) = &self.home else { return fresh };
        tch::no_grad(|| {
            copy(&home.weights, &fresh.weights);
            copy(&home.biases, &fresh.biases);
            copy(&home.stats, &fresh.stats);
            if let (Some(home), Some(fresh)) = (&home.whitening_bias, &fresh.whitening_bias) {
                copy(home, fresh);
                // An earlier run may have frozen it.
                let _ = home.set_requires_grad(true);
            }
        });
        State { whitening: fresh.whitening, ..shared(home) }
    }

    /// The same filters where the graphs look for them.
    pub(crate) fn settle_whitening(&self, filters: Tensor) -> Tensor {
        let Some(home) = self.home.as_ref().and_then(|home| home.whitening.as_ref()) else { return filters };
        copy(home, &filters);
        home.shallow_clone()
    }

    /// Both passes of this batch, by a graph; `None` where there is none for such a step.
    pub(crate) fn differentiated(
        &mut self,
        state: &State,
        batch: &Batch,
        plain: impl Fn(&State, &Batch) -> Differentiated,
    ) -> Option<Differentiated> {
        if batch.mixed.is_some() {
            return None;
        }
        let trains_bias = state.whitening_bias.as_ref().is_some_and(Tensor::requires_grad);
        let kind = (batch.images.size()[2], trains_bias);
        if !self.closed && !self.captured.iter().any(|captured| captured.kind == kind) {
            let captured = self.capture(kind, state, batch, &plain);
            self.captured.push(captured);
        }
        let captured = self.captured.iter().find(|captured| captured.kind == kind)?;
        copy(&captured.batch.images, &batch.images);
        copy(&captured.batch.labels, &batch.labels);
        match &captured.graph {
            Some(graph) => graph.replay(),
            None => captured.made.fill(&plain(self.home.as_ref()?, &captured.batch)),
        }
        Some(captured.made.shared())
    }

    /// The model is not the same afterwards, since the passes are rehearsed and running statistics move.
    fn capture(
        &mut self,
        kind: Kind,
        state: &State,
        batch: &Batch,
        plain: impl Fn(&State, &Batch) -> Differentiated,
    ) -> Captured {
        let state = &*self.home.get_or_insert_with(|| shared(state));
        let batch = Batch { images: batch.images.copy(), labels: batch.labels.copy(), mixed: None };
        let memory = self.captured.iter().find_map(|captured| captured.graph.as_ref());
        let (graph, made) = if batch.images.device().is_cuda() {
            let (graph, made) = CudaGraph::capture(memory, || plain(state, &batch));
            (Some(graph), made)
        } else {
            (None, plain(state, &batch))
        };
        Captured { kind, batch, graph, made }
    }
}

/// The same tensors.
fn shared(state: &State) -> State {
    let State { weights, biases, stats, whitening, whitening_bias } = state;
    State {
        weights: weights.shallow_clone(),
        biases: biases.shallow_clone(),
        stats: stats.shallow_clone(),
        whitening: whitening.as_ref().map(Tensor::shallow_clone),
        whitening_bias: whitening_bias.as_ref().map(Tensor::shallow_clone),
    }
}

fn copy(into: &Tensor, from: &Tensor) {
    into.shallow_clone().copy_(from);
}

impl Differentiated {
    /// The same tensors.
    fn shared(&self) -> Self {
        let Gradients { weights, biases, whitening_bias } = &self.gradients;
        let gradients = Gradients {
            weights: weights.shallow_clone(),
            biases: biases.shallow_clone(),
            whitening_bias: whitening_bias.as_ref().map(Tensor::shallow_clone),
        };
        Self { gradients, sum: self.sum.shallow_clone() }
    }

    /// Takes over these numbers.
    fn fill(&self, other: &Self) {
        copy(&self.gradients.weights, &other.gradients.weights);
        copy(&self.gradients.biases, &other.gradients.biases);
        if let (Some(into), Some(from)) = (&self.gradients.whitening_bias, &other.gradients.whitening_bias) {
            copy(into, from);
        }
        copy(&self.sum, &other.sum);
    }
}
