//! The verdict: these bytes, this signature, these signers, at this time.
//!
//! This file must never interpret the message: only its bytes are verified.

use chrono::{DateTime, Utc};
use hlb_core::hint::Hint;
use ssh_key::{Algorithm, PublicKey, SshSig};

use crate::signing::allowed_line::WhyNot;
use crate::signing::allowed_signers::AllowedSigners;
use crate::signing::armor::{self, ArmorError, TOKEN_TRAILER};
use crate::signing::key_type::{fingerprint, is_security_key};
use hlb_core::text::show;

/// The flag that says that somebody touched the token.
const USER_PRESENT: u8 = 1;

/// A good signature by a listed signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Who signed, as the list of signers names them, such as `alice@github`.
    pub principal: String,
    /// Fingerprint of the key, `SHA256:...`.
    pub fingerprint: String,
    /// The kind of key.
    pub algorithm: Algorithm,
}

/// Why a signature does not stand for a message.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the messages say what the fields are")]
pub enum SignatureError {
    /// The file is not a signature in the accepted layout.
    #[error("signature file is not in order")]
    Armor(#[from] ArmorError),
    #[error("signature is for namespace `{found}`, expected `{expected}`")]
    Namespace { expected: String, found: String },
    /// The signature and the message do not belong together: one of them was changed.
    #[error("signature by `{fingerprint}` does not match the signed bytes")]
    Mismatch { fingerprint: String },
    #[error("signature by `{fingerprint}` was made without touching the token")]
    NotTouched { fingerprint: String },
    /// The signature is good, but its key may not sign.
    #[error("signature is good, but key `{fingerprint}` may not sign")]
    NotAllowed {
        fingerprint: String,
        #[source]
        why: WhyNot,
    },
}

impl Hint for SignatureError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Armor(error) => error.hint(),
            Self::Mismatch { .. } => Some(
                "the file was changed after it was signed (line ends count too); take the original \
                 bytes"
                    .to_owned(),
            ),
            Self::NotAllowed { why, .. } => why.hint(),
            Self::Namespace { .. } | Self::NotTouched { .. } => None,
        }
    }
}

/// Checks that a listed signer, allowed in `namespace` at time `at`, signed exactly `message`.
///
/// `at` is the time at which the entry was received, never one that the signer could choose.
pub fn verify(
    message: &[u8],
    armored: &[u8],
    namespace: &str,
    signers: &AllowedSigners,
    at: DateTime<Utc>,
) -> Result<Verified, SignatureError> {
    verify_listed_for(namespace, message, armored, namespace, signers, at)
}

/// [`verify`] for a signature whose signer has to be listed for another namespace: who may sign results may announce them.
pub fn verify_listed_for(
    listed: &str,
    message: &[u8],
    armored: &[u8],
    namespace: &str,
    signers: &AllowedSigners,
    at: DateTime<Utc>,
) -> Result<Verified, SignatureError> {
    let key = verify_any_signer(message, armored, namespace)?;
    let fingerprint = fingerprint(&key);
    match signers.find(&key, listed, at) {
        Ok(principal) => Ok(Verified { principal: principal.to_owned(), fingerprint, algorithm: key.algorithm() }),
        Err(why) => Err(SignatureError::NotAllowed { fingerprint, why }),
    }
}

/// Checks that the holder of some key signed exactly `message`, listed or not; the key, without a comment.
///
/// For showing "signed by the unlisted key `SHA256:...`" and for checking a signature that was
/// just made. It does not verify an entry, since anybody can make a key.
pub fn verify_any_signer(message: &[u8], armored: &[u8], namespace: &str) -> Result<PublicKey, SignatureError> {
    let signature = armor::decode(armored)?;
    if signature.namespace() != namespace {
        return Err(SignatureError::Namespace { expected: namespace.to_owned(), found: show(signature.namespace()) });
    }
    let key = PublicKey::from(signature.public_key().clone());
    if key.verify(namespace, message, &signature).is_err() {
        return Err(SignatureError::Mismatch { fingerprint: fingerprint(&key) });
    }
    if is_security_key(&signature.algorithm()) && !touched(&signature) {
        return Err(SignatureError::NotTouched { fingerprint: fingerprint(&key) });
    }
    Ok(key)
}

/// Whether the flags, which the token signs too, say that it was touched.
fn touched(signature: &SshSig) -> bool {
    let flags = signature.signature_bytes().iter().nth_back(TOKEN_TRAILER - 1);
    flags.is_some_and(|flags| flags & USER_PRESENT != 0)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use ssh_key::private::{Ed25519Keypair, KeypairData};
    use ssh_key::{HashAlg, LineEnding, PrivateKey};

    use super::*;
    use crate::signing::allowed_line::line_for;
    use crate::signing::{RERUN_NAMESPACE, RESULT_NAMESPACE};

    const MESSAGE: &[u8] = b"schema: 1\nrules: \"1.0\"\n";

    fn key(seed: u8) -> PrivateKey {
        let pair = Ed25519Keypair::from_seed(&[seed; 32]);
        PrivateKey::new(KeypairData::from(pair), "").expect("a plain key")
    }

    fn sign(key: &PrivateKey, hash: HashAlg) -> String {
        key.sign(RESULT_NAMESPACE, hash, MESSAGE)
            .and_then(|signature| signature.to_pem(LineEnding::LF))
            .expect("Ed25519 signs")
    }

    fn alice() -> AllowedSigners {
        let line = line_for(key(7).public_key(), "alice@github", &[RESULT_NAMESPACE]);
        AllowedSigners::parse(&line.expect("in order"), "allowed_signers").expect("in order")
    }

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap()
    }

    #[test]
    fn a_listed_signer_is_named() {
        for hash in [HashAlg::Sha512, HashAlg::Sha256] {
            let armored = sign(&key(7), hash);
            let verified = verify(MESSAGE, armored.as_bytes(), RESULT_NAMESPACE, &alice(), now()).expect("good");
            assert_eq!(verified.principal, "alice@github");
            assert_eq!(verified.algorithm, Algorithm::Ed25519);
            assert_eq!(verified.fingerprint, fingerprint(key(7).public_key()));
        }
    }

    #[test]
    fn an_unlisted_signer_is_told_from_a_broken_signature() {
        let armored = sign(&key(8), HashAlg::Sha512);
        let error =
            verify(MESSAGE, armored.as_bytes(), RESULT_NAMESPACE, &alice(), now()).expect_err("bob is not listed");
        let SignatureError::NotAllowed { fingerprint: found, why } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*why, WhyNot::UnknownKey);
        let some = verify_any_signer(MESSAGE, armored.as_bytes(), RESULT_NAMESPACE).expect("good, whoever it is");
        assert_eq!(fingerprint(&some), *found);
        assert_eq!(some.key_data(), key(8).public_key().key_data());
    }

    #[test]
    fn the_message_is_bytes() {
        let armored = sign(&key(7), HashAlg::Sha512);
        let text = std::str::from_utf8(MESSAGE).expect("ASCII");
        for changed in [text.replace('\n', "\r\n"), text.trim_end().to_owned(), format!("{text}\n"), String::new()] {
            let error =
                verify_any_signer(changed.as_bytes(), armored.as_bytes(), RESULT_NAMESPACE).expect_err("other bytes");
            assert!(matches!(error, SignatureError::Mismatch { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_signature_serves_one_purpose() {
        let armored = sign(&key(7), HashAlg::Sha512);
        for other in [RERUN_NAMESPACE, "Result.v1@hlb-bench", "result.v1@hlb-benc", ""] {
            let error = verify_any_signer(MESSAGE, armored.as_bytes(), other).expect_err("another purpose");
            assert_eq!(
                error,
                SignatureError::Namespace { expected: other.to_owned(), found: RESULT_NAMESPACE.to_owned() }
            );
        }
    }

    #[test]
    fn messages_say_what_and_for_whom() {
        let armored = sign(&key(7), HashAlg::Sha512);
        let error = verify_any_signer(b"x", armored.as_bytes(), RESULT_NAMESPACE).expect_err("other bytes");
        let expected = format!("signature by `{}` does not match the signed bytes", fingerprint(key(7).public_key()));
        assert_eq!(error.to_string(), expected);
    }
}
