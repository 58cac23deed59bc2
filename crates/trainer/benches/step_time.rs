//! Seconds per training step of a recipe, for `scripts/bench.py`, which pairs them with PyTorch's.
//!
//! ```text
//! step_time dump DATASET DIR   writes the data set for the PyTorch reference implementation
//! step_time time DATASET RECIPE.json STEPS THREADS cpu|cuda   prints the median seconds of a step as JSON
//! ```

use std::io::Write as _;
use std::path::Path;

use hlb_core::artifact::write_atomic;
use hlb_core::bounded::{SMALL_CAP, read_named};
use hlb_core::clock::{Clock as _, MonotonicClock};
use hlb_core::seed::Seed;
use hlb_core::units::DeviceKind;
use hlb_data::arrays::Arrays;
use hlb_protocol::trainer::Trainer as _;
use hlb_recipe::Recipe;

use hlb_trainer::{DeviceData, Engine, TorchTrainer, keep_freed_memory, load_cuda_if_there_is_a_driver};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    keep_freed_memory();
    // `cargo bench` adds `--bench` of its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arrays =
        |id: &str| -> Result<Arrays, Failure> { Ok(hlb_data::prepare(&hlb_data::by_id(id)?, None, None, &())?.arrays) };
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["dump", data, folder] => dump(&arrays(data)?, Path::new(folder)),
        ["time", data, recipe, steps, threads, device] => {
            let device = if device == "cuda" {
                load_cuda_if_there_is_a_driver()?;
                DeviceKind::Cuda
            } else {
                DeviceKind::Cpu
            };
            time(&arrays(data)?, recipe, steps.parse()?, threads.parse()?, device)
        }
        _ => Err("run `make bench`".into()),
    }
}

fn dump(arrays: &Arrays, folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)?;
    let names = ["train-images.u8", "train-labels.u8", "eval-images.u8", "eval-labels.u8"];
    for (name, part) in names.iter().zip(arrays.parts()) {
        write_atomic(&folder.join(name), part)?;
    }
    let shapes = arrays.shapes();
    let shape = serde_json::json!({
        "train": shapes.train, "eval": shapes.evaluation, "height": shapes.height, "width": shapes.width,
        "channels": shapes.channels, "classes": shapes.classes,
    });
    write_atomic(&folder.join("shape.json"), shape.to_string().as_bytes())?;
    Ok(())
}

/// Steps are timed one by one, after a warmup run and a few steps more.
fn time(arrays: &Arrays, recipe: &str, steps: u64, threads: u32, device: DeviceKind) -> Result<(), Failure> {
    const WARMUP: u64 = 5;
    let recipe: Recipe = serde_json::from_slice(&read_named(recipe.as_ref(), SMALL_CAP)?)?;
    let engine = Engine::choose(device, recipe.precision, recipe.norm.fp32, threads, false)?;
    let data = DeviceData::upload(arrays, recipe.augment, engine);
    let batch_size = recipe.batch_size;
    let mut trainer = TorchTrainer::new(recipe, data, engine, Box::new(|_| {}));
    trainer.reset(Seed::from_number(1))?;
    trainer.train_until(WARMUP)?;
    let clock = MonotonicClock::start();
    let mut seconds = Vec::new();
    for step in WARMUP..WARMUP + steps {
        let before = clock.now();
        trainer.train_until(step + 1)?;
        trainer.synchronize();
        seconds.push(clock.now().saturating_sub(before).as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    let answer = serde_json::json!({"median_seconds": median, "batch_size": batch_size, "threads": threads});
    Ok(writeln!(std::io::stdout(), "{answer}")?)
}
