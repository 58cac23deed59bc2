//! Whether a shortcut gives what libtorch's plain operations give.

use tch::{Kind, Tensor};

use hlb_core::units::NumberFormat;

/// A short training, for comparison.
pub(crate) struct Rehearsed {
    /// Loss of each step, summed over the batch.
    pub losses: Vec<f64>,
    /// How far each parameter went.
    pub way: Vec<Tensor>,
}

/// How far apart two trainings may be that compute the same otherwise.
struct Bounds {
    /// Losses of a step, as a share of the loss.
    loss: f64,
    /// Parameters at the end, as a share of the way they went.
    way: f64,
}

/// *Why these:* in fp32 another order of the same sums moved the losses of shipped recipes by up to 3e-4 and parameters by 0.08 of
/// their way (both with Muon, on the CPU, over four steps; 1e-5 and 0.04 without), and training narrow ones in 16 bits instead of
/// exactly, by 0.004 and 0.36. TF32 has the fraction of fp16. Two ways to compute hlb-shapes in bfloat16 were up to 0.011 and 0.42
/// apart after two steps, over 30 seeds. With batches that are not the next ones, parameters were at least 1.2 of their way
/// apart; parameters that do not move are 1 apart.
fn bounds(format: NumberFormat) -> Bounds {
    match format {
        NumberFormat::Fp32 => Bounds { loss: 1e-3, way: 0.25 },
        NumberFormat::Tf32 | NumberFormat::Fp16 => Bounds { loss: 1e-2, way: 0.4 },
        NumberFormat::Bf16 => Bounds { loss: 4e-2, way: 0.75 },
    }
}

/// Whether two trainings from the same state with the same batches are the same within the bounds of the number format; else where
/// they part.
pub(crate) fn judge(plain: &Rehearsed, shortcut: &Rehearsed, format: NumberFormat) -> Result<(), String> {
    let bounds = bounds(format);
    if plain.losses.len() != shortcut.losses.len() {
        return Err(format!("{} steps instead of {}", shortcut.losses.len(), plain.losses.len()));
    }
    for (step, (expected, found)) in (1..).zip(plain.losses.iter().zip(&shortcut.losses)) {
        // Not so where one is not a number.
        let is_close = (expected - found).abs() <= bounds.loss * expected.abs();
        if !is_close {
            return Err(format!("the loss of step {step} is {found} instead of {expected}"));
        }
    }
    let norm = |tensors: &mut dyn Iterator<Item = Tensor>| {
        let squares = tensors.map(|tensor| tensor.square().sum(Kind::Double).double_value(&[]));
        squares.sum::<f64>().sqrt()
    };
    let went = norm(&mut plain.way.iter().map(|way| way.to_kind(Kind::Double)));
    let parts = plain.way.iter().zip(&shortcut.way);
    let apart = norm(&mut parts.map(|(one, other)| one.to_kind(Kind::Double) - other.to_kind(Kind::Double)));
    let is_close = apart <= bounds.way * went;
    if !is_close {
        return Err(format!("parameters are {apart:.3e} apart after a way of {went:.3e}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn rehearsed(losses: &[f64], way: f64) -> Rehearsed {
        Rehearsed { losses: losses.to_vec(), way: vec![Tensor::full([8], way, (Kind::Float, Device::Cpu))] }
    }

    #[test]
    fn what_differs_by_roundings_is_the_same_and_more_is_not() {
        let plain = rehearsed(&[2.0, 4.0], 1.0);
        for (format, share, way) in
            [(NumberFormat::Fp32, 5e-4, 0.1), (NumberFormat::Fp16, 5e-3, 0.3), (NumberFormat::Bf16, 1e-2, 0.5)]
        {
            assert_eq!(judge(&plain, &rehearsed(&[2.0, 4.0 * (1.0 + share)], 1.0 - way), format), Ok(()));
            let loss = judge(&plain, &rehearsed(&[2.0, 4.0 * (1.0 + 5.0 * share)], 1.0), format);
            assert!(loss.is_err_and(|why| why.starts_with("the loss of step 2 is 4.")), "{format:?}");
            let apart = judge(&plain, &rehearsed(&[2.0, 4.0], 1.0 + 3.0 * way), format);
            assert!(apart.is_err_and(|why| why.contains("apart after a way of")), "{format:?}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_short_is_not_the_same() {
        let plain = rehearsed(&[2.0, 4.0], 1.0);
        for found in [rehearsed(&[2.0, f64::NAN], 1.0), rehearsed(&[2.0], 1.0), rehearsed(&[2.0, 4.0], f64::NAN)] {
            assert!(judge(&plain, &found, NumberFormat::Bf16).is_err());
        }
        assert!(judge(&rehearsed(&[f64::NAN], 1.0), &rehearsed(&[f64::NAN], 1.0), NumberFormat::Fp32).is_err());
    }
}
