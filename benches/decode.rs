//! Images decoded and resized a second.
//!
//!     decode FOLDER SIDE THREADS
//!
//! reads the images in a folder, each from its file, squashes them to a square, and prints
//! `{"images_per_second": ...}`, the median of some passes. `scripts/bench_decode.py` compares that with Pillow and a `PyTorch` data loader.

use std::path::PathBuf;

use hlb_data::{Resize, decode_all};

const PASSES: usize = 5;

fn images(folder: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// Decodes and resizes all images once. Returns images a second.
#[expect(clippy::disallowed_methods, reason = "a benchmark times")]
#[expect(clippy::cast_precision_loss, reason = "a few thousand images")]
fn pass(folder: &str, resize: Resize, threads: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let begin = std::time::Instant::now();
    let paths = images(folder)?;
    let read = |path: &PathBuf| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let refused = |path: &PathBuf, error| format!("{} {error}", path.display());
    let pixels = decode_all(&paths, read, refused, resize, threads, &|_| ())?;
    let seconds = begin.elapsed().as_secs_f64();
    assert_eq!(pixels.len(), paths.len() * resize.bytes(), "every image is there");
    Ok(paths.len() as f64 / seconds)
}

#[expect(clippy::print_stdout, reason = "the figure is the program's output")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` and `cargo test --benches` add arguments of their own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [folder, side, threads] = arguments.as_slice() else {
        println!("usage: decode FOLDER SIDE THREADS");
        return Ok(());
    };
    let (resize, threads) = (Resize::Squash { side: side.parse()? }, threads.parse()?);
    let mut rates = (0..PASSES).map(|_| pass(folder, resize, threads)).collect::<Result<Vec<_>, _>>()?;
    rates.sort_by(f64::total_cmp);
    println!("{{\"images_per_second\": {:.1}}}", rates[PASSES / 2]);
    Ok(())
}
