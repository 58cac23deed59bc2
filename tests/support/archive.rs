//! Data sets in exactly the published layouts, made by the tests: archives, and the manifests that describe them.

use std::io::Write as _;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use hlb_core::artifact::sha256_hex;

use crate::support::context::Context;

/// Bytes that look random and are the same every time.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A `.tar.gz` of these files.
pub(crate) fn tar_gz(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, bytes.as_slice()).unwrap();
    }
    gzip(&archive.into_inner().unwrap())
}

/// An archive and the manifest that describes it.
pub(crate) struct MadeArchive {
    pub(crate) id: &'static str,
    pub(crate) file: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) manifest: String,
    pub(crate) members: Vec<(String, Vec<u8>)>,
}

impl MadeArchive {
    /// Writes archive and manifest into the test's folder.
    pub(crate) fn write(&self, context: &Context) -> (PathBuf, PathBuf) {
        (context.write(self.file, &self.bytes), context.write(&format!("{}.yaml", self.id), &self.manifest))
    }
}

const FOLDERS: [&str; 10] = [
    "n01440764",
    "n02102040",
    "n02979186",
    "n03000684",
    "n03028079",
    "n03394916",
    "n03417042",
    "n03425413",
    "n03445777",
    "n03888257",
];

/// A JPEG of `width` x `height` pixels with a bright stripe whose place and color tell the class.
pub(crate) fn jpeg(width: u16, height: u16, class: usize, numbers: &mut Numbers) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(usize::from(width) * usize::from(height) * 3);
    let shift = (numbers.next() % 24) as usize;
    for row in 0..usize::from(height) {
        for column in 0..usize::from(width) {
            let inside = (row * 10 / usize::from(height)) == class || (column + shift) % 40 < 4 * (class % 5);
            let noise = (numbers.next() % 60) as u8;
            let pixel = [0, 1, 2].map(|channel| if inside && class % 3 == channel { 180 + noise } else { 60 + noise });
            pixels.extend(pixel);
        }
    }
    let mut bytes = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
    encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

/// Images in the layout of `imagenette2-160.tgz`, with the strays that such archives hold.
pub(crate) fn imagenette(train: usize, evaluation: usize) -> MadeArchive {
    let root = "imagenette2-160";
    let mut numbers = Numbers::new(7);
    let mut members = vec![(format!("{root}/noisy_imagenette.csv"), b"path,noisy_labels_0\n".to_vec())];
    members.push((format!("{root}/.DS_Store"), vec![0; 10]));
    // Classes from the last to the first: the order in the archive must not matter.
    for (class, folder) in FOLDERS.iter().enumerate().rev() {
        for (split, count) in [("val", evaluation), ("train", train)] {
            for number in 0..count {
                let (width, height) = if number % 2 == 0 { (213, 160) } else { (160, 200) };
                let name = format!("{root}/{split}/{folder}/{folder}_{number}.JPEG");
                members.push((name, jpeg(width, height, class, &mut numbers)));
            }
        }
    }
    let bytes = tar_gz(&members);
    let folder = |name: &&str| format!("  - {{name: {name}, train: {train}, evaluation: {evaluation}}}\n");
    let folders = FOLDERS.iter().map(folder).collect::<Vec<_>>().concat();
    let manifest = format!(
        "id: made-imagenette\ntitle: Imagenette made by a test\nlicense: none needed\ntrain: {}\nevaluation: {}\n\
         classes: [tench, springer, player, saw, church, horn, truck, pump, ball, parachute]\nsize: null\nsource:\n  kind: pictures\n  \
         archive: {{file: imagenette2-160.tgz, bytes: {}, sha256: \"{}\", confirmed: true}}\n  root: {root}\n  train: train\n  \
         evaluation: val\n  extension: .JPEG\n  folders:\n{folders}",
        10 * train,
        10 * evaluation,
        bytes.len(),
        sha256_hex(&bytes),
    );
    MadeArchive { id: "made-imagenette", file: "imagenette2-160.tgz", bytes, manifest, members }
}

/// Images in the layout of `cifar-10-binary.tar.gz`.
pub(crate) fn cifar(records: u32) -> MadeArchive {
    let root = "cifar-10-batches-bin";
    let mut numbers = Numbers::new(11);
    let names = [1, 2, 3, 4, 5].map(|number| format!("data_batch_{number}.bin"));
    let names: Vec<String> = names.into_iter().chain(["test_batch.bin".to_owned()]).collect();
    let mut members = vec![(format!("{root}/batches.meta.txt"), b"airplane\n".to_vec())];
    for name in &names {
        let mut bytes = Vec::new();
        for record in 0..records {
            let label = (record % 10) as u8;
            bytes.push(label);
            for plane in 0..3 {
                let bright = if plane == label % 3 { 120 } else { 20 };
                bytes.extend((0..1024).map(|pixel: u32| {
                    let stripe = if pixel / 102 == u32::from(label) { 90 } else { 0 };
                    bright + stripe + (numbers.next() % 40) as u8
                }));
            }
        }
        members.push((format!("{root}/{name}"), bytes));
    }
    let bytes = tar_gz(&members);
    let line = |(name, bytes): (&String, &(String, Vec<u8>))| {
        format!("  - {{name: {name}, records: {records}, sha256: \"{}\"}}\n", sha256_hex(&bytes.1))
    };
    let lines: Vec<String> = names.iter().zip(&members[1..]).map(line).collect();
    let manifest = format!(
        "id: made-cifar\ntitle: CIFAR-10 made by a test\nlicense: none needed\ntrain: {}\nevaluation: {records}\n\
         classes: [airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck]\n\
         size: {{height: 32, width: 32, channels: 3}}\nsource:\n  kind: cifar\n  \
         archive: {{file: cifar-10-binary.tar.gz, bytes: {}, sha256: \"{}\", confirmed: true}}\n  root: {root}\n  train:\n{}  evaluation:\n{}",
        5 * records,
        bytes.len(),
        sha256_hex(&bytes),
        lines[..5].concat(),
        lines[5],
    );
    MadeArchive { id: "made-cifar", file: "cifar-10-binary.tar.gz", bytes, manifest, members }
}
