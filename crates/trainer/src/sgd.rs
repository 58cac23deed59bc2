//! Stochastic gradient descent with momentum, PyTorch's rule: coupled weight decay, no dampening.

use tch::{Device, Kind, Tensor};

use crate::native::{Sgd, fused_sgd};

/// Whether libtorch has a fused kernel that is right. That of the CPU is not in half precision, as a test shows.
pub(crate) fn can_fuse(device: Device, kind: Kind) -> bool {
    device.is_cuda() || matches!(kind, Kind::Float | Kind::Double)
}

impl Sgd {
    /// One step of a flat tensor of parameters. Each number that is kept is rounded once, as in PyTorch's fused optimizer, which
    /// computes it where it is `fused`: on CUDA in one kernel.
    pub(crate) fn step(self, parameters: &mut Tensor, gradient: &Tensor, momentum: &mut Tensor, fused: bool) {
        if fused {
            return fused_sgd(parameters, gradient, momentum, self);
        }
        let wide = widened(parameters);
        let decayed = widened(gradient) + &wide * self.decay;
        let direction = widened(momentum) * self.momentum + &decayed;
        momentum.copy_(&direction);
        let direction = if self.nesterov { decayed + direction * self.momentum } else { direction };
        parameters.copy_(&(wide - direction * self.rate));
    }
}

/// The same numbers in single precision, where they are in less.
pub(crate) fn widened(tensor: &Tensor) -> Tensor {
    if matches!(tensor.kind(), Kind::Half | Kind::BFloat16) {
        tensor.to_kind(Kind::Float)
    } else {
        tensor.shallow_clone()
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    /// The first numbers of a wave, in units that half precision cannot hold exactly.
    fn wave(kind: Kind, factor: f64) -> Tensor {
        ((Tensor::arange(4096, (Kind::Double, Device::Cpu)) * factor).sin() * 0.37).to_kind(kind)
    }

    /// Two steps in double precision, rounded where they are stored.
    fn expected(kind: Kind, step: Sgd) -> Tensor {
        let rounded = |tensor: Tensor| tensor.to_kind(kind).to_kind(Kind::Double);
        let (mut parameters, gradient) = (rounded(wave(kind, 0.7)), rounded(wave(kind, 1.3)));
        let mut momentum = parameters.zeros_like();
        for _ in 0..2 {
            let decayed = &gradient + &parameters * step.decay;
            let exact = &momentum * step.momentum + &decayed;
            let direction = if step.nesterov { decayed + &exact * step.momentum } else { exact.shallow_clone() };
            momentum = rounded(exact);
            parameters = rounded(&parameters - direction * step.rate);
        }
        parameters
    }

    #[test]
    fn a_step_is_exact_to_its_format_and_rounds_what_it_keeps_once() {
        let short = [(false, Kind::Half, 9.8e-4), (false, Kind::BFloat16, 7.8e-3)];
        let long = [false, true].map(|fused| [(fused, Kind::Double, 2e-15), (fused, Kind::Float, 2e-7)]);
        for (fused, kind, epsilon) in long.into_iter().flatten().chain(short) {
            for (momentum, nesterov) in [(0.9, true), (0.9, false), (0.0, false)] {
                let sgd = Sgd { rate: 0.113, decay: 0.01, momentum, nesterov };
                let (mut parameters, gradient) = (wave(kind, 0.7), wave(kind, 1.3));
                let mut memory = parameters.zeros_like();
                for _ in 0..2 {
                    sgd.step(&mut parameters, &gradient, &mut memory, fused);
                }
                let apart = (parameters.to_kind(Kind::Double) - expected(kind, sgd)).abs();
                let (most, mean) = (apart.max().double_value(&[]), apart.mean(Kind::Double).double_value(&[]));
                // A number between two neighbors may fall to either; few are, where it was rounded once.
                let few = !matches!(kind, Kind::Half | Kind::BFloat16) || mean <= epsilon / 1000.0;
                assert!(most <= epsilon && few, "{kind:?} {fused} {sgd:?}: {most} {mean}");
            }
        }
    }

    /// It reads and writes the wrong numbers: once this fails, the restriction can go.
    #[test]
    fn the_fused_kernel_of_the_cpu_is_not_to_be_had_in_half_precision() {
        for kind in [Kind::Half, Kind::BFloat16] {
            assert!(!can_fuse(Device::Cpu, kind));
            let sgd = Sgd { rate: 0.113, decay: 0.01, momentum: 0.9, nesterov: true };
            let (mut parameters, mut memory) = (wave(kind, 0.7), wave(kind, 0.7).zeros_like());
            sgd.step(&mut parameters, &wave(kind, 1.3), &mut memory, true);
            assert_eq!(parameters, wave(kind, 0.7), "it moved");
        }
    }

    #[test]
    fn what_libtorch_refuses_is_said_in_the_words_that_are_explained() {
        let whole = Tensor::zeros([3], (Kind::Int64, Device::Cpu));
        let step = Sgd { rate: 0.1, decay: 0.0, momentum: 0.9, nesterov: true };
        let refused = std::panic::catch_unwind(|| {
            step.step(&mut whole.shallow_clone(), &whole, &mut whole.shallow_clone(), true);
        })
        .expect_err("must be refused");
        let words = refused.downcast_ref::<String>().expect("a text");
        assert!(crate::is_of_libtorch(words), "{words}");
    }
}
