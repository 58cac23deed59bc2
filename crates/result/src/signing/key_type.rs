//! The four kinds of key that may sign, and nothing else.
//!
//! RSA and the larger NIST curves are left out because the `ssh-key` release in use signs or loads
//! them wrongly; DSA because OpenSSH no longer supports it; certificates because they would move the question of who
//! may sign out of `allowed_signers`.

use std::fmt;

use ssh_key::{Algorithm, EcdsaCurve, HashAlg, PublicKey};

use hlb_core::text::show;

use hlb_core::hint::Hint;

/// A kind of key whose signatures are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyType {
    /// `ssh-ed25519`: what `hlb-bench keygen` makes.
    Ed25519,
    /// `ecdsa-sha2-nistp256`.
    EcdsaP256,
    /// `sk-ssh-ed25519@openssh.com`: Ed25519 in a FIDO token.
    SkEd25519,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`: P-256 in a FIDO token.
    SkEcdsaP256,
}

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

impl KeyType {
    /// All of them, in the order of the enum.
    pub const ALL: [Self; 4] = [Self::Ed25519, Self::EcdsaP256, Self::SkEd25519, Self::SkEcdsaP256];

    /// The name that SSH gives the kind, as the first word of a public key line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::EcdsaP256 => "ecdsa-sha2-nistp256",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    /// Whether the key lies in a token that has to be touched.
    pub fn is_security_key(self) -> bool {
        matches!(self, Self::SkEd25519 | Self::SkEcdsaP256)
    }

    /// The kind with this SSH name, exactly spelled.
    pub(crate) fn from_name(name: &str) -> Result<Self, UnsupportedKey> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(|| UnsupportedKey { found: show(name) })
    }

    pub(super) fn from_algorithm(algorithm: &Algorithm) -> Result<Self, UnsupportedKey> {
        match algorithm {
            Algorithm::Ed25519 => Ok(Self::Ed25519),
            Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 } => Ok(Self::EcdsaP256),
            Algorithm::SkEd25519 => Ok(Self::SkEd25519),
            Algorithm::SkEcdsaSha2NistP256 => Ok(Self::SkEcdsaP256),
            other => Err(UnsupportedKey { found: show(other.as_str()) }),
        }
    }
}

/// The SHA-256 fingerprint of a key as `ssh-keygen -l` prints it: `SHA256:` and 43 characters.
pub fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_algorithms_agree() {
        for kind in KeyType::ALL {
            let algorithm = Algorithm::new(kind.as_str()).expect("SSH knows the name");
            assert_eq!(KeyType::from_algorithm(&algorithm), Ok(kind));
            assert_eq!(KeyType::from_name(kind.as_str()), Ok(kind));
        }
    }

    #[test]
    fn every_other_kind_is_refused_by_name() {
        for name in ["ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"] {
            let algorithm = Algorithm::new(name).expect("SSH knows the name");
            let refused = KeyType::from_algorithm(&algorithm).expect_err("not one of ours");
            assert_eq!(refused.to_string(), format!("key type `{name}` is not accepted"));
            assert_eq!(KeyType::from_name(name), Err(refused));
        }
        assert!(KeyType::from_name("ssh-ed25519-cert-v01@openssh.com").is_err());
        assert!(KeyType::from_name("SSH-ED25519").is_err());
    }
}
