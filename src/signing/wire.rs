//! The fields of a signature, cut out of its bytes without any slack.
//!
//! The `ssh-key` crate reads each field up to where its content ends and does not mind an outer
//! length that promises more, so a changed byte in such a length would go unnoticed, where OpenSSH
//! refuses it. Here every length has to fit exactly.
//!
//! This file must never interpret a field.

/// What every signature starts with.
const MAGIC: &[u8] = b"SSHSIG";

/// Bytes that a FIDO token appends to its signature: one of flags, four of a counter.
pub(super) const TOKEN_TRAILER: usize = 5;

/// The fields of a signature.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Envelope<'a> {
    /// Version of the format.
    pub(super) version: u32,
    /// The public key: its kind as a string, then what belongs to that kind.
    pub(super) public_key: &'a [u8],
    /// The bytes that the format reserves.
    pub(super) reserved: &'a [u8],
    /// The signature proper.
    pub(super) signature: &'a [u8],
}

/// The parts of a signature proper.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proper<'a> {
    /// Its kind.
    pub(super) kind: &'a [u8],
    /// What follows the numbers: the trailer of a token, or nothing.
    pub(super) trailer: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Cuts a signature into its fields; nothing may be left over.
    pub(super) fn read(blob: &'a [u8]) -> Option<Self> {
        let (version, rest) = blob.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
        let (public_key, rest) = string(rest)?;
        let (_namespace, rest) = string(rest)?;
        let (reserved, rest) = string(rest)?;
        let (_hash, rest) = string(rest)?;
        let (signature, rest) = string(rest)?;
        rest.is_empty().then_some(Self { version: u32::from_be_bytes(*version), public_key, reserved, signature })
    }

    /// The kind of the key, if it is text.
    pub(super) fn key_type(&self) -> Option<&'a str> {
        let (name, _) = string(self.public_key)?;
        std::str::from_utf8(name).ok()
    }

    /// The parts of the signature proper.
    pub(super) fn proper(&self) -> Option<Proper<'a>> {
        let (kind, rest) = string(self.signature)?;
        let (_numbers, trailer) = string(rest)?;
        Some(Proper { kind, trailer })
    }
}

/// Takes a string off the front: four bytes of length, big-endian, then as many bytes.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob() -> Vec<u8> {
        let mut blob = b"SSHSIG\0\0\0\x01".to_vec();
        let fields: [&[u8]; 5] = [b"\0\0\0\x01kK", b"ns", b"", b"h", b"\0\0\0\x01k\0\0\0\x01N+"];
        for field in fields {
            blob.extend(u32::try_from(field.len()).expect("short").to_be_bytes());
            blob.extend(field);
        }
        blob
    }

    #[test]
    fn every_field_is_cut_where_its_length_says() {
        let blob = blob();
        let envelope = Envelope::read(&blob).expect("in order");
        assert_eq!((envelope.version, envelope.reserved), (1, &b""[..]));
        assert_eq!(envelope.key_type(), Some("k"));
        let proper = envelope.proper().expect("in order");
        assert_eq!((proper.kind, proper.trailer), (&b"k"[..], &b"+"[..]));
    }

    #[test]
    fn neither_a_missing_nor_a_further_byte_passes() {
        let mut bytes = blob();
        for length in 0..bytes.len() {
            assert_eq!(Envelope::read(&bytes[..length]), None, "{length}");
        }
        bytes.push(0);
        assert_eq!(Envelope::read(&bytes), None);
    }
}
