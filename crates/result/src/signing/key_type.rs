//! The four kinds of key that may sign, each in its one spelling, and nothing else.
//!
//! RSA and the larger NIST curves are left out because the `ssh-key` release in use signs or loads
//! them wrongly; DSA because OpenSSH no longer supports it; certificates because they would move the question of who
//! may sign out of `allowed_signers`.

use ed25519_dalek::VerifyingKey;
use ssh_key::public::{Ed25519PublicKey, KeyData};
use ssh_key::{Algorithm, HashAlg, PublicKey};

use hlb_core::hint::Hint;
use hlb_core::text::show;

/// Ed25519, which `hlb-bench keygen` makes, and ECDSA P-256, each also in a FIDO token, as SSH spells them.
const ACCEPTED: [&str; 4] =
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"];

/// The first byte of a point of P-256 that is written in full.
const UNCOMPRESSED: u8 = 4;

/// How the name of a key in a token begins, as `ssh-keygen` demands.
const APPLICATION_START: &str = "ssh:";

/// A key that may not sign here.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum UnsupportedKey {
    /// Of another kind; the name is safe to print.
    #[error("key type `{found}` is not accepted")]
    Kind { found: String },
    /// One key in several spellings would have several fingerprints.
    #[error("key is not written as OpenSSH writes it")]
    Spelling,
    #[error("point of the key is not on its curve")]
    OffCurve,
    /// Anybody can sign for it, or its holder can sign everything at once.
    #[error("key is weak: its point has a part of small order")]
    Weak,
}

impl Hint for UnsupportedKey {
    fn hint(&self) -> Option<String> {
        Some("use an Ed25519 key (`hlb-bench keygen` makes one), an ECDSA P-256 key, or a FIDO key".to_owned())
    }
}

/// Refuses every kind of key but the four, by the name that SSH gives it.
pub(super) fn check_key_type(name: &str) -> Result<(), UnsupportedKey> {
    if ACCEPTED.contains(&name) { Ok(()) } else { Err(UnsupportedKey::Kind { found: show(name) }) }
}

/// Refuses a key of another kind, and one that has a second spelling or under which a signature proves nothing.
pub(super) fn check_key(key: &KeyData) -> Result<(), UnsupportedKey> {
    check_key_type(key.algorithm().as_str())?;
    match key {
        KeyData::Ed25519(point) => check_ed25519(point),
        KeyData::SkEd25519(token) => check_application(token.application()).and(check_ed25519(token.public_key())),
        KeyData::SkEcdsaSha2NistP256(token) => {
            check_application(token.application()).and(check_p256(token.ec_point().as_bytes()))
        }
        _ => check_p256(point_of(key)),
    }
}

/// The point of a key, which is the same whether a token has it or a file.
pub(super) fn point_of(key: &KeyData) -> &[u8] {
    match key {
        KeyData::Ed25519(point) => point.as_ref(),
        KeyData::SkEd25519(token) => token.public_key().as_ref(),
        KeyData::Ecdsa(point) => point.as_sec1_bytes(),
        KeyData::SkEcdsaSha2NistP256(token) => token.ec_point().as_bytes(),
        _ => &[],
    }
}

/// OpenSSH cuts the name at a NUL, so that two names would be one.
fn check_application(name: &str) -> Result<(), UnsupportedKey> {
    let plain = name.starts_with(APPLICATION_START) && name.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { Ok(()) } else { Err(UnsupportedKey::Spelling) }
}

/// Honest keys are multiples of the base point. With a part of small order, one private key has eight public ones; with
/// nothing else, one signature fits every message.
fn check_ed25519(key: &Ed25519PublicKey) -> Result<(), UnsupportedKey> {
    let read = VerifyingKey::from_bytes(key.as_ref()).map_err(|_| UnsupportedKey::OffCurve)?;
    let point = read.to_edwards();
    if point.compress().as_bytes() != key.as_ref() {
        return Err(UnsupportedKey::Spelling);
    }
    if read.is_weak() || !point.is_torsion_free() { Err(UnsupportedKey::Weak) } else { Ok(()) }
}

/// A point in full, never compressed, as OpenSSH writes it.
fn check_p256(point: &[u8]) -> Result<(), UnsupportedKey> {
    if point.first() != Some(&UNCOMPRESSED) {
        return Err(UnsupportedKey::Spelling);
    }
    p256::PublicKey::from_sec1_bytes(point).map(drop).map_err(|_| UnsupportedKey::OffCurve)
}

/// Reads a public key of these two words, whose bytes have to be those that are written for it.
pub(super) fn read_key(kind: &str, base64: &str) -> Result<PublicKey, KeyError> {
    check_key_type(kind)?;
    let key = PublicKey::from_openssh(&format!("{kind} {base64}")).map_err(unreadable)?;
    let written = key.to_openssh().map_err(unreadable)?;
    if written.trim_end() != format!("{kind} {base64}") {
        return Err(UnsupportedKey::Spelling.into());
    }
    check_key(key.key_data())?;
    Ok(key)
}

/// The public key of a line in a key file, of whatever kind; `None` if it is not spelled as it is written.
pub(super) fn key_in(text: &str) -> Option<PublicKey> {
    let key = PublicKey::from_openssh(text.trim()).ok()?;
    let written = key.to_openssh().ok()?;
    let same = written.split_ascii_whitespace().take(2).eq(text.split_ascii_whitespace().take(2));
    same.then_some(key)
}

/// Why two words are not a public key.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyError {
    /// It is one that may not sign.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedKey),
    /// It cannot be read at all.
    #[error("{0}")]
    Unreadable(String),
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn unreadable(error: ssh_key::Error) -> KeyError {
    KeyError::Unreadable(error.to_string())
}

/// Whether keys of this kind lie in a token that has to be touched.
pub fn is_security_key(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256)
}

/// The SHA-256 fingerprint of a key as `ssh-keygen -l` prints it: `SHA256:` and 43 characters.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

#[cfg(test)]
mod tests {
    use p256::elliptic_curve::sec1::ToEncodedPoint as _;
    use ssh_key::public::{EcdsaPublicKey, SkEcdsaSha2NistP256, SkEd25519};

    use super::*;

    #[test]
    fn names_and_algorithms_agree() {
        for name in ACCEPTED {
            let algorithm = Algorithm::new(name).expect("SSH knows the name");
            assert_eq!(algorithm.as_str(), name);
            assert_eq!(check_key_type(name), Ok(()));
            assert_eq!(is_security_key(&algorithm), name.starts_with("sk-"));
        }
    }

    #[test]
    fn every_other_kind_is_refused_by_name() {
        for name in ["ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"] {
            let algorithm = Algorithm::new(name).expect("SSH knows the name");
            let refused = check_key_type(algorithm.as_str()).expect_err("not one of ours");
            assert_eq!(refused.to_string(), format!("key type `{name}` is not accepted"));
        }
        assert!(check_key_type("ssh-ed25519-cert-v01@openssh.com").is_err());
        assert!(check_key_type("SSH-ED25519").is_err());
    }

    fn ed25519(point: [u8; 32]) -> Result<(), UnsupportedKey> {
        check_key(&KeyData::Ed25519(Ed25519PublicKey(point)))
    }

    /// A coordinate in little-endian hex, as curve files print them.
    fn bytes(first: u8, middle: u8, last: u8) -> [u8; 32] {
        let mut point = [middle; 32];
        (point[0], point[31]) = (first, last);
        point
    }

    #[test]
    fn keys_under_which_a_signature_proves_nothing_are_refused() {
        assert_eq!(ed25519(VerifyingKey::from(&ed25519_dalek::SigningKey::from_bytes(&[7; 32])).to_bytes()), Ok(()));
        // The neutral point, the points of order 2 and 4, and one of order 8 (RFC 8032's curve).
        let eighth = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
        let eighth: Vec<u8> =
            (0..32).map(|at| u8::from_str_radix(&eighth[2 * at..2 * at + 2], 16).expect("hex")).collect();
        let eighth: [u8; 32] = eighth.try_into().expect("32 bytes");
        for weak in [bytes(1, 0, 0), bytes(0xec, 0xff, 0x7f), bytes(0, 0, 0), bytes(0, 0, 0x80), eighth] {
            assert_eq!(ed25519(weak), Err(UnsupportedKey::Weak), "{weak:02x?}");
        }
        // The same again, written with numbers over the prime or with a sign that zero does not have.
        for other in [bytes(0xee, 0xff, 0x7f), bytes(0xed, 0xff, 0x7f), bytes(1, 0, 0x80), bytes(0xec, 0xff, 0xff)] {
            assert!(matches!(ed25519(other), Err(UnsupportedKey::Spelling | UnsupportedKey::OffCurve)), "{other:02x?}");
        }
    }

    #[test]
    fn a_key_with_a_part_of_small_order_is_refused() {
        let honest = VerifyingKey::from(&ed25519_dalek::SigningKey::from_bytes(&[7; 32])).to_edwards();
        let order_two = VerifyingKey::from_bytes(&bytes(0xec, 0xff, 0x7f)).expect("a point").to_edwards();
        let mixed = (honest + order_two).compress().to_bytes();
        assert_eq!(ed25519(mixed), Err(UnsupportedKey::Weak));
        let token = SkEd25519::new(Ed25519PublicKey(mixed), "ssh:");
        assert_eq!(check_key(&KeyData::SkEd25519(token)), Err(UnsupportedKey::Weak));
    }

    #[test]
    fn a_token_is_named_as_open_ssh_names_it() {
        let point = VerifyingKey::from(&ed25519_dalek::SigningKey::from_bytes(&[7; 32])).to_bytes();
        let named = |name: &str| check_key(&KeyData::SkEd25519(SkEd25519::new(Ed25519PublicKey(point), name)));
        assert_eq!((named("ssh:"), named("ssh:bench")), (Ok(()), Ok(())));
        for bad in ["", "web.example", "ssh:\0", "ssh:\0x", "ssh: x", "ssh:\u{e9}"] {
            assert_eq!(named(bad), Err(UnsupportedKey::Spelling), "{bad:?}");
        }
    }

    #[test]
    fn a_point_of_p256_is_written_in_full_and_lies_on_the_curve() {
        let secret = p256::SecretKey::from_slice(&[7; 32]).expect("in range");
        let point = secret.public_key();
        let full = point.to_encoded_point(false);
        let of = |point| check_key(&KeyData::Ecdsa(EcdsaPublicKey::NistP256(point)));
        assert_eq!(of(full), Ok(()));
        assert_eq!(of(point.to_encoded_point(true)), Err(UnsupportedKey::Spelling));
        let mut moved = full.as_bytes().to_vec();
        moved[64] ^= 1;
        let moved = p256::EncodedPoint::from_bytes(&moved).expect("the right length");
        assert_eq!(of(moved), Err(UnsupportedKey::OffCurve));
        let token = SkEcdsaSha2NistP256::new(point.to_encoded_point(true), "ssh:");
        assert_eq!(check_key(&KeyData::SkEcdsaSha2NistP256(token)), Err(UnsupportedKey::Spelling));
    }
}
