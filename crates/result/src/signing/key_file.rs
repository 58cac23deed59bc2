//! What lies in a key file, and whether it lies safely.
//!
//! This file must never change a key file.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ssh_key::{PrivateKey, PublicKey};
use zeroize::Zeroizing;

use crate::signing::key_type::key_in;
use hlb_core::bounded;

/// The largest key file that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// A key file, read.
pub(super) enum KeyFile {
    /// A private key, perhaps still encrypted; its public half is known in any case.
    Private {
        /// The key. Boxed, so that handing it on leaves no copies behind.
        key: Box<PrivateKey>,
        /// The permission bits of its file.
        mode: u32,
    },
    /// A public key: the private half is in an agent, a token or a file next to it.
    Public(PublicKey),
    /// Anything else, among it private keys that the crate cannot load.
    Other,
}

/// Reads a key file.
pub(super) fn read(path: &Path) -> io::Result<KeyFile> {
    let file = bounded::open_named(path)?;
    let facts = file.metadata()?;
    let mode = facts.permissions().mode() & 0o777;
    // Room for the whole file at once: a buffer that grows leaves copies of the key behind.
    let size = facts.len().min(MAX_BYTES);
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    file.take(MAX_BYTES).read_to_end(&mut content)?;
    if let Ok(key) = PrivateKey::from_openssh(content.as_slice()).map(Box::new) {
        return Ok(KeyFile::Private { key, mode });
    }
    let public = std::str::from_utf8(&content).ok().and_then(key_in);
    Ok(public.map_or(KeyFile::Other, KeyFile::Public))
}

/// The name of the public half of a private key.
pub(super) fn public_path(private: &Path) -> PathBuf {
    let mut name = OsString::from(private);
    name.push(".pub");
    name.into()
}

/// The name of the private half of a public key, if that ends in `.pub`.
pub(super) fn private_path(public: &Path) -> Option<PathBuf> {
    (public.extension()? == "pub").then(|| public.with_extension(""))
}

/// Whether anybody but the owner may do anything with a file of these permissions.
pub(super) fn open_to_others(mode: u32) -> bool {
    mode & 0o077 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_halves_find_each_other() {
        for private in ["/k/id_ed25519", "/k/bench.v1", "key"] {
            let public = public_path(Path::new(private));
            assert_eq!(private_path(&public), Some(PathBuf::from(private)));
        }
        assert_eq!(private_path(Path::new("/k/id_ed25519")), None);
    }

    #[test]
    fn only_the_owner_may_read_a_private_key() {
        assert!(!open_to_others(0o600));
        assert!(!open_to_others(0o400));
        for mode in [0o644, 0o640, 0o604, 0o610, 0o601] {
            assert!(open_to_others(mode), "{mode:o}");
        }
    }
}
