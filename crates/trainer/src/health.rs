//! How fast the device multiplies matrices. It says whether a machine is in order, and clocks are up when the first run begins.

use tch::{Device, Kind, Tensor};

use crate::Engine;
use hlb_core::clock::Clock;

/// What is multiplied, how often before the clock is read, and for how long.
struct Work {
    side: i64,
    products: u32,
    seconds: f64,
}

/// Enough for a GPU that idles to bring its clocks up, and for all of its processors to be busy.
const ON_CUDA: Work = Work { side: 4096, products: 16, seconds: 1.5 };

/// Enough for a processor's vector units.
const ON_CPU: Work = Work { side: 768, products: 4, seconds: 0.2 };

/// Tera-operations a second of products of square matrices in the engine's number format, with two for a multiplication and its
/// addition; the median over at least a second on CUDA.
pub fn matmul_tera(engine: Engine, clock: &dyn Clock) -> f64 {
    let Work { side, products, seconds } = if engine.device.is_cuda() { ON_CUDA } else { ON_CPU };
    // Of many different numbers: equal ones switch few transistors, and a GPU then draws less power than in training.
    let waves = (Tensor::arange(side * side, (Kind::Double, Device::Cpu)) * 0.7).sin() / 64.0;
    let matrix = waves.view([side, side]).to_kind(engine.kind).to_device(engine.device);
    let begin = clock.now();
    let mut rates = Vec::new();
    while clock.now().saturating_sub(begin).as_secs_f64() < seconds || rates.len() < 3 {
        let before = clock.now();
        for _ in 0..products {
            let _ = matrix.matmul(&matrix);
        }
        engine.synchronize();
        let took = clock.now().saturating_sub(before).as_secs_f64();
        rates.push(operations(side) * f64::from(products) / took.max(f64::MIN_POSITIVE) / 1e12);
    }
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Operations of a product.
#[expect(clippy::cast_precision_loss, reason = "a side is a small whole number")]
fn operations(side: i64) -> f64 {
    2.0 * (side as f64).powi(3)
}
