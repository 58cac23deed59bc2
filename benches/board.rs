//! Makes submissions to build boards of. `make FOLDER COUNT` files that many signed entries and the list of their signers: all
//! different sessions, over two tracks and several hardware classes, a tenth of them with runs enough to be ranked.

#![expect(clippy::print_stdout, reason = "a benchmark says what it made")]

use std::num::NonZero;
use std::path::Path;
use std::thread;

use fixture::{Fixture, Hand, Spec, gpu_machine, gpu_sample, price};

#[path = "../tests/it/fixture.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod fixture;

/// Of each so many entries, one has the runs that a ranked row needs.
const ONE_RANKED_OF: u32 = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "make", folder, count] => make(Path::new(folder), count.parse().expect("a number of entries")),
        // `cargo bench` passes its own arguments.
        _ => println!("board make FOLDER COUNT"),
    }
}

fn make(folder: &Path, count: u32) {
    let fixture = Fixture::at(folder);
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for worker in 0..workers {
            let fixture = &fixture;
            scope.spawn(move || {
                for index in (0..count).skip(worker).step_by(workers) {
                    fixture.file(&spec(index));
                }
            });
        }
    });
    println!("{count} entries in {}", fixture.submissions().display());
}

/// An entry that no other is a copy of: its name, which its nonce follows from, and its times are its own.
fn spec(index: u32) -> Spec {
    let name = format!("entry-{index:05}");
    let day = format!("2026-{:02}-{:02}", 1 + index / 28 % 9, 1 + index % 28);
    let runs = if index.is_multiple_of(ONE_RANKED_OF) { 10 } else { 5 };
    let own = 1.0 + 1e-5 * f64::from(index);
    let mut spec = Spec {
        track: ["shapes", "fashion-mnist"][index as usize / 2 % 2].to_owned(),
        authors: vec![format!("Author {}", index % 400)],
        description: format!("idea {index}, which the generator made up"),
        started_at: format!("{day}T09:26:53Z"),
        folder: format!("{day}-{name}"),
        hand: if index % 5 == 0 { Hand::Runner } else { Hand::Submitter },
        price: (index % 4 != 0).then(|| price(0.5 + 0.01 * f64::from(index % 100))),
        ..Spec::named(&name)
    };
    if index % 3 == 0 {
        spec.changes = format!("loss:\n  label_smoothing: 0.{:03}\n", 100 + index % 200);
    }
    if index % 2 == 0 {
        (spec.machine, spec.device) = (gpu_machine(), "cuda".to_owned());
        spec.machine.gpus[0].name = Some(format!("NVIDIA Model {} 80GB", index / 2 % 5));
        spec.sample.gpus = vec![gpu_sample()];
        spec.runs = Spec::runs(runs, 1.2 * own, 40);
    } else {
        spec.machine.host.logical_cpus = 2 << (index % 4);
        spec.runs = Spec::runs(runs, 2.5 * own, 40);
    }
    spec
}
