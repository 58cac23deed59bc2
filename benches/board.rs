//! Makes submissions to build boards of. `make FOLDER COUNT` files that many signed entries and the list of their signers: all
//! different sessions, over two tracks and several hardware classes, a tenth of them with runs enough to be ranked.

#![expect(clippy::print_stdout, reason = "a benchmark says what it made")]

use std::path::Path;

use fixture::Fixture;
use hlb_core::text::show_path;

#[path = "../tests/support/fixture.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod fixture;

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
    fixture.file_many(count);
    println!("{count} entries in {}", show_path(&fixture.submissions()));
}
