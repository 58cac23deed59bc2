//! CIFAR files of strangers: an error, or images and labels that give the same file again.
#![no_main]

use hlb_data::decode_cifar;
use libfuzzer_sys::fuzz_target;

/// Bytes of a color plane, and of a record: a label and three planes.
const PLANE: usize = 32 * 32;
const RECORD: usize = 1 + 3 * PLANE;

fuzz_target!(|data: &[u8]| {
    let [records, classes, fill, file @ ..] = data else { return };
    let (records, mut file) = (u32::from(*records % 4), file.to_vec());
    // Half of the files get the right length, which would hardly ever come about by chance.
    if fill & 1 == 1 {
        file.resize(records as usize * RECORD, fill >> 1);
    }
    let Ok((images, labels)) = decode_cifar(&file, records, u32::from(*classes)) else { return };
    assert!(labels.iter().all(|label| label < classes), "a label is no class");
    assert!(encode(&images, &labels) == file, "the file comes back as another");
});

/// The records that images and labels came from.
fn encode(images: &[u8], labels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    for (image, label) in images.chunks(3 * PLANE).zip(labels) {
        file.push(*label);
        for channel in 0..3 {
            file.extend(image.iter().skip(channel).step_by(3));
        }
    }
    file
}
