//! Fashion-MNIST's loading and fetching on files that the tests make wrong in one way each, and on the real ones.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::context::Context;

const NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

fn header(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Files with right headers and lengths and wrong images.
fn forged() -> [Vec<u8>; 4] {
    let images = |count: u32| [header(&[0x803, count, 28, 28]), vec![7; count as usize * 784]].concat();
    let labels = |count: u32| [header(&[0x801, count]), vec![3; count as usize]].concat();
    [images(60_000), labels(60_000), images(10_000), labels(10_000)]
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn write(context: &Context, files: &[Vec<u8>; 4]) {
    for (name, bytes) in NAMES.iter().zip(files) {
        context.write(&format!("data/{name}"), bytes);
    }
}

/// Where the real files are; `None`, said aloud, if this machine has none. In CI they are installed.
fn real_files(test: &str) -> Option<PathBuf> {
    let folder = Path::new("/usr/share/datasets/fashion-mnist");
    if folder.is_dir() {
        return Some(folder.to_owned());
    }
    assert!(std::env::var_os("CI").is_none(), "CI installs dataset-fashion-mnist");
    println!("skipped {test}: the package dataset-fashion-mnist is not installed");
    None
}

fn verify(context: &Context) -> (Option<i32>, String) {
    let answer = context.run(["data", "verify", "fashion-mnist", "--data", "data"]);
    (answer.code, answer.stderr)
}

#[test]
fn each_wrong_file_is_named_and_nothing_is_trained() {
    let wrong = |change: &dyn Fn(&mut [Vec<u8>; 4])| {
        let mut files = forged();
        change(&mut files);
        files
    };
    let cases = [
        (forged(), "data/train-images-idx3-ubyte has SHA-256"),
        (wrong(&|files| files[0][3] = 1), "begins with the number 0x00000801"),
        (wrong(&|files| files[0][7] = 1), "says it holds"),
        (wrong(&|files| files[0].truncate(1000)), "is 1000 bytes long, its header asks for 47040016"),
        (wrong(&|files| files[0].push(0)), "is 47040017 bytes long"),
    ];
    for (files, expected) in cases {
        let context = Context::new();
        write(&context, &files);
        let (code, said) = verify(&context);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(expected) && said.contains("train-images-idx3-ubyte"), "{said}");
        let run = context.run(["run", "--track", "fashion-mnist", "--data", "data"]);
        assert_eq!(run.code, Some(2));
        assert!(run.stderr.contains(expected), "{}", run.stderr);
        assert!(!context.path("sessions").exists());
    }
}

#[test]
fn a_compression_bomb_fills_no_memory() {
    let context = Context::new();
    context.write("data/train-images-idx3-ubyte.gz", compressed(&vec![0; 300_000_000]));
    let (code, said) = verify(&context);
    assert_eq!(code, Some(1));
    assert!(said.contains("begins with the number 0x00000000"), "{said}");
}

#[test]
fn a_cut_archive_is_named() {
    let context = Context::new();
    let mut bytes = compressed(&forged()[0]);
    bytes.truncate(bytes.len() / 2);
    context.write("data/train-images-idx3-ubyte.gz", bytes);
    let (code, said) = verify(&context);
    assert_eq!(code, Some(1));
    assert!(said.contains("train-images-idx3-ubyte.gz cannot be read"), "{said}");
}

#[test]
fn the_real_files_are_the_right_ones_and_one_flipped_bit_is_seen() {
    let Some(folder) = real_files("the_real_files_are_the_right_ones_and_one_flipped_bit_is_seen") else { return };
    let manifest = hlb_data::by_id("fashion-mnist").unwrap();
    let arrays = hlb_data::prepare(&manifest, None, Some(&folder), &()).unwrap().arrays;
    assert_eq!((arrays.train_labels()[0], arrays.eval_labels()[0]), (9, 9));
    let context = Context::new();
    for name in NAMES {
        std::fs::copy(folder.join(format!("{name}.gz")), context.write(&format!("data/{name}.gz"), "")).unwrap();
    }
    assert_eq!(verify(&context).0, Some(0));
    let mut plain = Vec::new();
    let labels = std::fs::File::open(folder.join(format!("{}.gz", NAMES[3]))).unwrap();
    flate2::read::GzDecoder::new(labels).read_to_end(&mut plain).unwrap();
    plain[500] ^= 1;
    context.write(&format!("data/{}", NAMES[3]), plain);
    let (code, said) = verify(&context);
    assert_eq!(code, Some(1));
    assert!(said.contains("t10k-labels-idx1-ubyte has SHA-256"), "{said}");
}

#[test]
fn a_folder_is_fetched_from_only_if_it_is_right() {
    let context = Context::new();
    write(&context, &forged());
    let refused = context.run(["data", "fetch", "fashion-mnist", "--from", "data"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("data/train-images-idx3-ubyte"), "the user's file is named: {}", refused.stderr);
    let left = std::fs::read_dir(context.path("home/hlb-bench")).unwrap().map(|item| item.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), [""; 0], "nothing half is left");
    let Some(folder) = real_files("a_folder_is_fetched_from_only_if_it_is_right") else { return };
    let places = ["data", "fetch", "fashion-mnist", "--from", "data", "--from", folder.to_str().unwrap()];
    let fetched = context.run(places);
    assert_eq!(fetched.code, Some(0), "the next place is tried: {}", fetched.stderr);
    let listed = context.run(["data", "list"]).stdout;
    assert!(listed.contains("home/hlb-bench/fashion-mnist"), "{listed}");
}
