//! What sampling the sensors costs. `cost N` takes N samples one after the other and prints seconds of wall and of processor
//! for each; `beat` samples once a second until its standard input ends, as a session does.

#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark prints what its own clock says")]

use std::io::Read as _;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use hlb_core::clock::calendar_milliseconds;
use hlb_machine::Sampler;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "cost", count] => cost(count.parse().expect("a number of samples")),
        [_, "beat"] => beat(),
        // `cargo bench` passes its own arguments.
        _ => cost(200),
    }
}

fn cost(count: u32) {
    let mut sampler = Sampler::open(calendar_milliseconds);
    sampler.watch_process(std::process::id());
    let _ = sampler.sample();
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let mut gpus = 0;
    for _ in 0..count {
        gpus = sampler.sample().gpus.len();
    }
    let each = |seconds: f64| seconds / f64::from(count);
    let (wall, cpu) = (each(begin.elapsed().as_secs_f64()), each(cpu_seconds() - cpu));
    println!("{{\"samples\": {count}, \"gpus\": {gpus}, \"wall_seconds\": {wall}, \"cpu_seconds\": {cpu}}}");
}

fn beat() {
    let (sender, stopped) = channel::<()>();
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(sender);
    });
    let mut sampler = Sampler::open(calendar_milliseconds);
    while stopped.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
        let _ = sampler.sample();
    }
}

/// Seconds of processor that this process has used.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("Linux counts them");
    let nanoseconds = text.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
    nanoseconds.expect("the first number is the time on a processor") / 1e9
}
