//! The IDX format of MNIST and Fashion-MNIST: a big-endian header, then bytes.

use crate::arrays::ArrayShapes;

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;

/// The body of an IDX file, once its header and length are what `shapes` says. `part` is 0 to 3: training images,
/// training labels, evaluation images, evaluation labels. Errors follow the file's name.
pub fn decode(bytes: &[u8], part: usize, shapes: ArrayShapes) -> Result<Vec<u8>, String> {
    let count = if part < 2 { shapes.train } else { shapes.evaluation };
    if part.is_multiple_of(2) {
        let counts = [("images", count), ("rows", shapes.height), ("columns", shapes.width)];
        return body(bytes, IMAGES, &counts, count as usize * shapes.image_bytes());
    }
    let labels = body(bytes, LABELS, &[("labels", count)], count as usize)?;
    match labels.iter().position(|label| u32::from(*label) >= shapes.classes) {
        Some(item) => {
            let most = shapes.classes.saturating_sub(1);
            Err(format!("has the label {} at item {item}; labels go to {most}", labels[item]))
        }
        None => Ok(labels),
    }
}

/// Length of the file of a part, header included.
pub(crate) fn file_bytes(part: usize, shapes: ArrayShapes) -> u64 {
    let header = if part.is_multiple_of(2) { 16 } else { 8 };
    header + shapes.byte_counts().get(part).map_or(0, |body| *body as u64)
}

/// What follows the header: a magic number, and counts, the first of which is that of the items.
fn body(bytes: &[u8], magic: u32, counts: &[(&str, u32)], length: usize) -> Result<Vec<u8>, String> {
    let words = bytes.as_chunks().0;
    let word = |index: usize| match words.get(index) {
        Some(word) => Ok(u32::from_be_bytes(*word)),
        None => Err(format!("is {} bytes long, too short for an IDX header", bytes.len())),
    };
    let (found, kind) = (word(0)?, counts[0].0);
    if found != magic {
        return Err(format!("begins with the number {found:#010x}, an IDX file of {kind} begins with {magic:#010x}"));
    }
    for (index, (what, expected)) in (1..).zip(counts) {
        let found = word(index)?;
        if found != *expected {
            return Err(format!("says it holds {found} {what}, this data set has {expected}"));
        }
    }
    let (header, found) = (4 + 4 * counts.len(), bytes.len());
    if found != header + length {
        return Err(format!("is {found} bytes long, its header asks for {}", header + length));
    }
    Ok(bytes[header..].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHAPES: ArrayShapes = ArrayShapes { train: 3, evaluation: 2, height: 2, width: 2, channels: 1, classes: 10 };

    fn file(words: &[u32], body: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn right_files_give_their_bodies() {
        assert_eq!(decode(&file(&[IMAGES, 3, 2, 2], &[7; 12]), 0, SHAPES), Ok(vec![7; 12]));
        assert_eq!(decode(&file(&[LABELS, 2], &[1, 9]), 3, SHAPES), Ok(vec![1, 9]));
    }

    #[test]
    fn each_wrong_thing_is_named() {
        let message = |bytes: Vec<u8>, part| decode(&bytes, part, SHAPES).expect_err("wrong");
        let cases = [
            (
                message(file(&[LABELS, 3, 2, 2], &[0; 12]), 0),
                "begins with the number 0x00000801, an IDX file of images begins with 0x00000803",
            ),
            (message(file(&[IMAGES, 4, 2, 2], &[0; 16]), 0), "says it holds 4 images, this data set has 3"),
            (message(file(&[IMAGES, 3, 2, 3], &[0; 18]), 0), "says it holds 3 columns, this data set has 2"),
            (message(file(&[IMAGES, 3, 2, 2], &[0; 11]), 0), "is 27 bytes long, its header asks for 28"),
            (message(file(&[LABELS, 3], &[0, 10, 0]), 1), "has the label 10 at item 1; labels go to 9"),
            (message(vec![0, 0], 1), "is 2 bytes long, too short for an IDX header"),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }

    proptest! {
        #[test]
        fn strange_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), part in 0_usize..4) {
            let _ = decode(&bytes, part, SHAPES);
        }
    }
}
