//! The message `Event` of `tensorflow/core/util/event.proto`, as far as scalars need it, in the encoding of protocol buffers.

/// Fields of `Event`, `Summary` and `Summary.Value`.
const EVENT_WALL_TIME: u64 = 1;
const EVENT_STEP: u64 = 2;
const EVENT_FILE_VERSION: u64 = 3;
const EVENT_SUMMARY: u64 = 5;
const SUMMARY_VALUE: u64 = 1;
const VALUE_TAG: u64 = 1;
const VALUE_SIMPLE_VALUE: u64 = 2;

/// Ways in which a field is laid out.
const VARINT: u64 = 0;
const BITS_64: u64 = 1;
const BYTES: u64 = 2;
const BITS_32: u64 = 5;

/// What happened.
pub(super) enum What<'a> {
    /// The file began; the first event of every file.
    FileVersion,
    /// A point of a curve.
    Scalar { tag: &'a str, value: f64 },
}

/// The bytes of an event.
pub(super) fn event(wall_time: f64, step: u64, what: &What) -> Vec<u8> {
    let mut out = Vec::new();
    key(&mut out, EVENT_WALL_TIME, BITS_64);
    out.extend(wall_time.to_le_bytes());
    key(&mut out, EVENT_STEP, VARINT);
    varint(&mut out, step);
    match what {
        What::FileVersion => bytes(&mut out, EVENT_FILE_VERSION, b"brain.Event:2"),
        What::Scalar { tag, value } => bytes(&mut out, EVENT_SUMMARY, &summary(tag, *value)),
    }
    out
}

#[expect(clippy::cast_possible_truncation, reason = "the format has 32 bits for a scalar")]
fn summary(tag: &str, value: f64) -> Vec<u8> {
    let mut scalar = Vec::new();
    bytes(&mut scalar, VALUE_TAG, tag.as_bytes());
    key(&mut scalar, VALUE_SIMPLE_VALUE, BITS_32);
    scalar.extend((value as f32).to_le_bytes());
    let mut summary = Vec::new();
    bytes(&mut summary, SUMMARY_VALUE, &scalar);
    summary
}

fn key(out: &mut Vec<u8>, field: u64, layout: u64) {
    varint(out, field << 3 | layout);
}

fn bytes(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    key(out, field, BYTES);
    varint(out, content.len() as u64);
    out.extend(content);
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_laid_out_as_the_format_says() {
        let laid_out = |number| {
            let mut out = Vec::new();
            varint(&mut out, number);
            out
        };
        assert_eq!(laid_out(0), [0]);
        assert_eq!(laid_out(127), [127]);
        assert_eq!(laid_out(300), [0xac, 0x02]);
        assert_eq!(laid_out(u64::MAX).len(), 10);
    }
}
