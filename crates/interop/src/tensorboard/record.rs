//! Records of a file: length, its checksum, bytes, their checksum.

use crc::{CRC_32_ISCSI, Crc};

/// The polynomial of Castagnoli.
const CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
/// Added to a checksum, which is turned first: a checksum of bytes that hold checksums would be weak.
const MASK: u32 = 0xa282_ead8;

/// Appends a record.
pub(super) fn push(out: &mut Vec<u8>, content: &[u8]) {
    let length = (content.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(content);
    out.extend(masked(content).to_le_bytes());
}

fn masked(bytes: &[u8]) -> u32 {
    CHECKSUM.checksum(bytes).rotate_right(15).wrapping_add(MASK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        assert_eq!(CHECKSUM.checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(CHECKSUM.checksum(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_record_frames_its_bytes() {
        let mut out = Vec::new();
        push(&mut out, b"abc");
        assert_eq!((out.len(), &out[..8], &out[12..15]), (8 + 4 + 3 + 4, &3_u64.to_le_bytes()[..], &b"abc"[..]));
    }
}
