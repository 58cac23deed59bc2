//! The loss of a batch and its gradients.

use tch::{Kind, Reduction, Tensor};

use crate::data::Batch;
use crate::optimizer::Gradients;
use crate::{Engine, Mode, Network, State};
use hlb_recipe::{Loss, Recipe};

/// The learning rate is for gradients summed over this many images, as in hlb-CIFAR10, at any batch size.
const LOSS_IMAGES: f64 = 512.0;

/// The power of two by which half-precision gradients are larger than those that the learning rate is for.
///
/// *Why:* at more than [`LOSS_IMAGES`] images in a batch the loss is scaled down, and small gradients would vanish in half
/// precision; with a power of two nothing else is rounded otherwise. The originals sum the loss over the batch.
pub(crate) fn headroom(kind: Kind, batch_size: u32) -> f64 {
    let shrinks = f64::from(batch_size) / LOSS_IMAGES;
    if kind == Kind::Half && shrinks > 1.0 { shrinks.log2().ceil().exp2() } else { 1.0 }
}

/// What a batch says of a model.
pub(crate) struct Differentiated {
    pub gradients: Gradients,
    /// The loss summed over the batch, for the log.
    pub sum: Tensor,
}

/// The forward and the backward pass.
pub(crate) fn differentiated(
    (network, recipe, engine): (&Network, &Recipe, Engine),
    state: &State,
    batch: &Batch,
) -> Differentiated {
    let factor = LOSS_IMAGES / f64::from(recipe.batch_size) * headroom(engine.kind, recipe.batch_size);
    let loss = summed_loss(network, recipe.loss, state, batch, factor);
    Differentiated { gradients: gradients(&loss.backward, state), sum: loss.sum }
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
