//! Stochastic gradient descent with momentum, PyTorch's rule: coupled weight decay, no dampening.

use tch::Tensor;

use hlb_bench::recipe::{Group, Optimizer};

/// One parameter group: a flat tensor and its momentum.
#[derive(Debug)]
pub(crate) struct Sgd {
    group: Group,
    momentum: f64,
    nesterov: bool,
    buffer: Tensor,
}

impl Sgd {
    /// A group with its momentum at zero, which makes the first buffer the first gradient.
    pub(crate) fn new(optimizer: &Optimizer, group: Group, parameters: &Tensor) -> Self {
        let Optimizer { momentum, nesterov, .. } = *optimizer;
        Self { group, momentum, nesterov, buffer: parameters.detach().zeros_like() }
    }

    /// The momentum.
    pub(crate) fn momentum(&self) -> &Tensor {
        &self.buffer
    }

    /// One update with `factor` times the peak rate. Call it where gradients are not recorded.
    pub(crate) fn step(&mut self, parameters: &mut Tensor, gradient: &Tensor, factor: f64) {
        let decayed = gradient + &*parameters * self.group.weight_decay;
        let _ = self.buffer.g_mul_scalar_(self.momentum);
        let _ = self.buffer.g_add_(&decayed);
        let direction =
            if self.nesterov { decayed + &self.buffer * self.momentum } else { self.buffer.shallow_clone() };
        let _ = parameters.g_sub_(&(direction * (self.group.lr * factor)));
    }
}
