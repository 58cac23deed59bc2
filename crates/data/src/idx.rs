//! The IDX format of MNIST and Fashion-MNIST: a big-endian header, then bytes.

use crate::arrays::ArrayShapes;

/// A file that is not the IDX file it should be.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum IdxError {
    /// Shorter than its header.
    #[error("is {length} bytes long, too short for an IDX header")]
    NoHeader { length: usize },
    /// Not the magic number of images or labels.
    #[error("begins with the number {found:#010x}, an IDX file of {kind} begins with {expected:#010x}")]
    Magic { kind: &'static str, found: u32, expected: u32 },
    /// A count in the header is not the data set's.
    #[error("says it holds {found} {what}, this data set has {expected}")]
    Count { what: &'static str, found: u32, expected: u32 },
    /// Body shorter or longer than its header says.
    #[error("is {found} bytes long, its header asks for {expected}")]
    Length { found: usize, expected: usize },
    /// A label without a class; items are counted from 0.
    #[error("has the label {label} at item {item}; labels go to {most}")]
    Label { label: u8, item: usize, most: u32 },
}

const IMAGES: u32 = 0x0803;
const LABELS: u32 = 0x0801;

/// The body of an IDX file, once its header and length are what `shapes` says. `part` is 0 to 3: training images,
/// training labels, evaluation images, evaluation labels.
pub fn decode(bytes: &[u8], part: usize, shapes: ArrayShapes) -> Result<Vec<u8>, IdxError> {
    let count = if part < 2 { shapes.train } else { shapes.evaluation };
    if part.is_multiple_of(2) { images(bytes, count, shapes) } else { labels(bytes, count, shapes.classes) }
}

/// Length of the file of a part, header included.
pub(crate) fn file_bytes(part: usize, shapes: ArrayShapes) -> u64 {
    let header = if part.is_multiple_of(2) { 16 } else { 8 };
    header + shapes.byte_counts().get(part).map_or(0, |body| *body as u64)
}

fn images(bytes: &[u8], count: u32, shapes: ArrayShapes) -> Result<Vec<u8>, IdxError> {
    magic(bytes, "images", IMAGES)?;
    counted(bytes, 1, "images", count)?;
    counted(bytes, 2, "rows", shapes.height)?;
    counted(bytes, 3, "columns", shapes.width)?;
    body(bytes, 16, count as usize * shapes.image_bytes())
}

fn labels(bytes: &[u8], count: u32, classes: u32) -> Result<Vec<u8>, IdxError> {
    magic(bytes, "labels", LABELS)?;
    counted(bytes, 1, "labels", count)?;
    let labels = body(bytes, 8, count as usize)?;
    match labels.iter().position(|label| u32::from(*label) >= classes) {
        Some(item) => Err(IdxError::Label { label: labels[item], item, most: classes.saturating_sub(1) }),
        None => Ok(labels),
    }
}

fn word(bytes: &[u8], index: usize) -> Result<u32, IdxError> {
    let slice = bytes.get(4 * index..4 * index + 4).ok_or(IdxError::NoHeader { length: bytes.len() })?;
    Ok(slice.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

fn magic(bytes: &[u8], kind: &'static str, expected: u32) -> Result<(), IdxError> {
    let found = word(bytes, 0)?;
    if found == expected { Ok(()) } else { Err(IdxError::Magic { kind, found, expected }) }
}

fn counted(bytes: &[u8], index: usize, what: &'static str, expected: u32) -> Result<(), IdxError> {
    let found = word(bytes, index)?;
    if found == expected { Ok(()) } else { Err(IdxError::Count { what, found, expected }) }
}

fn body(bytes: &[u8], header: usize, length: usize) -> Result<Vec<u8>, IdxError> {
    let expected = header + length;
    if bytes.len() == expected {
        return Ok(bytes[header..].to_vec());
    }
    Err(IdxError::Length { found: bytes.len(), expected })
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
        let message = |bytes: Vec<u8>, part| decode(&bytes, part, SHAPES).expect_err("wrong").to_string();
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
