//! The four kinds of key that may sign, and nothing else.
//!
//! RSA and the larger NIST curves are left out because the `ssh-key` release in use signs or loads
//! them wrongly; DSA because OpenSSH no longer supports it; certificates because they would move the question of who
//! may sign out of `allowed_signers`.

use ssh_key::{Algorithm, HashAlg, PublicKey};

use hlb_core::hint::Hint;
use hlb_core::text::show;

/// Ed25519, which `hlb-bench keygen` makes, and ECDSA P-256, each also in a FIDO token, as SSH spells them.
const ACCEPTED: [&str; 4] =
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"];

/// A key of a kind that may not sign here.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[error("key type `{found}` is not accepted")]
pub struct UnsupportedKey {
    /// The name of the kind, as SSH spells it, safe to print.
    pub found: String,
}

impl Hint for UnsupportedKey {
    fn hint(&self) -> Option<String> {
        Some("use an Ed25519 key (`hlb-bench keygen` makes one), an ECDSA P-256 key, or a FIDO key".to_owned())
    }
}

/// Refuses every kind of key but the four, by the name that SSH gives it.
pub(super) fn check_key_type(name: &str) -> Result<(), UnsupportedKey> {
    if ACCEPTED.contains(&name) { Ok(()) } else { Err(UnsupportedKey { found: show(name) }) }
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
}
