//! Work whose result is known, by which a device shows that it is in order.

use tch::{Device, Kind, Tensor};

use crate::{Engine, ask_for_deterministic_algorithms, digest, matmul_tera};
use hlb_core::clock::Clock;
use hlb_core::units::DeviceKind;
use hlb_protocol::job::Examination;
use hlb_protocol::trainer::TrainError;
use hlb_recipe::Precision;

/// Numbers in the buffer that is copied.
const COPIED: i64 = 1 << 26;

/// Smallest operations that are timed together.
const LAUNCHES: u32 = 1000;

/// Lets the device work for some seconds, in the format in which it trains where a recipe leaves that open.
pub fn examine(device: DeviceKind, clock: &dyn Clock) -> Result<Examination, TrainError> {
    ask_for_deterministic_algorithms()?;
    let threads = u32::try_from(tch::get_num_threads()).unwrap_or(1);
    let engine = Engine::choose(device, Precision::Auto, true, threads, true);
    let engine = engine.map_err(|error| TrainError(error.to_string()))?;
    engine.apply()?;
    let matmul_tera = matmul_tera(engine, clock);
    let exact = worked(Engine::cpu(Kind::Double));
    let [once, twice] = [worked(engine), worked(engine)];
    Ok(Examination {
        device,
        precision: engine.number_format(),
        matmul_tera,
        copy_gigabytes: copy_rate(engine, clock),
        launch_microseconds: launch_time(engine, clock),
        relative_error: once.iter().zip(&exact).map(|(found, exact)| error(found, exact)).fold(0.0, f64::max),
        repeats: once.iter().zip(&twice).all(|(a, b)| digest(a) == digest(b)),
    })
}

/// A convolution with its normalization, as the recipes have them: the result, and the gradients of images and filters.
fn worked(engine: Engine) -> [Tensor; 3] {
    let made = |size: &[i64]| {
        let count: i64 = size.iter().product();
        let waves = (Tensor::arange(count, (Kind::Double, Device::Cpu)) * 0.7).sin().view(size) * 0.1;
        waves.to_kind(engine.kind).to_device(engine.device).permute([0, 3, 1, 2])
    };
    let images = made(&[64, 16, 16, 32]).set_requires_grad(true);
    let filters = made(&[64, 3, 3, 32]).set_requires_grad(true);
    let ones = Tensor::ones([64], (engine.norm_kind, engine.device));
    let normal = images.conv2d(&filters, None::<&Tensor>, 1, 1, 1, 1).batch_norm(
        Some(&ones),
        Some(&ones),
        None::<&Tensor>,
        None::<&Tensor>,
        true,
        0.1,
        1e-5,
        true,
    );
    let weighted = &normal * made(&[64, 16, 16, 64]);
    let loss = weighted.sum(if engine.kind == Kind::Double { Kind::Double } else { Kind::Float });
    let gradients = Tensor::run_backward(&[loss], &[&images, &filters], false, false);
    [normal.detach(), gradients[0].shallow_clone(), gradients[1].shallow_clone()]
}

/// Largest difference over the largest number.
fn error(found: &Tensor, exact: &Tensor) -> f64 {
    let found = found.to_device(Device::Cpu).to_kind(Kind::Double);
    let largest = |tensor: &Tensor| tensor.abs().max().double_value(&[]);
    largest(&(found - exact)) / largest(exact)
}

/// Gigabytes a second that are read and written by a copy.
fn copy_rate(engine: Engine, clock: &dyn Clock) -> f64 {
    let options = (Kind::Float, engine.device);
    let (from, mut to) = (Tensor::ones([COPIED], options), Tensor::zeros([COPIED], options));
    to.copy_(&from);
    engine.synchronize();
    let seconds = timed(engine, clock, 5, || to.copy_(&from));
    #[expect(clippy::cast_precision_loss, reason = "2^29 bytes")]
    let bytes = 2.0 * (COPIED * 4) as f64;
    bytes / seconds / 1e9
}

/// Microseconds from one smallest operation to the next.
fn launch_time(engine: Engine, clock: &dyn Clock) -> f64 {
    let mut small = Tensor::zeros([1], (Kind::Float, engine.device));
    let _ = small.g_add_scalar_(1.0);
    engine.synchronize();
    1e6 * timed(engine, clock, LAUNCHES, || drop(small.g_add_scalar_(1.0)))
}

/// Seconds of one of `count` pieces of work.
fn timed(engine: Engine, clock: &dyn Clock, count: u32, mut work: impl FnMut()) -> f64 {
    let begin = clock.now();
    (0..count).for_each(|_| work());
    engine.synchronize();
    clock.now().saturating_sub(begin).as_secs_f64() / f64::from(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hlb_core::clock::MonotonicClock;

    #[test]
    fn a_processor_in_order_is_exact_and_repeats() {
        let found = examine(DeviceKind::Cpu, &MonotonicClock::start()).expect("libtorch works");
        assert!(found.repeats && found.relative_error < 1e-4, "{found:?}");
        assert!(found.matmul_tera > 0.0 && found.copy_gigabytes > 0.0 && found.launch_microseconds > 0.0, "{found:?}");
    }
}
