//! The binary version of CIFAR-10: records of one label and three color planes, and nothing else in the file.
//!
//! The format has no header, so only the length and the labels show that a file is wrong.

/// Rows, and columns, of an image.
const SIDE: usize = 32;

/// Pixels of an image, and bytes of one of its color planes.
const PLANE: usize = SIDE * SIDE;

/// Bytes of a record: the label, then the red, green and blue planes, each row by row.
///
/// Source: the format's description, <https://www.cs.toronto.edu/~kriz/cifar.html>, "Binary version".
const RECORD: usize = 1 + 3 * PLANE;

/// Length of a file of `records` records.
pub(crate) fn file_bytes(records: u32) -> u64 {
    u64::from(records) * RECORD as u64
}

/// The images (in the order image, row, column, channel; 32 x 32 x 3 bytes each) and the labels (one byte each) of a
/// file of `records` records, once its length fits and every label is under `classes`. Errors follow the file's name.
pub fn decode(bytes: &[u8], records: u32, classes: u32) -> Result<(Vec<u8>, Vec<u8>), String> {
    let expected = file_bytes(records);
    if bytes.len() as u64 != expected {
        let found = bytes.len();
        return Err(format!("is {found} bytes long, {records} records of {RECORD} bytes take {expected}"));
    }
    let mut images = Vec::with_capacity(bytes.len());
    let mut labels = Vec::with_capacity(bytes.len() / RECORD);
    for (record, bytes) in bytes.chunks_exact(RECORD).enumerate() {
        let (label, planes) = (bytes[0], &bytes[1..]);
        if u32::from(label) >= classes {
            let most = classes.saturating_sub(1);
            return Err(format!("has the label {label} at record {record} (counted from 0); labels go to {most}"));
        }
        labels.push(label);
        interleave(planes, &mut images);
    }
    Ok((images, labels))
}

/// Appends the pixels of three planes, the channels of each pixel side by side.
fn interleave(planes: &[u8], images: &mut Vec<u8>) {
    let (red, others) = planes.split_at(PLANE);
    let (green, blue) = others.split_at(PLANE);
    images.extend(red.iter().zip(green).zip(blue).flat_map(|((red, green), blue)| [*red, *green, *blue]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The inverse of [`decode`], pixel by pixel from the description of the format.
    fn encode(images: &[u8], labels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (record, label) in labels.iter().enumerate() {
            bytes.push(*label);
            for (channel, row, column) in positions() {
                bytes.push(images[((record * SIDE + row) * SIDE + column) * 3 + channel]);
            }
        }
        bytes
    }

    /// Channel, row and column of every byte of a record after its label.
    fn positions() -> impl Iterator<Item = (usize, usize, usize)> {
        (0..3).flat_map(|channel| (0..SIDE).flat_map(move |row| (0..SIDE).map(move |column| (channel, row, column))))
    }

    #[test]
    fn planes_become_pixels() {
        let mut file = vec![0; 2 * RECORD];
        file[RECORD] = 9;
        // Second image: red at row 0, column 1; green at row 1, column 0; blue at the last pixel.
        file[RECORD + 1 + 1] = 10;
        file[RECORD + 1 + PLANE + SIDE] = 20;
        file[2 * RECORD - 1] = 30;
        let (images, labels) = decode(&file, 2, 10).unwrap();
        assert_eq!(labels, [0, 9]);
        assert_eq!(images.len(), 2 * 3 * PLANE);
        let second = &images[3 * PLANE..];
        assert_eq!((second[3], second[3 * SIDE + 1], second[3 * PLANE - 1]), (10, 20, 30));
        assert_eq!(images.iter().filter(|byte| **byte > 0).count(), 3);
    }

    #[test]
    fn each_wrong_thing_is_named() {
        let message = |bytes: &[u8], records| decode(bytes, records, 10).expect_err("wrong");
        let mut wrong_label = vec![0; 3 * RECORD];
        wrong_label[2 * RECORD] = 10;
        let cases = [
            (message(&[0; 3072], 1), "is 3072 bytes long, 1 records of 3073 bytes take 3073"),
            (message(&[0; 3074], 1), "is 3074 bytes long, 1 records of 3073 bytes take 3073"),
            (message(&[], u32::MAX), "is 0 bytes long, 4294967295 records of 3073 bytes take 13198434497535"),
            (message(&wrong_label, 3), "has the label 10 at record 2 (counted from 0); labels go to 9"),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
        assert!(decode(&[0; RECORD], 1, 0).is_err(), "without classes no label is right");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_encoded_decodes(records in prop::collection::vec((0_u8..10, any::<u64>()), 0..4)) {
            let labels: Vec<u8> = records.iter().map(|(label, _)| *label).collect();
            // Every byte differs from its neighbours in a way that depends on the image.
            let byte = |seed: u64, place: u64| (seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes()[6];
            let image = |(_, seed): &(u8, u64)| -> Vec<u8> { (0..3072).map(|place| byte(*seed, place)).collect() };
            let images: Vec<u8> = records.iter().flat_map(image).collect();
            let file = encode(&images, &labels);
            prop_assert_eq!(decode(&file, u32::try_from(labels.len()).unwrap(), 10), Ok((images, labels)));
        }

        #[test]
        fn strange_bytes_never_panic_and_never_give_a_label_beyond_the_classes(
            length in prop_oneof![0_usize..8, Just(RECORD - 1), Just(RECORD), Just(RECORD + 1), Just(2 * RECORD)],
            first in any::<u8>(), records in 0_u32..4, classes in 0_u32..300,
        ) {
            if let Ok((images, labels)) = decode(&vec![first; length], records, classes) {
                prop_assert_eq!((labels.len(), images.len()), (records as usize, 3 * PLANE * records as usize));
                prop_assert!(labels.iter().all(|label| u32::from(*label) < classes));
            }
        }
    }
}
